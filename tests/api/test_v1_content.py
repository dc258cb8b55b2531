"""Content: the author's bytes behind an access entry that is durable first; ranges; and the list of
accesses.
"""

from __future__ import annotations

import http.client
import os
import time
from base64 import b64decode
from hashlib import sha256
from io import BytesIO

import pytest

from api.v1.ranges import Span, Unsatisfiable, span_of
from ledger.admission import Submission
from ledger.author import Author, Draft
from ledger.errors import LedgerFault
from ledger.large import Stream
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.header import decode_header
from ledger.serving import releasing
from ledger.store.large import LargeFiles
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ChainId, EntryId
from ledger.wire.manifest import TAG
from ledger.wire.sealed import associated_data, seal
from ledger.wire.statement import parse_statement
from tests.api.running import Answer, Running
from tests.api.v1 import (
    APPEND,
    CBOR,
    FORMS,
    Client,
    appended_behind,
    decoded,
    entry_body,
    in_log,
    observation,
)
from tests.log.sample import claim_for


@pytest.fixture(scope="module")
def hospital(service: Running) -> Client:
    return Client(service, "hospital")


@pytest.fixture(scope="module")
def index(hospital: Client) -> int:
    record = hospital.new_record("content")
    return int(decoded(hospital.append(Draft(record, observation("1.500"))))["index"])


def access_of(service: Running, answer: Answer) -> int:
    """The access entry of an answer; it is what it should be."""
    at = int(answer.headers["Access-Entry"])
    entry = service.log.reader.entry(at)
    assert entry.leaf.claim.kind is Kind.ACCESS
    assert entry.leaf.claim.author == service.gateway.id
    return at


def test_the_bytes_are_the_authors(service: Running, hospital: Client, index: int) -> None:
    answer = hospital.get(f"/v1/entries/{index}/content")
    assert answer.status == 200
    assert answer.body == observation("1.500")
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    claim = service.log.reader.entry(index).leaf.claim
    assert answer.headers["ETag"] == f'"{claim.blob_hash.hex()}"'
    at = access_of(service, answer)
    header = decode_header(service.log.vault.use(at, "test").header)
    assert header.on_behalf_of == hospital.author.id
    assert header.purpose == "TREAT"
    assert header.request == answer.headers["Request-Id"]
    assert header.entries == (leaf_hash(service.log.reader.entry(index).raw),)


def test_the_access_entry_is_durable_before_the_key_is_asked_for(
    service: Running, hospital: Client, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the guard beside the ledger names survives anything: it must cover the access entry."""
    seen: list[tuple[int, int]] = []
    release = releasing.released

    def watched(log: Log, entry: Entry, access: int | None) -> Stream:
        guard = log.layout.guard.read_bytes()
        assert access is not None
        receipt = log.reader.receipt(access)
        assert receipt.checkpoint.split(b"\n")[1] in guard
        seen.append((access, log.reader.checkpoint.size))
        return release(log, entry, access)

    monkeypatch.setattr("api.v1.content.released", watched)
    answer = hospital.get(f"/v1/entries/{index}/content")
    assert answer.status == 200
    ((access, size),) = seen
    assert access == access_of(service, answer) < size


def test_each_request_is_a_release(service: Running, hospital: Client, index: int) -> None:
    first = hospital.get(f"/v1/entries/{index}/content")
    second = hospital.get(f"/v1/entries/{index}/content", Range="bytes=0-3")
    assert access_of(service, second) == access_of(service, first) + 1


def test_what_the_client_has_is_not_released(
    service: Running, hospital: Client, index: int
) -> None:
    etag = hospital.get(f"/v1/entries/{index}/content").headers["ETag"]
    size = service.log.reader.checkpoint.size
    for given in (etag, f'"x", W/{etag}', "*"):
        answer = hospital.get(f"/v1/entries/{index}/content", If_None_Match=given)
        assert (answer.status, answer.body) == (304, b"")
        assert "Access-Entry" not in answer.headers
    assert service.log.reader.checkpoint.size == size
    other = hospital.get(f"/v1/entries/{index}/content", If_None_Match='"x"')
    assert other.status == 200


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        ("bytes=0-0", 10, Span(0, 1)),
        ("bytes=2-", 10, Span(2, 10)),
        ("bytes=2-100", 10, Span(2, 10)),
        ("bytes=-3", 10, Span(7, 10)),
        ("bytes=-30", 10, Span(0, 10)),
        ("Bytes = 1-2", 10, Span(1, 3)),
        ("bytes=3-2", 10, None),
        ("bytes=-", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("lines=0-1", 10, None),
        (None, 10, None),
    ],
)
def test_ranges(header: str | None, size: int, span: Span | None) -> None:
    assert span_of(header, size) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_ranges_behind_the_end(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        span_of(header, 10)
    with pytest.raises(Unsatisfiable):
        span_of(header, 0)


def test_a_range_of_a_resource(hospital: Client, index: int) -> None:
    whole = observation("1.500")
    answer = hospital.get(f"/v1/entries/{index}/content", Range="bytes=5-9")
    assert (answer.status, answer.body) == (206, whole[5:10])
    assert answer.headers["Content-Range"] == f"bytes 5-9/{len(whole)}"
    etag = answer.headers["ETag"]
    given = hospital.get(f"/v1/entries/{index}/content", Range="bytes=5-9", If_Range=etag)
    assert given.status == 206
    stale = hospital.get(f"/v1/entries/{index}/content", Range="bytes=5-9", If_Range='"x"')
    assert (stale.status, stale.body) == (200, whole)
    beyond = hospital.get(f"/v1/entries/{index}/content", Range="bytes=999999-")
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert "Access-Entry" in beyond.headers, "the size is sealed too"


def test_without_a_tie_there_is_nothing(service: Running, index: int) -> None:
    clinic = Client(service, "clinic")
    absent = clinic.get("/v1/entries/99999999/content")
    size = service.log.reader.checkpoint.size
    refused = clinic.get(f"/v1/entries/{index}/content")
    assert absent.status == refused.status == 404
    assert absent.json | {"instance": ""} == refused.json | {"instance": ""}
    # The first denial in a while is an entry; the answer does not wait for it.
    at = appended_behind(service, size)
    header = decode_header(service.log.vault.use(at, "test").header)
    assert header.denied and not header.entries
    assert header.on_behalf_of == clinic.author.id
    assert header.request == refused.headers["Request-Id"]
    assert clinic.get(f"/v1/entries/{index}/content").status == 404
    time.sleep(0.1)
    assert service.log.reader.checkpoint.size == size + 1
    assert Client(service, "hospital", (APPEND,)).get(f"/v1/entries/{index}/content").status == 403


def test_what_has_no_content(hospital: Client) -> None:
    for index in (0, 1):
        assert hospital.get(f"/v1/entries/{index}/content").status == 404


def test_when_nothing_can_be_appended_nothing_is_read(
    service: Running, hospital: Client, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> object:
        raise LedgerFault("the ledger has stopped", hint="ask its operator")

    monkeypatch.setattr(service.log, "append_later", stopped)
    answer = hospital.get(f"/v1/entries/{index}/content")
    assert answer.status == 503
    assert b"blood pressure" not in answer.body


@pytest.mark.parametrize("form", FORMS)
def test_accesses_are_listed(service: Running, hospital: Client, form: str) -> None:
    record = hospital.new_record(f"accesses-{form}")
    index = decoded(hospital.append(Draft(record, observation())))["index"]
    doctor = Client(service, "dr-mori")
    reads = [
        hospital.get(f"/v1/entries/{index}/content"),
        doctor.get(f"/v1/entries/{index}/content"),
    ]
    answer = hospital.get(f"/v1/records/{record.hex()}/accesses", form)
    assert answer.status == 200, answer.text
    listed = decoded(answer)
    assert listed["next"] is None
    newest, oldest = listed["accesses"]
    assert [newest["index"], oldest["index"]] == [access_of(service, one) for one in reads[::-1]]
    assert newest["on_behalf_of"] == doctor.author.id.hex()
    assert newest["purpose"] == "TREAT"
    assert newest["request"] == reads[1].headers["Request-Id"]
    (named,) = newest["entries"]
    hash_ = leaf_hash(service.log.reader.entry(index).raw)
    assert (named if form == CBOR else b64decode(named)) == hash_
    # The list is a reading of its own, and in the next list.
    at = access_of(service, answer)
    pages = []
    path = f"/v1/records/{record.hex()}/accesses?limit=1"
    following = ""
    for _ in range(3):
        page = decoded(hospital.get(path + following))
        pages += [one["index"] for one in page["accesses"]]
        following = f"&from={page['next']}"
    assert pages[0] == at
    assert pages[1:] == [access_of(service, one) for one in reads[::-1]]


def test_large_payloads_by_upload_and_range(
    service: Running, hospital: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    record = hospital.new_record("large")
    content = os.urandom(1 << 20) * 3 + os.urandom(12_345)
    there = LargeFiles(tmp_path_factory.mktemp("author") / "large")
    draft = Draft(record, b"", "image/dicom")
    submission = hospital.author.large(draft, BytesIO(content), there, chunk=1 << 20)
    claim = Claim.decode(parse_statement(submission.statement).claim)
    sealed = b"".join(there.read(claim.blob_hash, n) for n in range(submission.chunks))
    body = entry_body(submission)
    assert hospital.post("/v1/entries", body).status == 422, "chunks first"
    path = f"/v1/payloads?blob={claim.blob_hash.hex()}&chunk={1 << 20}"
    octets = "application/octet-stream"
    for _ in range(2):
        answer = hospital.running.ask(
            "POST", path, sealed, {"Content-Type": octets}, hospital.token
        )
        assert answer.status == 201, answer.text
        assert decoded(answer) == {
            "blob": claim.blob_hash.hex(),
            "chunks": submission.chunks,
            "size": len(sealed),
        }
    other = hospital.running.ask(
        "POST",
        path,
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        {"Content-Type": octets},
        hospital.token,
    )
    assert other.status == 409
    answer = hospital.post("/v1/entries", body)
    assert answer.status == 201, answer.text
    index = decoded(answer)["index"]
    assert hospital.post("/v1/entries", body).status == 200
    assert service.log.reader.store.has_large(claim.blob_hash)
    whole = hospital.get(f"/v1/entries/{index}/content")
    assert sha256(whole.body).digest() == sha256(content).digest()
    assert whole.headers["Content-Type"] == "image/dicom"
    for start, stop in ((0, 10), ((1 << 20) - 5, (1 << 20) + 5), (5, (2 << 20) + 7)):
        part = hospital.get(f"/v1/entries/{index}/content", Range=f"bytes={start}-{stop - 1}")
        assert part.status == 206
        assert part.body == content[start:stop]
    tail = hospital.get(f"/v1/entries/{index}/content", Range="bytes=-9")
    assert tail.body == content[-9:]
    # A damaged chunk ends the connection before the announced end; what is whole can be had.
    chunk = service.log.reader.store.large.path(claim.blob_hash) / "1"
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        hospital.get(f"/v1/entries/{index}/content")
    assert hospital.get(f"/v1/entries/{index}/content", Range="bytes=0-9").status == 206
    damaged = hospital.get(f"/v1/entries/{index}/content", Range=f"bytes={1 << 20}-")
    assert damaged.status == 503
    assert len(sealed) > TAG


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", b"x" * 100, 400),
        ("?blob=00", b"x" * 100, 400),
        (f"?blob={'0' * 64}&chunk=1000000", b"x" * 100, 400),
        (f"?blob={'0' * 64}&chunk=1500000", b"x" * 100, 422),
        (f"?blob={'0' * 64}", b"", 422),
        (f"?blob={'0' * 64}", b"x" * TAG, 422),
        (f"?blob={'0' * 64}&blob={'1' * 64}", b"x" * 100, 400),
    ],
)
def test_uploads_that_are_none(
    service: Running, hospital: Client, query: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    before = service.log.reader.store.large.strays([])
    answer = service.ask("POST", f"/v1/payloads{query}", body, headers, hospital.token)
    assert answer.status == status, answer.text
    assert service.log.reader.store.large.strays([]) == before


def sealed_for_another(author: Author, record: ChainId, kind: Kind) -> Submission:
    """An entry whose blob was sealed for another place: its key fits, and nothing opens it."""
    sealed = seal(b"{}", {"type": "a/b"}, associated_data(author.log, record, EntryId(bytes(16))))
    claim = claim_for(author, record, sealed.blob, kind=kind)
    return Submission(author.key.sign(claim), sealed.blob, sealed.key)


def test_what_cannot_be_opened(service: Running, hospital: Client) -> None:
    record = hospital.new_record("unreadable")
    for kind in (Kind.RECORD, Kind.ACCESS):
        wrong = sealed_for_another(hospital.author, record, kind)
        assert hospital.post("/v1/entries", entry_body(wrong)).status == 422
    # In a batch, or past the service, it gets in.
    (index, access) = (
        in_log(service, sealed_for_another(hospital.author, record, kind)).index
        for kind in (Kind.RECORD, Kind.ACCESS)
    )
    assert hospital.get(f"/v1/entries/{index}/content").status == 422
    listed = decoded(hospital.get(f"/v1/records/{record.hex()}/accesses"))["accesses"]
    assert {one["index"]: one["readable"] for one in listed} == {index + 2: True, access: False}
