"""A record as FHIR resources: each document with its id and its versions, as one viewer sees it.

What is joined with the record belongs to it. Versions are numbered from 1 in the order of the line;
a retraction is a version too, without content. What the viewer is not shown (a draft, what was not
shared with the person, what is being prepared) is not there for it; what was erased is there
without content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.fhir.searching import Values
from ledger.fhir.searching.dates import Span
from ledger.fhir.searching.values import Reference, Token, Value
from ledger.reader import Reader
from ledger.record.model import (
    Document,
    Hidden,
    Retraction,
    Signed,
    Timeline,
    Version,
)
from ledger.resources.leads import Leads
from ledger.resources.naming import public_id
from ledger.resources.opened import Indexed
from ledger.wire.ids import ActorId, ChainId, Position

_GONE: Final = frozenset({Hidden.ERASED, Hidden.MALFORMED})


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a resource. ``place`` is that of its entry."""

    number: int
    place: Position
    received_ms: int
    author: ActorId
    writer: ActorId
    """On whose behalf, or the author."""
    size: int
    """Bytes of its sealed blob."""
    values: Values | None
    """None for a retraction, and where the content is gone."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource. ``versions`` are those that the viewer is shown, oldest first, never none."""

    identity: str
    type: str
    chain: ChainId
    versions: tuple[StoredVersion, ...]

    @property
    def current(self) -> StoredVersion:
        return self.versions[-1]

    @property
    def content(self) -> StoredVersion | None:
        """The current version, if it has a content."""
        return None if self.current.values is None else self.current

    def version(self, number: int) -> StoredVersion | None:
        return next((one for one in self.versions if one.number == number), None)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The resources of a record by id, in the order in which they began."""

    records: tuple[ChainId, ...]
    resources: Mapping[str, Stored]

    def get(self, resource_type: str, identity: str) -> Stored | None:
        stored = self.resources.get(identity)
        return stored if stored is not None and stored.type == resource_type else None

    def at(self, place: Position) -> Stored | None:
        """The resource of which a version that is shown here stands at a place."""
        for stored in self.resources.values():
            if any(version.place == place for version in stored.versions):
                return stored
        return None

    def of_type(self, resource_type: str) -> Iterator[Stored]:
        return (one for one in self.resources.values() if one.type == resource_type)


Viewed = dict[Position, Values]
"""Values as the FHIR view has them, for versions whose references all lead somewhere: these never
change, whatever else comes into the record.
"""


@dataclass(frozen=True, slots=True)
class Binding:
    """Makes a shelf of a timeline."""

    reader: Reader
    indexed: Mapping[Position, Indexed]
    leads: Leads
    viewed: Viewed

    def shelf(self, timeline: Timeline) -> Shelf:
        """Documents that hold no FHIR are no resources."""
        documents = (item for item in timeline.items if isinstance(item, Document))
        found = (self._stored(document) for document in documents)
        return Shelf(timeline.records, {one.identity: one for one in found if one is not None})

    def _stored(self, document: Document) -> Stored | None:
        kinds = {
            self.indexed[one.signed.position].type
            for one in document.versions
            if one.signed.position in self.indexed
        }
        if len(kinds) != 1:
            return None
        steps: list[Version | Retraction] = [*document.versions, *document.retractions]
        steps.sort(key=lambda one: one.signed.position.order)
        identity = public_id(self.reader, document.first)
        versions = [
            self._version(number, step, identity)
            for number, step in enumerate(steps, 1)
            if isinstance(step, Retraction) or step.hidden is None or step.hidden in _GONE
        ]
        if all(one.deleted for one in versions):
            return None
        return Stored(identity, kinds.pop(), document.chain, tuple(versions))

    def _version(self, number: int, step: Version | Retraction, identity: str) -> StoredVersion:
        signed = step.signed
        header = step.header if isinstance(step, Version) else None
        told = step if isinstance(step, Retraction) else header
        writer = signed.author if told is None else told.on_behalf_of or signed.author
        values = None
        if header is not None and signed.position in self.indexed:
            values = self.viewed.get(signed.position) or self._as_viewed(signed, identity, writer)
        return StoredVersion(
            number,
            signed.position,
            signed.received_ms,
            signed.author,
            writer,
            self.indexed[signed.position].size if values is not None else 0,
            values,
            deleted=isinstance(step, Retraction),
        )

    def _as_viewed(self, signed: Signed, identity: str, writer: ActorId) -> Values:
        """The values of the FHIR view, from those of the author's text."""
        values, settled = self.indexed[signed.position].values, True
        since = signed.received_ms * 1_000
        found: list[tuple[str, tuple[Value, ...]]] = [
            ("_id", (Token("", identity),)),
            ("_lastUpdated", (Span(since, since + 1_000),)),
        ]
        for pair in values.found:
            name, ones = pair
            if name in ("_id", "_lastUpdated"):
                continue
            if any(isinstance(one, Reference) for one in ones):
                led, all_led = self._led(ones, writer)
                settled = settled and all_led
                pair = (name, led)
            # Else the same object: two copies of everything would fill the memory.
            found.append(pair)
        viewed = Values(values.resource_type, tuple(found))
        if settled:
            self.viewed[signed.position] = viewed
        return viewed

    def _led(self, ones: tuple[Value, ...], writer: ActorId) -> tuple[tuple[Value, ...], bool]:
        """References as they lead, and whether all of them do."""
        led, settled = list(ones), True
        for at, one in enumerate(ones):
            if isinstance(one, Reference) and one.target:
                target = self.leads.of(writer, one.target)
                settled = settled and target is not None
                led[at] = one._replace(target=target or one.target)
        return tuple(led), settled
