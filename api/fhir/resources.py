"""read, vread and history of one resource (FHIR R4, http.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import not_found
from api.fhir import replies
from api.fhir.conditions import is_known
from api.fhir.searches import MOST, PAGE_BYTES
from api.fhir.visit import Place, Visit
from ledger.fhir.bundles import Past, history
from ledger.resources.shelf import StoredVersion

Method: TypeAlias = Literal["POST", "PUT", "DELETE"]
_STATUS: Final[Mapping[Method, str]] = {"POST": "201", "PUT": "200", "DELETE": "204"}


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T/id``"""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.READ, type_)
    place = await visit.find(type_, identity, Interaction.READ)
    given = request.headers.get
    if await unread(visit, place, given("If-None-Match"), given("If-Modified-Since")):
        return replies.unchanged(visit, place.stored.current)
    return await _version(visit, place, place.stored.current)


async def unread(
    visit: Visit, place: Place, if_none_match: str | None, if_modified_since: str | None
) -> bool:
    """Whether nothing is read, for the reader has this version already. That it still stands is
    told behind an access entry too, which names no content.
    """
    stored = place.stored
    if stored.content is None or not is_known(if_none_match, if_modified_since, stored.content):
        return False
    records = [place.chain] if place.is_record else []
    await visit.release([], records, query=f"{stored.type}/{stored.identity}")
    return True


async def vread(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T/id/_history/n``"""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.VREAD, type_)
    place = await visit.find(type_, identity, Interaction.VREAD)
    text = request.match_info["version"]
    version = place.stored.version(int(text)) if text.isdecimal() and len(text) < 10 else None
    if version is None:
        raise not_found()
    return await _version(visit, place, version)


async def _version(visit: Visit, place: Place, version: StoredVersion) -> web.Response:
    if version.values is None:
        raise replies.gone(place.stored)
    records = [place.chain] if place.is_record else []
    views = await visit.release([(place.stored, version)], records)
    content = views.get(version.place)
    if content is None:
        raise replies.gone(place.stored)
    return replies.resource(visit, version, content)


async def past(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T/id/_history``: the newest versions first, as many as a page holds; the others
    can be read one by one.
    """
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.HISTORY, type_)
    place = await visit.find(type_, identity, Interaction.HISTORY)
    stored = place.stored
    versions = _newest(stored.versions)
    views = await visit.release(
        [(stored, version) for version in versions],
        [place.chain] if place.is_record else [],
        query=f"{type_}/{identity}/_history",
    )
    reference = f"{type_}/{identity}"
    entries = [
        Past(
            f"{visit.base}/{reference}",
            views.get(version.place),
            _method(version),
            type_ if version.number == 1 else reference,
            _STATUS[_method(version)],
            version.number,
            version.received_ms,
        )
        for version in versions
    ]
    link = f"{visit.base}/{reference}/_history"
    return replies.body(visit, history(entries, total=len(stored.versions), links=[("self", link)]))


def _newest(versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """As many as a page holds, and one at least."""
    taken: list[StoredVersion] = []
    for version in reversed(versions):
        size = version.size + sum(one.size for one in taken)
        if taken and (size > PAGE_BYTES or len(taken) == MOST):
            break
        taken.append(version)
    return taken


def _method(version: StoredVersion) -> Method:
    if version.deleted:
        return "DELETE"
    return "POST" if version.number == 1 else "PUT"
