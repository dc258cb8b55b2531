"""A record as FHIR resources: each document with its id and its versions, as one viewer sees it.

What is joined with the record belongs to it. Versions are numbered from 1 in the order of the line;
a retraction is a version too, without content. What the viewer is not shown (a draft, what was not
shared with the person, what is being prepared) is not there for it; what was erased is there
without content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from ledger.fhir.instants import instant
from ledger.fhir.searching import Values
from ledger.fhir.searching.dates import span
from ledger.fhir.searching.values import Reference, Token, Value
from ledger.reader import Reader
from ledger.record.model import (
    Document,
    Hidden,
    Retraction,
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

    def of_type(self, resource_type: str) -> Iterator[Stored]:
        return (one for one in self.resources.values() if one.type == resource_type)


def shelf_of(
    reader: Reader, timeline: Timeline, indexed: Mapping[Position, Indexed], leads: Leads
) -> Shelf:
    """A timeline as resources; documents that hold no FHIR are none."""
    found = {}
    for item in timeline.items:
        if isinstance(item, Document):
            stored = _stored(reader, item, indexed, leads)
            if stored is not None:
                found[stored.identity] = stored
    return Shelf(timeline.records, found)


def _stored(
    reader: Reader, document: Document, indexed: Mapping[Position, Indexed], leads: Leads
) -> Stored | None:
    kinds = {
        indexed[one.signed.position].type
        for one in document.versions
        if one.signed.position in indexed
    }
    if len(kinds) != 1:
        return None
    steps: list[Version | Retraction] = [*document.versions, *document.retractions]
    steps.sort(key=lambda one: one.signed.position.order)
    identity = public_id(reader, document.first)
    versions = [
        _version(number, step, indexed, identity, leads)
        for number, step in enumerate(steps, 1)
        if isinstance(step, Retraction) or step.hidden is None or step.hidden in _GONE
    ]
    if all(one.deleted for one in versions):
        return None
    return Stored(identity, kinds.pop(), document.chain, tuple(versions))


def _version(
    number: int,
    step: Version | Retraction,
    indexed: Mapping[Position, Indexed],
    identity: str,
    leads: Leads,
) -> StoredVersion:
    signed = step.signed
    header = step.header if isinstance(step, Version) else None
    writer = signed.author if header is None else header.on_behalf_of or signed.author
    known = indexed.get(signed.position) if header is not None else None
    values = None
    if known is not None:
        values = _as_viewed(known.values, identity, signed.received_ms, writer, leads)
    return StoredVersion(
        number,
        signed.position,
        signed.received_ms,
        signed.author,
        writer,
        values,
        deleted=isinstance(step, Retraction),
    )


def _as_viewed(
    values: Values, identity: str, received_ms: int, writer: ActorId, leads: Leads
) -> Values:
    """The values of the FHIR view, from those of the author's text."""
    moment = span(instant(received_ms), UTC)
    found: list[tuple[str, tuple[Value, ...]]] = [("_id", (Token("", identity),))]
    if moment is not None:
        found.append(("_lastUpdated", (moment,)))
    for name, ones in values.found:
        if name not in ("_id", "_lastUpdated"):
            found.append((name, tuple(_led(one, writer, leads) for one in ones)))
    return Values(values.resource_type, tuple(found))


def _led(value: Value, writer: ActorId, leads: Leads) -> Value:
    if not isinstance(value, Reference) or not value.target:
        return value
    return value._replace(target=leads.of(writer, value.target) or value.target)
