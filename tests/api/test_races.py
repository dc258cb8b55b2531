"""Requests that meet: what may happen once happens once, whoever comes first."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import pytest

from api.bridge import Bridge
from api.desk import DESK, OPENING
from ledger.author import CBOR, Draft
from ledger.fhir import Identifier
from ledger.linkage import Linkage
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries
from ledger.wire.ids import Hash
from tests.api import v1
from tests.api.running import Answer, Running
from tests.api.test_fhir import CLINIC_NUMBERS, NUMBERS, Client, bundle, part, weight
from tests.api.traces import accesses
from tests.api.wire import connect
from tests.api.wire import request as wire_request

MANY: Final = 20
Act = Callable[[], Answer]


@pytest.fixture(scope="module")
def at_hospital(service: Running) -> Client:
    return Client(service, service.token("hospital", "system/*.cruds"))


@pytest.fixture(scope="module")
def at_clinic(service: Running) -> Client:
    return Client(service, service.token("clinic", "system/*.cruds"))


def together(*acts: Act) -> list[Answer]:
    """All of them at once; the answers in the acts' order."""
    start = threading.Barrier(len(acts))

    def run(act: Act) -> Answer:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(one.status for one in answers))


def documents(service: Running, who: str, first: int) -> list[int]:
    """Entries of the record from an index on that are no accesses."""
    record = service.log.reader.entry(int(who.partition("-")[2])).leaf.claim.chain
    return [
        one.index
        for one in service.log.reader.history(record)
        if one.index >= first and one.leaf.claim.kind is not Kind.ACCESS
    ]


def size(service: Running) -> int:
    return service.log.reader.checkpoint.size


def identified(*identifiers: tuple[str, str], **more: Any) -> dict[str, Any]:
    found = [{"system": system, "value": value} for system, value in identifiers]
    return {"resourceType": "Patient", "identifier": found, **more}


def number() -> str:
    Client.number += 1
    return f"R{Client.number}"


def test_one_of_many_changes_wins(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    path, before = f"/fhir/Observation/{identity}", size(service)

    def change(value: int) -> Act:
        body = weight(who, value, id=identity)
        return lambda: at_hospital.put(path, body, **{"If-Match": 'W/"1"'})

    answers = together(*map(change, range(MANY)))
    assert statuses(answers) == {200: 1, 412: MANY - 1}
    (won,) = [value for value, one in enumerate(answers) if one.status == 200]
    assert at_hospital.get(path).json["valueQuantity"]["value"] == won
    assert len(documents(service, who, before)) == 1


def test_changes_without_a_condition_are_versions(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    path = f"/fhir/Observation/{identity}"

    def change(value: int) -> Act:
        return lambda: at_hospital.put(path, weight(who, value, id=identity))

    answers = together(*map(change, range(MANY)))
    numbers = sorted(int(one.json["meta"]["versionId"]) for one in answers)
    assert numbers == list(range(2, MANY + 2))
    assert at_hospital.get(path + "/_history").json["total"] == MANY + 1


def test_a_change_and_a_deletion(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    path, match = f"/fhir/Observation/{identity}", {"If-Match": 'W/"1"'}
    answers = together(
        *[lambda: at_hospital.put(path, weight(who, 9, id=identity), **match)] * 5,
        *[lambda: at_hospital.delete(path, **match)] * 5,
    )
    won = {status: count for status, count in statuses(answers).items() if status != 412}
    assert won in ({200: 1}, {204: 1})


def test_the_same_bytes_many_times(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    before, body = size(service), weight(who, 55.5)
    answers = together(*[lambda: at_hospital.post("/fhir/Observation", body)] * MANY)
    assert statuses(answers) == {201: 1, 200: MANY - 1}
    assert len({one.json["id"] for one in answers}) == 1
    assert len(documents(service, who, before)) == 1


def test_the_same_bytes_from_an_institution_and_its_practitioner(
    service: Running, at_hospital: Client
) -> None:
    """And alone, in transactions, and twice in one."""
    who, _ = at_hospital.person()
    doctor = Client(service, service.token("dr-mori", "user/*.cruds"))
    before, body = size(service), weight(who, 66.5)
    parts = [{"resource": body, "request": part("POST", "Observation")}] * 2
    acts: list[Act] = []
    for client in (at_hospital, doctor):
        acts += [partial(client.post, "/fhir/Observation", body)] * 4
        acts += [partial(client.post, "/fhir", bundle(parts))] * 4
    answers = together(*acts)
    assert all(one.status in (200, 201) for one in answers)
    found = {one.json["id"] for one in answers if one.json["resourceType"] != "Bundle"}
    for one in answers:
        if one.json["resourceType"] == "Bundle":
            found |= {each["resource"]["id"] for each in one.json["entry"]}
    assert len(found) == 1
    assert len(documents(service, who, before)) == 1


def test_the_same_bytes_twice_in_a_transaction(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    names = ["urn:uuid:0198c7a4-2222-7000-8000-00000000000" + end for end in "12"]
    twice = {"resource": weight(who, 77.5), "request": part("POST", "Observation")}
    about_both = weight(who, 8, hasMember=[{"reference": one} for one in names])
    parts = [{**twice, "fullUrl": one} for one in names]
    parts.append({"resource": about_both, "request": part("POST", "Observation")})
    before = size(service)
    answer = at_hospital.post("/fhir", bundle(parts))
    assert answer.status == 200
    ids = [one["resource"]["id"] for one in answer.json["entry"]]
    assert ids[0] == ids[1]
    members = answer.json["entry"][2]["resource"]["hasMember"]
    assert members == [{"reference": f"Observation/{ids[0]}"}] * 2
    assert len(documents(service, who, before)) == 2


def test_one_person_registered_many_times(service: Running, at_hospital: Client) -> None:
    """Each of these is another Patient resource, all of one record."""
    value, before = number(), size(service)
    patients = [identified((NUMBERS, value), gender=one) for one in ("female", "unknown")]
    parts = [{"resource": patients[1], "request": part("POST", "Patient")}]
    answers = together(
        *[lambda: at_hospital.post("/fhir/Patient", patients[0])] * 8,
        *[lambda: at_hospital.post("/fhir", bundle(parts))] * 8,
    )
    assert all(one.status in (200, 201) for one in answers)
    reader = service.log.reader
    kinds = Counter(reader.entry(at).leaf.claim.kind for at in range(before, size(service)))
    assert (kinds[Kind.OPEN], kinds[Kind.LINK], kinds[Kind.RECORD]) == (1, 1, 2)


def test_conditional_creates(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    before = size(service)
    condition = {"If-None-Exist": f"patient=Patient/{who}&code=29463-7"}

    def create(value: int) -> Act:
        return lambda: at_hospital.post("/fhir/Observation", weight(who, value), **condition)

    answers = together(*map(create, range(MANY)))
    assert statuses(answers) == {201: 1, 200: MANY - 1}
    assert len({one.json["id"] for one in answers}) == 1
    assert len(documents(service, who, before)) == 1


@pytest.mark.parametrize("alone", [True, False])
def test_one_further_number_for_two_persons(
    service: Running, at_hospital: Client, alone: bool
) -> None:
    """Whoever comes first has it: one by a change of a Patient, one by a new Patient, one by a link
    that the institution signs.
    """
    hospital = v1.Client(service, "hospital")
    for _ in range(4):
        further = (CLINIC_NUMBERS, number())
        (who, mine), (_, others) = at_hospital.person(), at_hospital.person()
        changed = identified((NUMBERS, mine), further, id=who)
        registered = identified((NUMBERS, others), further)
        record, opening = hospital.author.open_record()
        assert hospital.post("/v1/entries", v1.entry_body(opening)).status == 201
        linking = v1.entry_body(hospital.author.entry(v1.link_to(record, *further)))
        url = f"Patient/{who}"
        parts = [{"resource": changed, "request": part("PUT", url)}]
        change: Act = partial(at_hospital.post, "/fhir", bundle(parts))
        if alone:
            change = partial(at_hospital.put, f"/fhir/{url}", changed)
        answers = together(
            change,
            partial(at_hospital.post, "/fhir/Patient", registered),
            partial(hospital.post, "/v1/entries", linking),
        )
        assert sorted(one.status for one in answers)[1:] == [422, 422], statuses(answers)
        assert links(service.log, further) == 1


def links(log: Log, identifier: tuple[str, str]) -> int:
    """How many links of an identifier are in the log."""
    count = 0
    for index in range(log.reader.checkpoint.size):
        if log.reader.entry(index).leaf.claim.kind is Kind.LINK:
            count += identifier[1].encode() in log.vault.use(index, "test").content
    return count


def test_a_relationship_that_ends_meanwhile(service: Running, at_hospital: Client) -> None:
    """From when the end of the link is acknowledged, nothing is shown that is asked for then; what
    was shown before has its entry, and pages that are left are not shown.
    """
    who, value = at_hospital.person()
    for weight_ in range(4):
        at_hospital.weight(who, weight_)
    first = at_hospital.get(f"/fhir/Observation?patient={who}&_count=1")
    (page,) = [one["url"] for one in first.json["link"] if one["relation"] == "next"]
    ended = threading.Event()
    shown: list[tuple[bool, Answer]] = []
    hidden: list[tuple[bool, Answer]] = []

    def read() -> None:
        while True:
            was_ended = ended.is_set()
            answer = at_hospital.get(f"/fhir/Observation?patient={who}")
            (shown if answer.json["total"] else hidden).append((was_ended, answer))
            if was_ended:
                return

    readers = [threading.Thread(target=read) for _ in range(6)]
    for one in readers:
        one.start()
    end_link(service, value)
    ended.set()
    for one in readers:
        one.join()
    assert not [one for was_ended, one in shown if was_ended]
    assert len(hidden) >= len(readers)
    entries = accesses(service, who)
    assert sum(not one.get("denied") for one in entries) == len(shown) + 1
    assert at_hospital.get(page.removeprefix(service.url)).status == 404
    assert at_hospital.get(f"/fhir/Patient/{who}").status == 404


def end_link(service: Running, value: str) -> None:
    """The institution ends the link of its number; through the ledger API."""
    hospital = v1.Client(service, "hospital")
    log = service.log
    draft = Linkage(log.reader, log.vault.tag).unlink(Identifier(NUMBERS, value), "moved away")
    answer = hospital.append(draft)
    assert answer.status == 201, answer.text


def test_an_erasure_while_others_read(service: Running, at_hospital: Client) -> None:
    """All of it, or nothing any more; never an error."""
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who, 7.25)
    entry = service.log.reader.entry(int(identity.partition("-")[2]))
    path, erased = f"/fhir/Observation/{identity}", threading.Event()
    answers: list[tuple[bool, Answer]] = []

    def read() -> None:
        was_erased = False
        while not was_erased:
            was_erased = erased.is_set()
            answers.append((was_erased, at_hospital.get(path)))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for one in readers:
        one.start()
    hospital = v1.Client(service, "hospital")
    order = Draft(
        entry.leaf.claim.chain,
        b"",
        CBOR,
        Kind.ERASURE,
        {"reason": "the person asked for it"},
        body=EraseEntries((Hash(leaf_hash(entry.raw)),)).encode(),
        erases=(entry.position,),
    )
    assert hospital.append(order).status == 201
    erased.set()
    for one in readers:
        one.join()
    # Of what type it was is gone too, so that under its URL there is nothing.
    assert {one.status for _, one in answers} <= {200, 404, 410}
    assert {one.status for was_erased, one in answers if was_erased} == {404}
    assert all(one.json["valueQuantity"] for _, one in answers if one.status == 200)


@pytest.mark.parametrize("kind", ["read", "search", "content", "create"])
def test_who_went_away_is_not_read_to(
    service: Running, at_hospital: Client, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives up before his turn comes is shown nothing, and no entry says so; what he wrote
    stands.
    """
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    token = service.token("hospital", "system/*.cruds ledger/read")
    body = json.dumps(weight(who, 5.5)).encode() if kind == "create" else b""
    method, path = {
        "read": ("GET", f"/fhir/Observation/{identity}"),
        "search": ("GET", f"/fhir/Observation?patient={who}"),
        "content": ("GET", f"/v1/entries/{identity.partition('-')[2]}/content"),
        "create": ("POST", "/fhir/Observation"),
    }[kind]
    headers = [f"Authorization: Bearer {token}", f"Content-Length: {len(body)}"]
    headers += ["Content-Type: application/fhir+json"] if body else []
    before, came, free = size(service), threading.Event(), threading.Event()
    real = Bridge.call

    async def slow(self: Bridge, *args: Any, **how: Any) -> Any:
        came.set()
        while not free.is_set():
            await asyncio.sleep(0.01)
        return await real(self, *args, **how)

    monkeypatch.setattr(Bridge, "call", slow)
    with connect(service.port) as peer:
        peer.sendall(wire_request(path, *headers, method=method, body=body))
        assert came.wait(10)
    time.sleep(0.1)
    free.set()
    deadline = time.monotonic() + 10
    while service.logged()[-1].get("status") != (201 if body else 499):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert size(service) == before + bool(body)


def test_paging_while_others_write(service: Running, at_hospital: Client) -> None:
    """A search is of one moment: what comes later is not in its pages, and nothing comes twice."""
    who, _ = at_hospital.person()
    there = {at_hospital.weight(who, value) for value in range(30)}
    stop = threading.Event()

    def write() -> None:
        value = 1_000
        while not stop.is_set():
            at_hospital.weight(who, value)
            value += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            found: list[str] = []
            total, path = -1, f"/fhir/Observation?patient={who}&_count=7"
            while path:
                answer = at_hospital.get(path).json
                assert total in (-1, answer["total"])
                total = answer["total"]
                found += [one["resource"]["id"] for one in answer["entry"]]
                nexts = [one["url"] for one in answer["link"] if one["relation"] == "next"]
                path = nexts[0].removeprefix(service.url) if nexts else ""
            assert len(found) == len(set(found)) == total
            assert there <= set(found)
    finally:
        stop.set()
        writer.join()


@pytest.fixture
def opening_is_held(service: Running) -> Iterator[None]:
    """Somebody registers a person, for as long as this test."""
    assert service.app is not None
    desk, held, free = service.app[DESK], threading.Event(), asyncio.Event()

    async def hold() -> None:
        async with desk.locks.held([OPENING]):
            held.set()
            await free.wait()

    done = asyncio.run_coroutine_threadsafe(hold(), service._loop)
    held.wait()
    yield
    service._loop.call_soon_threadsafe(free.set)
    done.result(10)


def test_transactions_about_nobody_new_wait_for_none(
    service: Running, at_hospital: Client, request: pytest.FixtureRequest
) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    request.getfixturevalue("opening_is_held")
    url = f"Observation/{identity}"
    parts = [
        {"resource": weight(who, 3), "request": part("POST", "Observation")},
        {"resource": weight(who, 4, id=identity), "request": part("PUT", url)},
    ]
    assert at_hospital.post("/fhir", bundle(parts)).status == 200
