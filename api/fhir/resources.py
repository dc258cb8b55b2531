"""read and vread of one resource (FHIR R4, http.html)."""

from __future__ import annotations

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import not_found
from api.fhir import replies
from api.fhir.conditions import is_known
from api.fhir.visit import Place, Visit
from ledger.resources.shelf import StoredVersion


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
