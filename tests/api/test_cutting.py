"""Connections that end after every byte, a service that is killed and a ledger that cannot append:
no content ever left without its entry, and nothing is written by halves.

What is in the log is read by this process, from the files alone, while the service runs in one of
its own, and again after it was killed.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.check import check_ledger
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.reader import open_reader
from ledger.record.header import decode_header
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, new_chain_id
from tests.api.apart import ALWAYS, ONCE, Apart
from tests.api.cutting import WHOLE, Cut, Cutter
from tests.api.running import Running, quiet_settings
from tests.api.wire import request

NUMBERS: Final = "urn:oid:1.2.392.100495.20.3.51.1310000001"
JSON: Final = "Content-Type: application/fhir+json"
SAMPLES: Final = 12
"""Byte counts in the ordinary form, beside the ends."""


@dataclass
class World:
    """A patient with three observations, whom the hospital treats, and who logs in."""

    service: Apart
    who: str = ""
    record: ChainId = field(default_factory=new_chain_id)
    observations: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, resource: dict[str, Any], token: str) -> Any:
        headers = {"Content-Type": "application/fhir+json"}
        answer = self.service.ask("POST", path, json.dumps(resource).encode(), headers, token)
        assert answer.status == 201, answer.text
        return answer.json

    def log_in(self) -> None:
        """Tokens do not outlive the process that gave them."""
        self.tokens = {
            "hospital": self.service.token("hospital", "system/*.cruds ledger/read"),
            "person": self.service.token("person", "patient/*.rs"),
        }

    def asked(self, path: str, by: str = "hospital") -> bytes:
        return request(path, f"Authorization: Bearer {self.tokens[by]}")

    def sent(self, method: str, path: str, body: bytes) -> bytes:
        return request(
            path,
            f"Authorization: Bearer {self.tokens['hospital']}",
            JSON,
            f"Content-Length: {len(body)}",
            method=method,
            body=body,
        )

    def size(self) -> int:
        """Entries of the log, as the files have it."""
        with closing(open_reader(self.service.directory)) as reader:
            return reader.checkpoint.size

    def settled(self) -> int:
        """The size when nothing came for a while."""
        before, now = -1, self.size()
        while before != now:
            time.sleep(0.15)
            before, now = now, self.size()
        return now

    def accesses(self, first: int = 0) -> list[int]:
        """Indexes of the record's access entries from one on."""
        with closing(open_reader(self.service.directory)) as reader:
            return [
                one.index
                for one in reader.history(self.record)
                if one.leaf.claim.kind is Kind.ACCESS and one.index >= first
            ][::-1]


def made(directory: Path) -> World:
    running = Running.made(directory)
    with running:
        token = running.token("hospital", "system/*.cruds")
        world = World(running)  # type: ignore[arg-type]
        patient = {
            "resourceType": "Patient",
            "identifier": [{"system": NUMBERS, "value": "K1"}],
        }
        world.who = world.post("/fhir/Patient", patient, token)["id"]
        entry = running.log.reader.entry(int(world.who.partition("-")[2]))
        world.record = ChainId(entry.leaf.claim.chain)
        for value in range(3):
            found = world.post("/fhir/Observation", observation(world.who, value), token)
            world.observations.append(found["id"])
        running.enrol("person", "person", by="hospital", record=world.record)
    world.service = Apart.of(running)
    # Longer than the long form takes.
    world.service.settings = quiet_settings(token_s=7_200)
    return world


def observation(who: str, value: float, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{who}"},
        "valueQuantity": {"value": value, "unit": "kg"},
        **more,
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = made(tmp_path_factory.mktemp("cutting"))
    with world.service:
        yield world


@pytest.fixture(autouse=True)
def running(world: World) -> None:
    """Each test finds the service running."""
    if world.service.process is None:
        world.service.start()
        world.tokens.clear()
    if not world.tokens:
        world.log_in()


READS: Final = {
    "read": ("hospital", "/fhir/Observation/{one}"),
    "search": ("hospital", "/fhir/Observation?patient={who}"),
    "everything": ("hospital", "/fhir/Patient/{who}/$everything"),
    "content": ("hospital", "/v1/entries/{index}/content"),
    "audit": ("person", "/fhir/AuditEvent?patient={who}&_count=3"),
}


def read_request(world: World, kind: str) -> bytes:
    by, path = READS[kind]
    one = world.observations[0]
    return world.asked(path.format(one=one, who=world.who, index=one.partition("-")[2]), by)


def counts_of(length: int, head: int, every: bool) -> list[int]:
    """After how many bytes to cut."""
    if every:
        return list(range(length + 1))
    ends = {0, 1, 2, head - 1, head, head + 1, head + 2, length - 1, length}
    return sorted(ends | set(range(0, length, max(1, length // SAMPLES))))


@dataclass
class Tried:
    """What a client was told while its answers were cut."""

    kind: str
    first: int
    """The log's size before."""
    tries: int = 0
    told: Counter[str] = field(default_factory=Counter)
    """Content of a request, by its id."""


def cut_answers(world: World, kind: str, every: bool) -> Tried:
    """Cut an answer after each count of bytes, and ask again each time."""
    asked, tried = read_request(world, kind), Tried(kind, world.settled())
    with Cutter(world.service.port) as cutter:

        def cut(count: int) -> Cut:
            tried.tries += 1
            came = cutter.send(asked, down=count)
            note(world, came, tried.told)
            assert len(came.data) <= count
            return came

        whole = cut(WHOLE)
        assert whole.status == 200 and whole.body
        length = len(whole.data)
        for count in counts_of(length, length - len(whole.body), every):
            cut(count)
            if count % 7 == 0:
                assert cut(WHOLE).status == 200
    world.settled()
    return tried


def note(world: World, cut: Cut, told: Counter[str]) -> None:
    """Whoever has a byte of content has been told of an entry that the files have already."""
    if not cut.body:
        return
    index = int(cut.header("Access-Entry"))
    with closing(open_reader(world.service.directory)) as reader:
        assert index < reader.checkpoint.size
        claim = reader.entry(index).leaf.claim
    assert (claim.kind, claim.chain) == (Kind.ACCESS, world.record)
    told[cut.header("Request-Id")] += 1


def check_entries(world: World, tried: Tried, log: Log, indexes: list[int]) -> None:
    """One release, one entry, also for those of which nobody was told."""
    headers = [decode_header(log.vault.use(index, "test").header) for index in indexes]
    requests = Counter(one.request for one in headers)
    assert set(requests.values()) == set(tried.told.values()) == {1}
    assert tried.told.keys() <= requests.keys()
    # What was cut before its answer began may have been given up before it was logged.
    assert tried.tries - 1 <= len(requests) <= tried.tries
    place = int(world.observations[0].partition("-")[2])
    if tried.kind in ("read", "content"):
        hashes = (leaf_hash(log.reader.entry(place).raw),)
        assert {one.entries for one in headers} == {hashes}
    assert all(one.entries for one in headers)


def cut_and_check(world: World, kinds: Iterable[str], every: bool) -> None:
    all_tried = [cut_answers(world, kind, every) for kind in kinds]
    world.service.kill()
    ends = [one.first for one in all_tried[1:]] + [world.size()]
    indexes = [
        [index for index in world.accesses(one.first) if index < end]
        for one, end in zip(all_tried, ends, strict=True)
    ]
    with Log.open(world.service.directory) as log:
        for tried, own in zip(all_tried, indexes, strict=True):
            check_entries(world, tried, log, own)


def test_answers_that_are_cut(world: World) -> None:
    cut_and_check(world, READS, every=False)


@pytest.mark.long
@pytest.mark.parametrize("kind", READS)
def test_answers_that_are_cut_at_every_byte(world: World, kind: str) -> None:
    cut_and_check(world, [kind], every=True)


def writes(world: World) -> dict[str, tuple[bytes, int]]:
    """Requests that write, each of its own, and how many entries each makes."""
    first, stamp = world.observations[1], time.time_ns()
    parts = [
        {
            "resource": observation(world.who, stamp + number),
            "request": {"method": "POST", "url": "Observation"},
        }
        for number in range(3)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": parts}
    one = json.dumps(observation(world.who, stamp + 9)).encode()
    changed = json.dumps(observation(world.who, stamp, id=first)).encode()
    return {
        "create": (world.sent("POST", "/fhir/Observation", one), 1),
        "update": (world.sent("PUT", f"/fhir/Observation/{first}", changed), 1),
        "transaction": (world.sent("POST", "/fhir", json.dumps(bundle).encode()), 3),
    }


def cut_requests(world: World, kind: str, every: bool) -> None:
    sent, entries = writes(world)[kind]
    head = sent.index(b"\r\n\r\n") + 4
    before = world.settled()
    with Cutter(world.service.port) as cutter:
        for count in counts_of(len(sent), head, every)[:-1]:
            cutter.send(sent, up=count)
        assert world.settled() == before
        # All of it, and nobody there for the answer: whole, or not at all.
        cutter.send(sent, up=len(sent))
        assert world.settled() - before in (0, entries)
        answer = cutter.send(sent)
        assert answer.status in (200, 201)
    twice = 1 if kind == "update" else 0
    assert world.settled() - before in (entries, entries + twice)


@pytest.mark.parametrize("kind", ["create", "update", "transaction"])
def test_requests_that_are_cut(world: World, kind: str) -> None:
    cut_requests(world, kind, every=False)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["create", "update", "transaction"])
def test_requests_that_are_cut_at_every_byte(world: World, kind: str) -> None:
    cut_requests(world, kind, every=True)


@pytest.mark.parametrize(
    ("point", "logged"),
    [
        ("lmdb: before commit", 0),
        ("guard: synced", 1),
        ("journal: synced", 1),
        pytest.param("lmdb: committed", 1, marks=pytest.mark.long),
        pytest.param("guard: before write", 1, marks=pytest.mark.long),
        pytest.param("memory: after", 1, marks=pytest.mark.long),
        pytest.param("journal: before write", 1, marks=pytest.mark.long),
    ],
)
def test_killed_between_the_access_and_the_answer(world: World, point: str, logged: int) -> None:
    path = f"/fhir/Observation/{world.observations[0]}"
    assert world.service.get(path, world.tokens["hospital"]).status == 200
    before = world.settled()
    world.service.arm(point)
    assert world.service.try_to("GET", path, token=world.tokens["hospital"]) is None
    assert world.service.wait() == -9
    assert len(world.accesses(before)) == logged
    world.service.start()
    world.log_in()
    answer = world.service.get(path, world.tokens["hospital"])
    assert answer.status == 200
    found = world.accesses(before)
    assert len(found) == logged + 1
    assert found[-1] == int(answer.headers["Access-Entry"])


@pytest.mark.parametrize(
    ("point", "how", "stops"),
    [
        ("payload: before write", ALWAYS, False),
        ("guard: synced", ONCE, True),
        pytest.param("payload: half written", ALWAYS, False, marks=pytest.mark.long),
        pytest.param("vault: synced", ALWAYS, False, marks=pytest.mark.long),
        pytest.param("lmdb: before commit", ONCE, True, marks=pytest.mark.long),
        pytest.param("guard: before write", ONCE, True, marks=pytest.mark.long),
    ],
)
def test_a_ledger_that_cannot_append_is_not_read(
    world: World, point: str, how: str, stops: bool
) -> None:
    service, before = world.service, len(world.accesses())
    service.arm(point, how)
    for by, path in READS.values():
        one = world.observations[0]
        shown = path.format(one=one, who=world.who, index=one.partition("-")[2])
        answer = service.get(shown, world.tokens[by])
        assert answer.status == 503, answer.text
        assert "Access-Entry" not in answer.headers
        assert b"29463-7" not in answer.body
        text = answer.text
        assert "has stopped" in text or "disk" in text or "nothing was written" in text
    body = json.dumps(observation(world.who, time.time_ns())).encode()
    headers = {"Content-Type": "application/fhir+json"}
    refused = service.ask("POST", "/fhir/Observation", body, headers, world.tokens["hospital"])
    assert refused.status == 503
    assert service.get("/livez").status == 200
    ready = service.get("/readyz")
    if stops:
        assert ready.status == 503 and ready.text.startswith("not ready: ")
        service.restart()
        world.log_in()
    else:
        service.arm("nowhere")
    assert service.get("/readyz").status == 200
    answer = service.ask("POST", "/fhir/Observation", body, headers, world.tokens["hospital"])
    assert answer.status == 201
    path = f"/fhir/Observation/{world.observations[0]}"
    assert service.get(path, world.tokens["hospital"]).status == 200
    # What was committed before the failure says that something might have been released.
    assert len(world.accesses()) - before in (1, 1 + stops)
    service.kill()
    assert check_ledger(service.directory).problems == []
