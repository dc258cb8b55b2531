"""create, update and delete: a new entry, an amendment, a retraction; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from api.auth.decision import Interaction
from api.desk import OPENING, keys_to_change
from api.errors import Refused
from api.fhir import replies
from api.fhir.conditions import check_match
from api.fhir.formats import FORM
from api.fhir.matching import matched_by
from api.fhir.visit import Place, Visit, appended, refuse_nobody
from ledger.errors import Misaddressed
from ledger.fhir.view import view
from ledger.identity.roles import INSTITUTIONS
from ledger.resources.naming import public_id
from ledger.resources.shelf import Stored
from ledger.resources.writing import Plan, Planned
from ledger.wire.ids import Position

DELETED: Final = "deleted by its sender"
"""The reason that a retraction gives."""


@dataclass(frozen=True, slots=True)
class Written:
    """One write, done."""

    made: replies.Made
    entry: int
    status: int


async def create(request: web.Request) -> web.StreamResponse:
    """``POST /fhir/T``"""
    visit, type_ = Visit.of(request), request.match_info["type"]
    visit.demand(Interaction.CREATE, type_)
    raw = await request.read()
    done = await created(visit, type_, raw, _condition(request))
    return replies.written(visit, request, done.entry, done.status, done.made)


def _condition(request: web.Request) -> str | None:
    """``If-None-Exist``. Some clients (fhirpy, after Aidbox) write the search behind the URL: taken
    as no condition, it would make a second resource of what they meant to be one.
    """
    asked = search_behind(request)
    header = request.headers.get("If-None-Exist")
    if asked is not None and header is not None:
        raise Refused(
            400,
            "the condition is given twice",
            hint="write If-None-Exist, and nothing behind the URL",
            code="invalid",
        )
    return asked if header is None else header


def search_behind(request: web.Request) -> str | None:
    """What the URL of a write searches for."""
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in FORM]) or None


async def created(visit: Visit, type_: str, raw: bytes, if_none_exist: str | None) -> Written:
    """A new resource, unless the condition finds one or its sender sent the same bytes before."""
    if if_none_exist is not None:
        visit.demand(Interaction.SEARCH, type_)
    async with visit.desk.locks.held(keys_to_create(visit, type_, raw, if_none_exist)):
        if if_none_exist is not None:
            found = await matched_by(visit, type_, if_none_exist)
            if found is not None:
                return await standing(visit, found)
        return await create_now(visit, type_, raw)


async def create_now(visit: Visit, type_: str, raw: bytes) -> Written:
    """The same for who holds ``keys_to_create``, and whose condition found nothing."""
    plan, planned = await visit.plan(_planned, visit, type_, raw)
    await allow(visit, planned, type_)
    if planned.known is not None:
        return await visit.bridge.call(_known, visit, planned, raw)
    outcomes = await visit.bridge.append(plan.submissions)
    index = appended(outcomes)[planned.at].index
    return await visit.bridge.call(made_of, visit, planned, raw, Position(index), 1, 201)


def keys_to_create(
    visit: Visit, type_: str, raw: bytes, if_none_exist: str | None
) -> Iterator[bytes]:
    """What must be held meanwhile: the same bytes of one sender are one resource, and a condition
    is looked up once. A sender is an institution, whoever of it sends.
    """
    yield sha256((visit.caller.institution or visit.caller.actor) + raw).digest()
    if if_none_exist is not None:
        yield sha256(if_none_exist.encode(errors="surrogateescape")).digest()
    if type_ == "Patient":
        yield OPENING


def _planned(visit: Visit, type_: str, raw: bytes) -> tuple[Plan, Planned]:
    plan = plan_of(visit)
    planned = plan.create(raw)
    check_type(planned, type_)
    return plan, planned


def plan_of(visit: Visit) -> Plan:
    """An empty plan of this caller."""
    desk = visit.desk
    return Plan(desk.log, desk.library, desk.gateway, visit.caller.actor)


def check_type(planned: Planned, type_: str) -> None:
    """Raises Misaddressed where the body is of another type than the URL."""
    if planned.resource.resource_type != type_:
        raise Misaddressed(
            f"the body is a {planned.resource.resource_type}, the URL is of {type_}",
            hint="send it to the URL of its own type",
        )


async def allow(visit: Visit, planned: Planned, type_: str) -> None:
    """Whether the caller may write where the resource belongs. Raises what a resource of nobody is
    refused with.
    """
    is_record = planned.opens or await visit.bridge.call(
        visit.desk.library.is_record, planned.chain
    )
    if planned.opens or not is_record:
        # A record is opened, and a directory kept, by institutions.
        if visit.caller.role not in INSTITUTIONS:
            raise refuse_nobody()
    elif not await visit.may(Interaction.CREATE, type_, planned.chain):
        raise refuse_nobody()


def _known(visit: Visit, planned: Planned, raw: bytes) -> Written:
    """The same bytes stand already: as their first version, with 200."""
    place = planned.known
    assert place is not None
    return made_of(visit, planned, raw, place, 1, 200)


def made_of(
    visit: Visit,
    planned: Planned,
    raw: bytes,
    place: Position,
    number: int,
    status: int,
    identity: str = "",
) -> Written:
    """What was written there, as its writer is shown it. Looks up."""
    log, library = visit.desk.log, visit.desk.library
    received_ms = log.reader.entry(*place).leaf.received_ms
    identity = identity or public_id(log.reader, place)
    leads = library.leads(library.joined(planned.chain))
    writer = visit.caller.actor
    text = view(raw, identity, number, received_ms, lambda name: leads.of(writer, name))
    reference = f"{planned.resource.resource_type}/{identity}"
    return Written(replies.Made(reference, number, received_ms, text), place.at, status)


async def standing(visit: Visit, place: Place) -> Written:
    """What a condition found, read as any other content is."""
    stored, version = place.stored, place.stored.current
    records = [place.chain] if place.is_record else []
    views = await visit.release([(stored, version)], records)
    if version.place not in views:
        raise replies.gone(stored)
    reference = f"{stored.type}/{stored.identity}"
    made = replies.Made(reference, version.number, version.received_ms, views[version.place])
    return Written(made, version.place.at, 200)


async def update(request: web.Request) -> web.StreamResponse:
    """``PUT /fhir/T/id``"""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.UPDATE, type_)
    raw = await request.read()
    given = request.headers.get
    done = await updated(visit, type_, identity, raw, given("If-Match"), given("If-None-Match"))
    return replies.written(visit, request, done.entry, done.status, done.made)


async def updated(
    visit: Visit,
    type_: str,
    identity: str,
    raw: bytes,
    if_match: str | None,
    if_none_match: str | None,
) -> Written:
    """A new version."""
    async with visit.desk.locks.held(keys_to_change(type_, identity)):
        place = await visit.find(type_, identity, Interaction.UPDATE)
        check_match(if_match, if_none_match, place.stored)
        return await update_now(visit, place, raw)


async def update_now(visit: Visit, place: Place, raw: bytes, *, named: bool = True) -> Written:
    """The same for who holds ``keys_to_change``. ``named``: the body must have the id."""
    plan = plan_of(visit)
    planned = await visit.plan(plan.amend, place.stored, raw, named=named)
    outcomes = await visit.bridge.append(plan.submissions)
    at = Position(appended(outcomes)[planned.at].index)
    number = next_number(place.stored)
    return await visit.bridge.call(
        made_of, visit, planned, raw, at, number, 200, place.stored.identity
    )


async def delete(request: web.Request) -> web.StreamResponse:
    """``DELETE /fhir/T/id``: a retraction. What is retracted already stays so."""
    visit = Visit.of(request)
    type_, identity = request.match_info["type"], request.match_info["id"]
    visit.demand(Interaction.DELETE, type_)
    entry, number = await deleted(visit, type_, identity, request.headers.get("If-Match"))
    headers = {"ETag": replies.etag(number), **visit.headers()}
    if entry is not None:
        headers["Entry"] = str(entry)
    return web.Response(status=204, headers=headers)


async def deleted(
    visit: Visit, type_: str, identity: str, if_match: str | None
) -> tuple[int | None, int]:
    """Its entry, None where it was retracted before, and its number."""
    async with visit.desk.locks.held(keys_to_change(type_, identity)):
        place = await visit.find(type_, identity, Interaction.DELETE)
        check_match(if_match, None, place.stored)
        if place.stored.current.deleted:
            return None, place.stored.current.number
        plan = plan_of(visit)
        at = await visit.bridge.call(plan.retract, place.stored, DELETED)
        outcomes = await visit.bridge.append(plan.submissions)
        return appended(outcomes)[at].index, next_number(place.stored)


def next_number(stored: Stored) -> int:
    """Of the version behind the current one."""
    return stored.current.number + 1
