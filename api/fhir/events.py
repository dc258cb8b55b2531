"""AuditEvent: who looked at a record, told from its access entries (IHE BALP).

What an access was for is sealed, so reading the history is reading: it leaves an access entry too.
It is shown to the person, and to whoever acts in the person's right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, Final

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import not_found
from api.fhir import replies
from api.fhir.matching import patient_of, searched, self_link, understood
from api.fhir.paging import PAGES, Rest
from api.fhir.visit import Visit
from ledger.fhir.auditing import Service, audit_event
from ledger.fhir.bundles import Match, searchset
from ledger.fhir.instants import instant
from ledger.fhir.searching import Query, Values, extract, matches
from ledger.fhir.searching.dates import span
from ledger.fhir.searching.values import Token
from ledger.log import Entry
from ledger.record.model import Viewer
from ledger.resources.events import Events
from ledger.resources.naming import place_of, public_id
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position

TYPE: Final = "AuditEvent"
COUNT: Final = 50
MOST: Final = 250
_KNOWN_UNOPENED: Final = frozenset({"_id", "_lastUpdated", "date"})
"""What an access entry says without being opened."""
Fields = Mapping[str, cbor.Decoded]


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/AuditEvent/id``"""
    visit = Visit.of(request)
    visit.demand(Interaction.READ, TYPE)
    entry = await visit.bridge.call(_access_entry, visit, request.match_info["id"])
    if entry is None or visit.viewer is not Viewer.PERSON:
        raise not_found()
    record = entry.leaf.claim.chain
    if not await visit.may(Interaction.READ, TYPE, record):
        raise not_found()
    (found,) = await _told(visit, record, [entry], None)
    return replies.body(visit, replies.as_bytes(found))


def _access_entry(visit: Visit, identity: str) -> Entry | None:
    reader = visit.desk.log.reader
    place = place_of(reader, identity)
    entry = None if place is None else reader.entry(*place)
    return entry if entry is not None and entry.leaf.claim.kind is Kind.ACCESS else None


async def search(
    visit: Visit, _type: str, pairs: Iterable[tuple[str, str]], *, strict: bool
) -> bytes:
    """``GET /fhir/AuditEvent?patient=…``: the newest first."""
    query = understood(visit, TYPE, pairs, strict=strict)
    if visit.viewer is not Viewer.PERSON:
        return searchset([], total=0, links=[("self", f"{visit.base}/{self_link(query, None)}")])
    place = await visit.bridge.call(searched, visit, query, Interaction.SEARCH)
    visit.note_denials(place.denied)
    link = self_link(query, patient_of(place))
    if place.record is None:
        return searchset([], total=0, links=[("self", f"{visit.base}/{link}")])
    found = await visit.bridge.call(_matching, visit, place.record, query)
    count = 0 if query.total_only else min(COUNT if query.count is None else query.count, MOST)
    ids = tuple((TYPE, public_id(visit.desk.log.reader, one)) for one in found)
    rest = Rest(visit.caller.actor, place.record, TYPE, ids, count, len(found), link)
    return await page(visit, rest, f"{visit.base}/{link}")


async def page(visit: Visit, rest: Rest, self_link: str) -> bytes:
    """The next of these events; the caller may see them."""
    assert rest.record is not None
    ids = [identity for _, identity in rest.ids[: rest.count]]
    entries = await visit.bridge.call(_entries, visit, rest.record, ids)
    told = await _told(visit, rest.record, entries, rest.query)
    matched = [Match(f"{visit.base}/{TYPE}/{one['id']}", replies.as_bytes(one)) for one in told]
    links = [("self", self_link)]
    if 0 < rest.count < len(rest.ids):
        left = replace(rest, ids=rest.ids[rest.count :])
        links.append(("next", f"{visit.base}/{TYPE}?_page={visit.app[PAGES].keep(left)}"))
    return searchset(matched, total=rest.total, links=links)


def _entries(visit: Visit, record: ChainId, ids: Sequence[str]) -> list[Entry]:
    found = (_access_entry(visit, identity) for identity in ids)
    there = frozenset(visit.desk.library.joined(record))
    return [one for one in found if one is not None and one.leaf.claim.chain in there]


def _matching(visit: Visit, record: ChainId, query: Query) -> list[Position]:
    """Access entries that fit, read and opened for that only where the query asks for it."""
    reader, library = visit.desk.log.reader, visit.desk.library
    places = library.accesses(record)
    if not query.criteria:
        return places
    outside = tuple(one for one in query.criteria if one.parameter.name in _KNOWN_UNOPENED)
    entries = [reader.entry(*place) for place in places]
    by_time = replace(query, criteria=outside)
    entries = [one for one in entries if matches(by_time, _values(visit, one))]
    if len(outside) == len(query.criteria):
        return [one.position for one in entries]
    events = _events(visit, record)
    opened = library.headers([one.position for one in entries])
    found: list[Position] = []
    for entry in entries:
        told = _event(visit, events, entry, opened.get(entry.position, {}))
        if told is not None and matches(query, extract(TYPE, told)):
            found.append(entry.position)
    return found


def _values(visit: Visit, entry: Entry) -> Values:
    when = span(instant(entry.leaf.received_ms), UTC)
    assert when is not None
    identity = Token("", public_id(visit.desk.log.reader, entry.position))
    return Values(TYPE, (("_id", (identity,)), ("_lastUpdated", (when,)), ("date", (when,))))


async def _told(
    visit: Visit, record: ChainId, entries: Sequence[Entry], query: str | None
) -> list[dict[str, Any]]:
    """The events of access entries, read behind another one."""
    named: dict[ChainId, list[Entry]] = {record: []}
    for entry in entries:
        named.setdefault(entry.leaf.claim.chain, []).append(entry)
    contents = await visit.release_entries(named, query=query)
    headers = {place: content.header for place, content in contents.items()}
    return await visit.bridge.call(_as_events, visit, record, entries, headers)


def _as_events(
    visit: Visit,
    record: ChainId,
    entries: Sequence[Entry],
    headers: Mapping[Position, Fields],
) -> list[dict[str, Any]]:
    events = _events(visit, record)
    told = (_event(visit, events, one, headers.get(one.position, {})) for one in entries)
    return [one for one in told if one is not None]


def _events(visit: Visit, record: ChainId) -> Events:
    desk = visit.desk
    shelf = desk.library.shelf(record, visit.viewer)
    return Events(desk.log, desk.names, shelf, desk.gateway.id)


def _event(visit: Visit, events: Events, entry: Entry, fields: Fields) -> dict[str, Any] | None:
    access = events.access(entry, fields) if fields else None
    if access is None:
        return None
    origin = visit.desk.log.layout.origin
    return audit_event(access, Service(visit.base, origin, origin))
