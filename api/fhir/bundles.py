"""transaction and batch at ``POST /fhir`` (FHIR R4, http.html#transaction).

A batch is its parts, one after the other. A transaction is planned as a whole, decided as a whole
and handed in together: what one part is refused for, refuses all, and nothing is written. Its reads
come last and see what was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from api.auth.decision import Interaction
from api.desk import keys_to_change
from api.errors import Refused, refused
from api.fhir import replies
from api.fhir.changes import (
    DELETED,
    allow,
    check_type,
    created,
    deleted,
    keys_to_create,
    made_of,
    next_number,
    plan_of,
    standing,
    updated,
)
from api.fhir.conditions import check_match
from api.fhir.matching import matched_by, searched, understood
from api.fhir.resources import unread
from api.fhir.searches import PAGE_BYTES, answered
from api.fhir.visit import Place, Visit, appended
from api.keys import METRICS
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir.bundles import Part, Response, read_request, response
from ledger.fhir.outcome import Issue, outcome
from ledger.fhir.searching import DERIVED
from ledger.resources.writing import Plan, Planned
from ledger.wire.ids import Position

_ORDER: Final = ("DELETE", "POST", "PUT", "GET")


async def bundle(request: web.Request) -> web.StreamResponse:
    """``POST /fhir``"""
    visit = Visit.of(request)
    asked = await visit.bridge.call(read_request, await request.read())
    if asked.type == "batch":
        answers = [await _alone(visit, part) for part in asked.parts]
    else:
        for part in asked.parts:
            _check_part(visit, part)
        _check_apart(asked.parts)
        answers = await _Transaction(visit, asked.parts).run()
    if replies.prefer(request, "return", "representation") == "minimal":
        answers = [
            answer if part.method == "GET" else replace(answer, resource=None)
            for part, answer in zip(asked.parts, answers, strict=True)
        ]
    return replies.body(visit, response(asked.type, answers))


def _check_part(visit: Visit, part: Part) -> None:
    """Whether it is done in a Bundle, and whether the scope reaches that far; nothing is looked up
    before. Raises Refused.
    """
    type_, target = part.target.resource_type, part.target
    search = part.method == "GET" and target.id is None and target.operation is None
    plain = target.operation is None and not target.is_history
    told = type_ in DERIVED and target.id is not None
    if part.method not in _ORDER or not plain or told:
        raise Refused(
            422,
            "a part of the Bundle is of a kind that is not done here",
            hint="create, update, delete, read and search can stand in a Bundle",
            code="not-supported",
        )
    needs = {
        "POST": Interaction.CREATE,
        "PUT": Interaction.UPDATE,
        "DELETE": Interaction.DELETE,
        "GET": Interaction.SEARCH if search else Interaction.READ,
    }
    if part.method in ("PUT", "DELETE") and target.id is None:
        raise Refused(
            422,
            "a part of the Bundle changes what it finds by a search",
            hint="name the resource by its id",
            code="not-supported",
        )
    visit.demand(needs[part.method], type_)


def _check_apart(parts: Sequence[Part]) -> None:
    """Raises Refused where two parts change one resource: which of them counts would be chance."""
    changed = Counter(
        (part.target.resource_type, part.target.id)
        for part in parts
        if part.method in ("PUT", "DELETE")
    )
    if any(times > 1 for times in changed.values()):
        raise Refused(
            422,
            "two parts of the transaction change the same resource",
            hint="say once what becomes of it",
            code="invalid",
        )


async def _alone(visit: Visit, part: Part) -> Response:
    """One part of a batch; what it is refused for is its own."""
    try:
        _check_part(visit, part)
        if part.method == "GET" and visit.told > PAGE_BYTES:
            raise Refused(
                413,
                "the Bundle asks for more than one answer holds",
                hint="ask for this part in another request",
                code="too-costly",
            )
        response = await _DONE[part.method](visit, part)
        visit.told += len(response.resource or b"")
        return response
    except Refused as error:
        if error.denied:
            # The answer to the whole Bundle is none that is counted.
            visit.app[METRICS].denied.labels(error.denied).inc()
        return _refusal(error)
    except CounterfoilError as error:
        return _refusal(refused(error))


def _refusal(error: Refused) -> Response:
    issue = Issue("error", error.code, error.message, error.hint)
    return Response(str(error.status), outcome=outcome(issue))


async def _get(visit: Visit, part: Part) -> Response:
    type_, identity = part.target.resource_type, part.target.id
    if identity is None:
        pairs = parse_qsl(part.target.query, keep_blank_values=True)
        return Response("200", resource=await answered(visit, type_, pairs, strict=False))
    place = await visit.find(type_, identity, Interaction.READ)
    if await unread(visit, place, part.if_none_match, part.if_modified_since):
        current = place.stored.current
        return Response("304", version=current.number, updated_ms=current.received_ms)
    done = await standing(visit, place)
    return _written_response(visit, done.made, "200")


def _condition(part: Part) -> str | None:
    """``ifNoneExist``, or what stands behind the url as some clients have it."""
    return part.if_none_exist or part.target.query or None


async def _post(visit: Visit, part: Part) -> Response:
    assert part.resource is not None
    type_ = part.target.resource_type
    done = await created(visit, type_, part.resource, _condition(part))
    return _written_response(visit, done.made, str(done.status))


async def _put(visit: Visit, part: Part) -> Response:
    assert part.resource is not None and part.target.id is not None
    type_, identity = part.target.resource_type, part.target.id
    done = await updated(visit, type_, identity, part.resource, part.if_match, part.if_none_match)
    return _written_response(visit, done.made, str(done.status))


async def _delete(visit: Visit, part: Part) -> Response:
    assert part.target.id is not None
    _, number = await deleted(visit, part.target.resource_type, part.target.id, part.if_match)
    return Response("204", version=number)


_DONE: Final[dict[str, Callable[[Visit, Part], Awaitable[Response]]]] = {
    "GET": _get,
    "POST": _post,
    "PUT": _put,
    "DELETE": _delete,
}


def _written_response(visit: Visit, made: replies.Made, status: str) -> Response:
    return Response(
        status,
        location=f"{visit.base}/{made.reference}/_history/{made.number}",
        version=made.number,
        updated_ms=made.received_ms,
        resource=made.view,
        full_url=f"{visit.base}/{made.reference}",
    )


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    """What a part is refused for says which part it was."""
    try:
        yield
    except (Refused, BadRequest) as raised:
        error = raised if isinstance(raised, Refused) else refused(raised)
        error.message = f"Bundle.entry[{number}]: {error.message}"
        raise error from raised.__cause__


@dataclass(slots=True)
class _Write:
    """One write of a transaction, planned."""

    raw: bytes
    planned: Planned | None
    at: int
    """Which submission it is."""
    number: int
    place: Place | None = None
    """What it changes."""


@dataclass(slots=True)
class _Transaction:
    visit: Visit
    parts: tuple[Part, ...]
    _answers: dict[int, Response] = field(default_factory=dict)
    _found: dict[int, Place] = field(default_factory=dict)
    """What conditions found, by part."""

    async def run(self) -> list[Response]:
        keys = chain.from_iterable(map(self._keys, self.parts))
        async with self.visit.desk.locks.held(keys):
            plan = plan_of(self.visit)
            writes = await self._planned(plan)
            for number, part in enumerate(self.parts):
                if part.method == "GET":
                    with _numbered(number):
                        await self._check_read(part)
            outcomes = await self.visit.bridge.append(plan.submissions) if plan.submissions else []
            indexes = [one.index for one in appended(outcomes)]
            for number, write in writes.items():
                self._answers[number] = await self.visit.bridge.call(self._done, write, indexes)
        for number, place in self._found.items():
            done = await standing(self.visit, place)
            self._answers[number] = _written_response(self.visit, done.made, "200")
        for number, part in enumerate(self.parts):
            if part.method == "GET":
                # What was written stands, also where this transaction deletes what it reads.
                self._answers[number] = await _alone(self.visit, part)
        return [self._answers[number] for number in range(len(self.parts))]

    async def _check_read(self, part: Part) -> None:
        """Raises Refused, before anything is written, for what could not be read now."""
        visit, type_, identity = self.visit, part.target.resource_type, part.target.id
        if identity is not None:
            place = await visit.find(type_, identity, Interaction.READ)
            if place.stored.content is None:
                raise replies.gone(place.stored)
        elif type_ not in DERIVED:
            pairs = parse_qsl(part.target.query, keep_blank_values=True)
            query = understood(visit, type_, pairs, strict=False)
            await visit.bridge.call(searched, visit, query, Interaction.SEARCH)

    def _keys(self, part: Part) -> Iterator[bytes]:
        """Of one part, as if it came alone: transactions wait for each other only for these."""
        type_ = part.target.resource_type
        if part.method == "POST":
            raw = part.resource or b""
            yield from keys_to_create(self.visit, type_, raw, _condition(part))
        elif part.method != "GET" and part.target.id is not None:
            yield from keys_to_change(type_, part.target.id)

    async def _planned(self, plan: Plan) -> dict[int, _Write]:
        """In FHIR's order; among what is created the Patients first, for others refer to them."""
        order = sorted(
            (number for number, part in enumerate(self.parts) if part.method != "GET"),
            key=lambda number: (
                _ORDER.index(self.parts[number].method),
                self.parts[number].target.resource_type != "Patient",
            ),
        )
        writes: dict[int, _Write] = {}
        for number in order:
            part = self.parts[number]
            with _numbered(number):
                write = await self._plan(plan, part)
            if isinstance(write, Response):
                self._answers[number] = write
            elif isinstance(write, Place):
                self._found[number] = write
            else:
                writes[number] = write
        return writes

    async def _plan(self, plan: Plan, part: Part) -> _Write | Response | Place:
        if part.method == "POST":
            return await self._create(plan, part)
        visit, type_, identity = self.visit, part.target.resource_type, part.target.id or ""
        deletes = part.method == "DELETE"
        interaction = Interaction.DELETE if deletes else Interaction.UPDATE
        place = await visit.find(type_, identity, interaction)
        check_match(part.if_match, None if deletes else part.if_none_match, place.stored)
        if deletes:
            if place.stored.current.deleted:
                return Response("204", version=place.stored.current.number)
            at = await visit.bridge.call(plan.retract, place.stored, DELETED)
            return _Write(b"", None, at, next_number(place.stored), place)
        raw = part.resource or b""
        planned = await visit.plan(plan.amend, place.stored, raw)
        return _Write(raw, planned, planned.at, next_number(place.stored), place)

    async def _create(self, plan: Plan, part: Part) -> _Write | Place:
        """A write, or what the condition finds in its place: that is read at the end, for nobody
        has read anything of a transaction that is refused.
        """
        visit, type_, raw = self.visit, part.target.resource_type, part.resource or b""
        condition = _condition(part)
        if condition is not None:
            visit.demand(Interaction.SEARCH, type_)
            there = await matched_by(visit, type_, condition)
            if there is not None:
                plan.refer(part.full_url, there.stored)
                return there
        planned = await visit.plan(plan.create, raw, part.full_url)
        check_type(planned, type_)
        await allow(visit, planned, type_)
        return _Write(raw, planned, planned.at, 1)

    def _done(self, write: _Write, indexes: Sequence[int]) -> Response:
        if write.planned is None:
            return Response("204", version=write.number)
        known = write.planned.known
        at = known or Position(indexes[write.at])
        identity = "" if write.place is None else write.place.stored.identity
        status = 200 if known is not None or write.place is not None else 201
        done = made_of(self.visit, write.planned, write.raw, at, write.number, status, identity)
        return _written_response(self.visit, done.made, str(status))
