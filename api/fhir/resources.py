"""read, vread and history of one resource (FHIR R4, http.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import not_found
from api.fhir import replies
from api.fhir.searches import MOST, PAGE_BYTES
from api.fhir.visit import Place, Visit
from ledger.fhir.bundles import Past, history
from ledger.resources.shelf import StoredVersion

Method: TypeAlias = Literal["POST", "PUT", "DELETE"]


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T/id``"""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.READ, type_)
    place = await visit.find(type_, identity, Interaction.READ)
    return await _version(visit, place, place.stored.current)


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
            "201" if version.number == 1 else "200",
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
