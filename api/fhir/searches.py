"""Search in a person's record or in the directories, and ``$everything`` of a person (FHIR R4,
search.html, operation-patient-everything.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import Refused, not_found
from api.fhir import events, provenances, replies
from api.fhir.everything import Wanted, parameters_of, wanted_of
from api.fhir.matching import (
    included_in,
    matching,
    patient_of,
    searched,
    self_link,
    understood,
)
from api.fhir.paging import PAGES, Rest
from api.fhir.visit import Visit
from ledger.fhir.bundles import Match, searchset
from ledger.fhir.searching import Query, personal
from ledger.resources.shelf import Shelf, Stored
from ledger.wire.ids import ChainId, Position

COUNT: Final = 50
PAGE_BYTES: Final = 16 << 20
"""Sealed bytes of a page's resources; a single one may be larger."""
MOST: Final = 250
"""Resources of one page; with what is included at most as many again."""
_PAGE: Final = "_page"
Views: TypeAlias = Mapping[Position, bytes]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search found: a first page, and what is left."""

    record: ChainId | None
    denied: frozenset[ChainId]
    page: list[Stored]
    more: list[Stored]
    rest: list[Stored]
    total: int
    patient: str | None
    """Public id of the person's first Patient."""


async def search(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/T?…`` and ``POST /fhir/T/_search``"""
    visit, type_ = Visit.of(request), request.match_info["type"]
    visit.demand(Interaction.SEARCH, type_)
    pairs = [*request.query.items()]
    if request.method == "POST":
        pairs += _form(await request.read())
    if (name := dict(pairs).get(_PAGE)) is not None:
        return await _next_page(visit, type_, name)
    return replies.body(visit, await answered(visit, type_, pairs, strict=_is_strict(request)))


async def of_patient(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/Patient/id/T?…`` and ``POST /fhir/Patient/id/T/_search``: in a person's record,
    which R4 calls the compartment (search.html#2.21.1.2).
    """
    visit, type_ = Visit.of(request), request.match_info["type"]
    visit.demand(Interaction.SEARCH, type_)
    names = personal(type_)
    if not names:
        raise not_found()
    pairs = [*request.query.items()]
    if request.method == "POST":
        pairs += _form(await request.read())
    name = "patient" if "patient" in names else min(names)
    pairs.append((name, f"Patient/{request.match_info['id']}"))
    return replies.body(visit, await answered(visit, type_, pairs, strict=_is_strict(request)))


def _is_strict(request: web.Request) -> bool:
    return replies.prefer(request, "handling", "lenient") == "strict"


def _form(body: bytes) -> list[tuple[str, str]]:
    """Raises Refused 400."""
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Refused(
            400, "the body is no form of UTF-8 text", hint="encode it", code="structure"
        ) from None


async def answered(
    visit: Visit, type_: str, pairs: Iterable[tuple[str, str]], *, strict: bool
) -> bytes:
    """The Bundle that a search of a type gives, whatever it is told from."""
    told = {events.TYPE: events.search, provenances.TYPE: provenances.search}.get(type_)
    return await (told or found)(visit, type_, pairs, strict=strict)


async def found(
    visit: Visit, type_: str, pairs: Iterable[tuple[str, str]], *, strict: bool
) -> bytes:
    """The Bundle that a search among resources gives."""
    query = understood(visit, type_, pairs, strict=strict)
    result = await visit.bridge.call(_find, visit, query)
    visit.note_denials(result.denied)
    link = self_link(query, result.patient)
    total = None if query.total == "none" and not query.total_only else result.total
    views = await visit.release(
        [(one, one.current) for one in (*result.page, *result.more)],
        [result.record] if result.record is not None else [],
        query=link,
    )
    links = [("self", f"{visit.base}/{link}")]
    if result.rest:
        rest = Rest(
            visit.caller.actor,
            result.record,
            type_,
            tuple((one.type, one.identity) for one in result.rest),
            _count(query.count),
            total,
            link,
        )
        links.append(("next", _page_link(visit, type_, rest)))
    entries = [
        *_matches(visit, result.page, views, included=False),
        *_matches(visit, result.more, views, included=True),
    ]
    return searchset(entries, total=total, links=links)


def _find(visit: Visit, query: Query) -> _Found:
    place = searched(visit, query, Interaction.SEARCH)
    everything = matching(query, place.shelves)
    page, rest = _page(everything, 0 if query.total_only else _count(query.count))
    rest = [] if query.total_only else rest
    more, _ = _page(included_in(visit, query, page, place.shelves), MOST)
    return _Found(place.record, place.denied, page, more, rest, len(everything), patient_of(place))


def _page(resources: list[Stored], count: int) -> tuple[list[Stored], list[Stored]]:
    """The first ``count``, or fewer where they are large, but one; and what is left."""
    size = 0
    for number, one in enumerate(resources[:count]):
        size += one.current.size
        if size > PAGE_BYTES and number:
            return resources[:number], resources[number:]
    return resources[:count], resources[count:]


def _count(asked: int | None) -> int:
    return COUNT if asked is None else min(asked, MOST)


def _page_link(visit: Visit, type_: str, rest: Rest) -> str:
    return f"{visit.base}/{type_}?{_PAGE}={visit.app[PAGES].keep(rest)}"


def _matches(
    visit: Visit, resources: Sequence[Stored], views: Views, *, included: bool
) -> list[Match]:
    return [
        Match(
            f"{visit.base}/{one.type}/{one.identity}",
            views[one.current.place],
            "include" if included else "match",
        )
        for one in resources
        if one.current.place in views
    ]


async def _next_page(visit: Visit, type_: str, name: str) -> web.StreamResponse:
    rest = visit.app[PAGES].get(name, visit.caller.actor)
    if rest is None or rest.resource_type != type_:
        raise Refused(410, "this page is not kept any more", hint="search again", code="expired")
    if rest.record is not None and not await visit.may(Interaction.SEARCH, type_, rest.record):
        raise not_found()
    if type_ == events.TYPE:
        link = f"{visit.base}/{type_}?{_PAGE}={name}"
        return replies.body(visit, await events.page(visit, rest, link))
    there = await visit.bridge.call(_still_there, visit, rest)
    page, over = _page(there, rest.count)
    views = await visit.release(
        [(one, one.current) for one in page],
        [rest.record] if rest.record is not None else [],
        query=rest.query,
    )
    links = [("self", f"{visit.base}/{type_}?{_PAGE}={name}")]
    ids = (*((one.type, one.identity) for one in over), *rest.ids[rest.count :])
    if ids:
        links.append(("next", _page_link(visit, type_, replace(rest, ids=ids))))
    entries = _matches(visit, page, views, included=False)
    return replies.body(visit, searchset(entries, total=rest.total, links=links))


def _still_there(visit: Visit, rest: Rest) -> list[Stored]:
    shelves = _shelves(visit, rest)
    page = []
    for type_, identity in rest.ids[: rest.count]:
        stored = next(
            (one for shelf in shelves if (one := shelf.get(type_, identity)) is not None), None
        )
        # The token may be another one than the first page was asked for with.
        reached = visit.reaches(Interaction.SEARCH, type_)
        if reached and stored is not None and stored.content is not None:
            page.append(stored)
    return page


def _shelves(visit: Visit, rest: Rest) -> list[Shelf]:
    library = visit.desk.library
    chains = library.directories() if rest.record is None else [rest.record]
    return [library.shelf(chain, visit.viewer) for chain in chains]


async def everything(request: web.Request) -> web.StreamResponse:
    """``GET`` and ``POST /fhir/Patient/id/$everything``"""
    visit, identity = Visit.of(request), request.match_info["id"]
    visit.demand(Interaction.EVERYTHING, "Patient")
    pairs = [*request.query.items()]
    if request.method == "POST" and (raw := await request.read()):
        pairs += await visit.bridge.call(parameters_of, raw)
    wanted = wanted_of(pairs)
    place = await visit.find("Patient", identity, Interaction.EVERYTHING)
    resources = await visit.bridge.call(_reached, visit, wanted, place.shelf)
    count = _count(wanted.count)
    page, left = _page(resources, count)
    link = f"Patient/{identity}/$everything"
    views = await visit.release([(one, one.current) for one in page], [place.chain], query=link)
    links = [("self", f"{visit.base}/{link}")]
    if left:
        rest = Rest(
            visit.caller.actor,
            place.chain,
            "Patient",
            tuple((one.type, one.identity) for one in left),
            count,
            len(resources),
            link,
        )
        links.append(("next", _page_link(visit, "Patient", rest)))
    entries = _matches(visit, page, views, included=False)
    return replies.body(visit, searchset(entries, total=len(resources), links=links))


def _reached(visit: Visit, wanted: Wanted, shelf: Shelf) -> list[Stored]:
    """What is wanted of a record, as far as the scope reaches, which is asked once a type."""
    taken = [one for one in shelf.resources.values() if wanted.takes(one)]
    types = {one.type for one in taken}
    reached = {type_ for type_ in types if visit.reaches(Interaction.SEARCH, type_)}
    return [one for one in taken if one.type in reached]
