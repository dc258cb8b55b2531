"""Bounds of ``/v1``: bodies that are held, and payloads that wait."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from api.room import ROOM
from api.v1.bodies import STEP
from ledger.author import Draft
from ledger.errors import BadRequest, Conflict
from ledger.serving import uploads
from ledger.serving.releasing import LARGEST_ACCESS
from ledger.serving.uploads import MIN_CHUNK, MOST_OF_ONE, Uploads
from ledger.store.environment import StorageFull
from ledger.store.store import Store
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, Hash
from tests.api.running import Running, quiet_settings
from tests.api.v1 import CBOR, JSON, Client, batch_body, decoded
from tests.api.wire import connect
from tests.log.sample import memory_directory

HELD = 6 * STEP
ONE, OTHER = ActorId(bytes([1] * 16)), ActorId(bytes([2] * 16))


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    settings = quiet_settings(held_bytes=HELD, batch_bytes=2 * STEP)
    with memory_directory() as place, Running.made(place, settings) as running:
        yield running


@pytest.fixture(scope="module")
def hospital(service: Running) -> Client:
    return Client(service, "hospital")


def left(service: Running) -> int:
    assert service.app is not None
    return service.app[ROOM].left


def started(service: Running, hospital: Client, size: int, sent: int) -> socket.socket:
    """A request that has promised a body and sent a part of it."""
    peer = connect(service.port)
    head = (
        f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hospital.token}\r\n"
        f"Content-Type: {CBOR}\r\nContent-Length: {size}\r\n\r\n"
    )
    peer.sendall(head.encode() + b"x" * sent)
    return peer


def until(service: Running, wanted: int) -> None:
    for _ in range(500):
        if left(service) == wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"{left(service)} bytes left, not {wanted}")


def test_what_does_not_fit_beside_others_is_refused_at_once(
    service: Running, hospital: Client
) -> None:
    clinic = Client(service, "clinic")
    with started(service, hospital, 2 * STEP, 1000):
        until(service, HELD - 4 * STEP)
        answer = clinic.post("/v1/batches", b"x" * (STEP + 1))
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert clinic.post("/v1/batches", b"x" * STEP).status == 400
    until(service, HELD)
    assert clinic.post("/v1/batches", b"x" * (STEP + 1)).status == 400


def test_one_caller_gets_half_unless_it_is_one_body(service: Running, hospital: Client) -> None:
    with started(service, hospital, STEP, 1000):
        until(service, HELD - 2 * STEP)
        assert hospital.post("/v1/batches", b"x" * (STEP // 2 + 1)).status == 503
        assert hospital.post("/v1/batches", b"x" * (STEP // 2)).status == 400
    until(service, HELD)
    assert hospital.post("/v1/batches", b"x" * (STEP + STEP // 2), JSON).status == 400


def test_bodies_without_a_length_are_counted_as_they_come(
    service: Running, hospital: Client
) -> None:
    headers = {"Content-Type": CBOR, "Transfer-Encoding": "chunked"}
    piece = f"{STEP:x}\r\n".encode() + b"x" * STEP + b"\r\n"
    end = b"0\r\n\r\n"
    for pieces, status in ((1, 400), (2, 503)):
        answer = service.ask("POST", "/v1/batches", piece * pieces + end, headers, hospital.token)
        assert answer.status == status
    assert left(service) == HELD


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (CBOR, b"\x9a\x00\x0f\x00\x00" + b"\x00" * 0xF0000),
        (JSON, b"[" + b"0," * 500_000 + b"0]"),
    ],
)
def test_a_body_of_many_items_is_refused_early(
    service: Running, hospital: Client, form: str, body: bytes
) -> None:
    answer = hospital.post("/v1/entries", body, form)
    assert answer.status == 400
    assert "more" in answer.json["detail"]


def put(waiting: Uploads, by: ActorId, name: bytes) -> None:
    """One chunk, under a name."""
    upload = waiting.begin(by, Hash(name * 32), MIN_CHUNK)
    try:
        upload.add(name * 100)
        upload.finish()
    finally:
        upload.close()


def test_payloads_wait_for_a_day(service: Running) -> None:
    now = [0.0]
    waiting = Uploads(service.log.reader, lambda: now[0])
    files = service.log.reader.store.large
    put(waiting, ONE, b"a")
    put(waiting, OTHER, b"b")
    now[0] = uploads.KEPT_S - 1
    assert waiting.hashes(b"b" * 32) is not None, "asked for: it begins anew"
    now[0] = uploads.KEPT_S + 1
    put(waiting, ONE, b"c")
    assert waiting.hashes(b"a" * 32) is None
    assert not files.exists(Hash(b"a" * 32))
    assert files.exists(Hash(b"b" * 32))
    assert waiting.hashes(b"b" * 32) is not None


def test_one_caller_has_a_few_that_wait(service: Running) -> None:
    waiting = Uploads(service.log.reader)
    for number in range(MOST_OF_ONE):
        put(waiting, ONE, bytes([100 + number]))
    with pytest.raises(BadRequest):
        put(waiting, ONE, b"\xff")
    put(waiting, OTHER, b"\xff")


def test_other_chunks_under_a_name_are_a_conflict(service: Running) -> None:
    waiting = Uploads(service.log.reader)
    put(waiting, ONE, b"x")
    upload = waiting.begin(ONE, Hash(b"x" * 32), MIN_CHUNK)
    upload.add(b"y" * 100)
    with pytest.raises(Conflict):
        upload.finish()
    upload.close()
    assert waiting.hashes(b"x" * 32) is not None


def test_chunks_that_came_too_late_are_a_conflict(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another upload under the name was finished, and its entry appended, meanwhile."""
    waiting = Uploads(service.log.reader)
    upload = waiting.begin(ONE, Hash(b"z" * 32), MIN_CHUNK)
    upload.add(b"z" * 100)
    put(waiting, ONE, b"z")
    waiting.used(Hash(b"z" * 32))
    monkeypatch.setattr(Store, "has_large", lambda *_: True)
    with pytest.raises(Conflict):
        upload.finish()
    monkeypatch.setattr(Store, "has_large", lambda *_: False)
    with pytest.raises(StorageFull):
        upload.finish()
    upload.close()


def test_evidence_waits_for_room(service: Running, hospital: Client) -> None:
    record = hospital.new_record("evidence")
    service.log.publish()
    path = f"/v1/records/{record.hex()}/evidence"
    assert hospital.get(path).status == 200
    with started(service, hospital, 3 * STEP // 2, 1000):
        until(service, HELD - 3 * STEP)
        assert hospital.get(path).status == 503
    until(service, HELD)


def test_contents_are_sent_within_the_room(service: Running, hospital: Client) -> None:
    record = hospital.new_record("contents")
    picture = Draft(record, bytes(STEP), "image/png")
    index = decoded(hospital.append(picture))["index"]
    path, size = f"/v1/entries/{index}/content", service.log.reader.checkpoint.size
    with started(service, hospital, STEP, 1000):
        until(service, HELD - 2 * STEP)
        assert hospital.get(path).status == 503
        assert service.log.reader.checkpoint.size == size, "nothing is said to be released"
    until(service, HELD)
    assert hospital.get(path).body == bytes(STEP)
    until(service, HELD)


def test_access_entries_that_hide_a_content_are_not_opened(
    service: Running, hospital: Client
) -> None:
    record = hospital.new_record("hidden")
    header: dict[str, cbor.Value] = {"purpose": "TREAT"}
    drafts = [
        Draft(record, bytes(size), "a/b", Kind.ACCESS, header) for size in (0, LARGEST_ACCESS)
    ]
    batch = hospital.post("/v1/batches", batch_body(hospital.author.batch(drafts)))
    assert batch.status == 201
    listed = decoded(hospital.get(f"/v1/records/{record.hex()}/accesses"))["accesses"]
    assert [one["readable"] for one in listed] == [False, True]
