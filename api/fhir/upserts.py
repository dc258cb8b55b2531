"""Conditional update: what a search finds is amended, and created where it finds nothing (FHIR R4,
http.html#cond-update).
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.auth.decision import Interaction
from api.desk import keys_to_change
from api.errors import Refused
from api.fhir import replies
from api.fhir.changes import (
    Written,
    create_now,
    keys_to_create,
    search_behind,
    update_now,
)
from api.fhir.conditions import check_match, check_still
from api.fhir.matching import matched_by
from api.fhir.visit import Visit
from ledger.fhir import jsontext

_NEEDS: Final = (Interaction.UPDATE, Interaction.SEARCH, Interaction.CREATE)


async def update(request: web.Request) -> web.StreamResponse:
    """``PUT /fhir/T?…``"""
    visit, type_ = Visit.of(request), request.match_info["type"]
    for interaction in _NEEDS:
        visit.demand(interaction, type_)
    condition = search_behind(request)
    if condition is None:
        raise Refused(
            400,
            "the update names no resource",
            hint="write Type/id, or Type? and a search",
            code="required",
        )
    given = request.headers.get
    done = await _updated(
        visit, type_, condition, await request.read(), given("If-Match"), given("If-None-Match")
    )
    return replies.written(visit, request, done.entry, done.status, done.made)


async def _updated(
    visit: Visit,
    type_: str,
    condition: str,
    raw: bytes,
    if_match: str | None,
    if_none_match: str | None,
) -> Written:
    # What has to be held is known once it is found; what was found is looked for again then.
    found = await matched_by(visit, type_, condition)
    keys = [*keys_to_create(visit, type_, raw, condition)]
    if found is not None:
        keys += keys_to_change(type_, found.stored.identity)
    async with visit.desk.locks.held(keys):
        now = await matched_by(visit, type_, condition)
        check_still(None if found is None else found.stored, None if now is None else now.stored)
        if now is None:
            await visit.bridge.call(_check_unnamed, raw)
            return await create_now(visit, type_, raw)
        place = await visit.find(type_, now.stored.identity, Interaction.UPDATE)
        check_match(if_match, if_none_match, place.stored)
        return await update_now(visit, place, raw, named=False)


def _check_unnamed(raw: bytes) -> None:
    """Raises Refused 400: an id that a client chose makes no resource."""
    sent = jsontext.parse(raw)
    if isinstance(sent, dict) and "id" in sent:
        raise Refused(
            400,
            "the search finds nothing, and the resource has an id",
            hint="leave the id out: it is given here",
            code="invalid",
        )
