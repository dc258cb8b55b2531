"""The history of one resource (FHIR R4, http.html#history), the newest versions first.

GET /fhir/T/id/_history                       as many as a page holds
…/_history?_count=10                          as many of them
…/_history?_since=2026-01-01T00:00:00Z        what came at that instant or later
…/_history?_before=7                          our link to the next: those before version 7
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import Refused
from api.fhir import replies
from api.fhir.searches import MOST, PAGE_BYTES
from api.fhir.visit import Visit
from ledger.fhir.bundles import Past, history
from ledger.fhir.searching.dates import span
from ledger.resources.shelf import Stored, StoredVersion

Method: TypeAlias = Literal["POST", "PUT", "DELETE"]
_STATUS: Final[Mapping[Method, str]] = {"POST": "201", "PUT": "200", "DELETE": "204"}
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which versions are asked for."""

    since: str | None
    since_us: int
    count: int
    before: int | None

    def link(self, before: int | None) -> str:
        pairs = [
            ("_since", self.since),
            ("_count", None if self.count == MOST else self.count),
            ("_before", before),
        ]
        query = urlencode([(name, value) for name, value in pairs if value is not None])
        return f"_history?{query}" if query else "_history"


async def past(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T/id/_history``"""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.HISTORY, type_)
    asked = _asked(request)
    place = await visit.find(type_, identity, Interaction.HISTORY)
    stored = place.stored
    meant = [one for one in stored.versions if one.received_ms * 1_000 >= asked.since_us]
    left = [one for one in meant if asked.before is None or one.number < asked.before]
    versions = _newest(left, asked.count)
    views = await visit.release(
        [(stored, version) for version in versions],
        [place.chain] if place.is_record else [],
        query=f"{type_}/{identity}/_history",
    )
    here = f"{visit.base}/{type_}/{identity}"
    links = [("self", f"{here}/{asked.link(asked.before)}")]
    if 0 < len(versions) < len(left):
        links.append(("next", f"{here}/{asked.link(versions[-1].number)}"))
    entries = [_told(visit, stored, one, views.get(one.place)) for one in versions]
    return replies.body(visit, history(entries, total=len(meant), links=links))


def _asked(request: web.Request) -> _Asked:
    """Raises Refused 400."""
    query = request.query
    # A plus sign that was not encoded arrives as a space.
    since = query.get("_since", "").replace(" ", "+") or None
    begins = None if since is None else span(since)
    if since is not None and (begins is None or "T" not in since):
        raise _wrong("_since", "an instant, like 2026-01-31T09:00:00Z")
    count = _number(request, "_count")
    return _Asked(
        since,
        0 if begins is None else begins.low,
        MOST if count is None else min(count, MOST),
        _number(request, "_before"),
    )


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise _wrong(name, "a number")
    return int(text)


def _wrong(name: str, form: str) -> Refused:
    return Refused(400, f"{name} is not of its form", hint=f"write {form}", code="invalid")


def _newest(versions: Sequence[StoredVersion], count: int) -> list[StoredVersion]:
    """As many as a page holds, and one at least where any is asked for."""
    return list(_within(versions[::-1][:count]))


def _within(versions: Sequence[StoredVersion]) -> Iterator[StoredVersion]:
    size = 0
    for number, version in enumerate(versions):
        size += version.size
        if number and size > PAGE_BYTES:
            return
        yield version


def _told(visit: Visit, stored: Stored, version: StoredVersion, view: bytes | None) -> Past:
    method, reference = _method(version), f"{stored.type}/{stored.identity}"
    return Past(
        f"{visit.base}/{reference}",
        view,
        method,
        stored.type if version.number == 1 else reference,
        _STATUS[method],
        version.number,
        version.received_ms,
    )


def _method(version: StoredVersion) -> Method:
    if version.deleted:
        return "DELETE"
    return "POST" if version.number == 1 else "PUT"
