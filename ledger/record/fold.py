"""Fold: entries of a record to documents, each with its versions, changes and retractions.

    record     begins a document
    amend      a new version; with ``content: kept`` a change of the version that it names
    retract    takes the document back as it stands then; a later version brings it back

An amendment whose target is not among the entries begins a document of its own, so that nothing
is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.record.header import RecordKind, Source, State
from ledger.record.model import Opened, Stage, Standing
from ledger.record.standing import is_qualified, kind_of, source_of
from ledger.wire.claim import Kind
from ledger.wire.ids import Hash

FOLDED = frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT})


@dataclass(slots=True, eq=False)
class Draft:
    """A version under construction."""

    entry: Opened
    parent: Draft | None
    kind: RecordKind
    source: Source
    declared: State | None
    """The state that its author gave, or that it inherits."""
    qualified: bool
    changes: list[tuple[Opened, bool]] = field(default_factory=list)
    """Each with whether it counts."""

    def stage(self, as_of_ms: int) -> tuple[Stage, int | None]:
        """How far it is, and when it was approved explicitly."""
        header, received = self.entry.header, self.entry.received_ms
        if header is None:
            return Stage.UNKNOWN, None
        if self.declared is None:
            return Stage.FINAL, None
        if self.declared is State.APPROVED and self.qualified:
            return Stage.APPROVED, received
        for change, counts in self.changes:
            if counts and change.header is not None and change.header.state is State.APPROVED:
                return Stage.APPROVED, change.received_ms
        at = self.approve_at_ms
        return (Stage.AUTOMATIC if at is not None and at <= as_of_ms else Stage.UNAPPROVED), None

    @property
    def approve_at_ms(self) -> int | None:
        header = self.entry.header
        if header is None or header.approve_after_ms is None:
            return None
        return self.entry.received_ms + header.approve_after_ms


@dataclass(slots=True)
class Folded:
    """A document under construction; everything in the order of the line."""

    versions: list[Draft]
    retractions: list[Opened] = field(default_factory=list)
    shared: bool = False


def fold(entries: Iterable[Opened], standing: Standing) -> list[Folded]:
    """Entries of the kinds ``FOLDED``, in the order of the line, to documents."""
    documents: list[Folded] = []
    at: dict[Hash, tuple[Folded, Draft]] = {}
    for entry in entries:
        found = None if entry.kind is Kind.RECORD else at.get(entry.amended)
        if found is None:
            draft = _version(entry, None, standing)
            document = Folded([draft])
            documents.append(document)
        else:
            document, target = found
            draft = _attach(entry, document, target, standing)
        at[entry.hash] = (document, draft)
        _share(entry, document, standing)
    return documents


def _attach(entry: Opened, document: Folded, target: Draft, standing: Standing) -> Draft:
    """Take an amendment or a retraction into its document; returns the version it is about."""
    if entry.kind is Kind.RETRACT:
        document.retractions.append(entry)
        return target
    if entry.header is not None and entry.header.keeps_content:
        target.changes.append((entry, is_qualified(entry, standing)))
        return target
    draft = _version(entry, target, standing)
    document.versions.append(draft)
    return draft


def _version(entry: Opened, parent: Draft | None, standing: Standing) -> Draft:
    source = source_of(entry, standing)
    kind, declared = kind_of(entry, source), None
    if entry.header is not None:
        declared = entry.header.state
        if parent is not None and entry.header.kind is None:
            kind = parent.kind
    if declared is None and parent is not None and parent.declared is not None:
        # What was never approved must not become visible because somebody forgot to say so.
        declared = State.UNAPPROVED
    return Draft(entry, parent, kind, source, declared, is_qualified(entry, standing))


def _share(entry: Opened, document: Folded, standing: Standing) -> None:
    """Sharing is for the document's first author, and for whoever may approve."""
    if entry.header is None or entry.header.shared is None:
        return
    first = document.versions[0].entry.author
    own = entry.author == first and not standing.is_contested(first, entry.position)
    if own or is_qualified(entry, standing):
        document.shared = entry.header.shared
