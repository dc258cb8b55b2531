"""What views take and give.

In: ``Opened`` entries of one or more records, and a ``Standing``. Out: a ``Timeline`` of documents
and events, in which every entry that was received by then stands exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ledger.record.contents import Linked
from ledger.record.header import Header, RecordKind, Source
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash, Position


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry with what is sealed beside its content."""

    index: int
    hash: Hash
    kind: Kind
    chain: ChainId
    author: ActorId
    authored_ms: int
    """When its author says that it was written."""
    received_ms: int
    amended: Hash
    """Hash of the leaf that it changes, as its claim names it."""
    header: Header | None
    """None when it cannot be opened: erased, not asked for, or ``malformed``."""
    malformed: bool = False
    linked: Linked | None = None
    """What a link or an unlink names."""
    back: int = 0
    """How many logs of the line lie between its log and this one."""

    @property
    def position(self) -> Position:
        return Position(self.index, self.back)


class Standing(Protocol):
    """What the registry says at the time of the view."""

    def role(self, actor: ActorId) -> str | None: ...
    def is_contested(self, author: ActorId, position: Position) -> bool: ...


class Viewer(StrEnum):
    PERSON = "person"
    INSTITUTION = "institution"


class Stage(StrEnum):
    """How far a version of a document is, at the time of the view."""

    FINAL = "final"
    """Appended without a state: nothing is waited for."""
    UNAPPROVED = "unapproved"
    AUTOMATIC = "automatically approved"
    APPROVED = "approved"
    UNKNOWN = "unknown"
    """Its header cannot be read."""


class Hidden(StrEnum):
    """Why content is not shown."""

    PREPARING = "a document is being prepared"
    DRAFT = "an earlier draft"
    """A later version is shown."""
    NOT_SHARED = "not shared with the person"
    ERASED = "the content was erased"
    MALFORMED = "its author sealed it wrongly"
    MOVED_AWAY = "the content belonged to another record"


@dataclass(frozen=True, slots=True)
class Signed:
    """Who put an entry there, and when: known of every entry."""

    position: Position
    chain: ChainId
    kind: Kind
    author: ActorId
    authored_ms: int
    """When its author says that it was written."""
    received_ms: int
    contested: bool
    """The author's key was in doubt when it signed."""


@dataclass(frozen=True, slots=True)
class Change:
    """An amendment of the header only: an approval, or sharing."""

    signed: Signed
    header: Header | None
    counts: bool
    """Its author was entitled to it."""


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a document. Where ``hidden`` is set, nothing of its header is here but the
    machine, which is marked in every view.
    """

    signed: Signed
    amends: Position | None
    """Where the version stands that it changes."""
    stage: Stage
    approved_ms: int | None
    approve_at_ms: int | None
    """When it will be, or was, approved by time."""
    machine: str | None
    kind: RecordKind | None
    source: Source | None
    header: Header | None
    authored_ms: int | None
    hidden: Hidden | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Retraction:
    signed: Signed
    reason: str | None
    moved_away: bool
    stands: bool
    """False when the document was amended afterwards."""
    on_behalf_of: ActorId | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A record entry with all that amends it, newest version first."""

    chain: ChainId
    versions: tuple[Version, ...]
    retractions: tuple[Retraction, ...] = ()

    @property
    def first(self) -> Position:
        """Where the record entry stands."""
        return self.versions[-1].signed.position

    @property
    def retracted(self) -> Retraction | None:
        """The retraction that stands."""
        return next((one for one in self.retractions[::-1] if one.stands), None)

    @property
    def positions(self) -> tuple[Position, ...]:
        """All entries of the document, in order."""
        changes = [change.signed.position for one in self.versions for change in one.changes]
        versions = [one.signed.position for one in self.versions]
        retractions = [one.signed.position for one in self.retractions]
        return tuple(sorted([*versions, *changes, *retractions], key=lambda one: one.order))


@dataclass(frozen=True, slots=True)
class Event:
    """Any other entry: an opening, a link or its end, an access, an erasure."""

    signed: Signed
    header: Header | None = None
    linked: Linked | None = None
    ended: bool = False
    """A link that was ended."""

    @property
    def first(self) -> Position:
        return self.signed.position

    @property
    def positions(self) -> tuple[Position, ...]:
        return (self.signed.position,)


Item = Document | Event


@dataclass(frozen=True, slots=True)
class Timeline:
    """Items in the order in which they began. ``records`` are the joined ones, the asked one
    first.
    """

    viewer: Viewer
    as_of_ms: int
    records: tuple[ChainId, ...]
    items: tuple[Item, ...] = field(default=())
