"""``POST /v1/entries``: what is taken, what is refused and how, and that the same bytes are one
entry.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.author import CBOR as CBOR_TYPE
from ledger.author import Draft
from ledger.linkage.aliases import unlink_draft
from ledger.linkage.sources import source_tag
from ledger.merkle import check_inclusion, leaf_hash
from ledger.record.contents import LinkedIdentifier
from ledger.record.header import Header
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries
from ledger.wire.ids import Hash, Position, new_chain_id
from ledger.wire.receipt import parse_receipt
from tests.api.running import ORIGIN, Running
from tests.api.v1 import (
    APPEND,
    CBOR,
    FORMS,
    JSON,
    READ,
    SYSTEM,
    Client,
    decoded,
    entry_body,
    link,
    observation,
)


@pytest.fixture(scope="module")
def hospital(service: Running) -> Client:
    return Client(service, "hospital")


@pytest.fixture(scope="module")
def clinic(service: Running) -> Client:
    return Client(service, "clinic")


@pytest.mark.parametrize("form", FORMS)
def test_an_entry_gets_its_receipt(service: Running, hospital: Client, form: str) -> None:
    record = hospital.new_record(f"receipt-{form}")
    content = observation("1.50")
    answer = hospital.append(Draft(record, content), form)
    assert answer.status == 201, answer.text
    given = decoded(answer)
    assert given["known"] is False
    index = given["index"]
    assert answer.headers["Entry"] == str(index)
    assert answer.headers["Location"] == f"/v1/entries/{index}"
    raw = given["receipt"] if form == CBOR else b64decode(given["receipt"])
    receipt = parse_receipt(raw)
    checkpoint = open_checkpoint(
        receipt.checkpoint, ORIGIN, [checkpoint_verifier(service.vkeys[0])]
    ).checkpoint
    check_inclusion(
        receipt.index, leaf_hash(receipt.leaf), checkpoint.size, receipt.hashes, checkpoint.root
    )
    assert service.log.reader.entry(index).raw == receipt.leaf
    hash_ = given["leaf_hash"] if form == CBOR else b64decode(given["leaf_hash"])
    assert hash_ == leaf_hash(receipt.leaf)
    # The tag is the service's: an import of the same bytes finds the entry.
    tag = source_tag(service.log.vault.tag, hospital.author.id, content)
    assert service.log.reader.find_tag(tag) == Position(index)


def test_the_same_bytes_get_the_first_answer(service: Running, hospital: Client) -> None:
    record = hospital.new_record("twice")
    submission = hospital.author.entry(Draft(record, observation("2.0")))
    first = hospital.post("/v1/entries", entry_body(submission))
    size = service.log.reader.checkpoint.size
    for form in FORMS:
        again = hospital.post("/v1/entries", entry_body(submission), form)
        assert again.status == 200
        assert decoded(again)["known"] is True
        assert decoded(again)["index"] == decoded(first)["index"]
    assert service.log.reader.checkpoint.size == size


def test_other_bytes_under_the_same_id_are_a_conflict(hospital: Client) -> None:
    record = hospital.new_record("conflict")
    author = hospital.author
    claim, sealed = author._seal(Draft(record, observation("3.0")))
    body = {"statement": author.key.sign(claim), "blob": sealed.blob, "key": sealed.key}
    assert hospital.post("/v1/entries", body).status == 201
    other = replace(claim, authored_ms=claim.authored_ms - 1)
    answer = hospital.post("/v1/entries", body | {"statement": author.key.sign(other)})
    assert answer.status == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["hint"]


def test_a_document_is_amended_and_retracted(service: Running, hospital: Client) -> None:
    record = hospital.new_record("amended")
    first = decoded(hospital.append(Draft(record, observation("4.0"))))["index"]
    amended = Hash(leaf_hash(service.log.reader.entry(first).raw))
    header = Header("application/fhir+json", reason="unit was wrong").encode()
    change = Draft(
        record,
        observation("4.1"),
        kind=Kind.AMEND,
        amended=amended,
        amends=Position(first),
        header=header,
    )
    for form in FORMS:
        assert hospital.append(change, form).status == 201
    gone = replace(
        change,
        content=b"",
        media_type=CBOR_TYPE,
        kind=Kind.RETRACT,
        header=Header(CBOR_TYPE, reason="entered twice").encode(),
    )
    assert hospital.append(gone).status == 201
    elsewhere = replace(change, amends=Position(first + 1))
    assert hospital.append(elsewhere).status == 422
    assert hospital.append(replace(change, amends=None)).status == 422


def test_an_erasure_is_ordered(service: Running, hospital: Client) -> None:
    record = hospital.new_record("erased")
    index = decoded(hospital.append(Draft(record, observation("5.0"))))["index"]
    body = EraseEntries((Hash(leaf_hash(service.log.reader.entry(index).raw)),)).encode()
    order = Draft(
        record,
        b"",
        CBOR_TYPE,
        Kind.ERASURE,
        {"reason": "asked for"},
        body=body,
        erases=(Position(index),),
    )
    assert hospital.append(order).status == 201
    assert hospital.get(f"/v1/entries/{index}/content").status == 410


def test_links_are_free_or_refused(hospital: Client, clinic: Client, service: Running) -> None:
    one, other = hospital.new_record("linked-1"), hospital.new_record("linked-2")
    answer = hospital.append(link(other, "linked-1"))
    assert answer.status == 422
    assert "linked-1" not in answer.text
    # Ended, it is free; a retry of what stands already is answered as before.
    newest = service.log.reader.find_tag(
        service.log.vault.tag(b"alias", SYSTEM.encode(), b"linked-1")
    )
    assert newest is not None
    linked = service.log.reader.entry(*newest)
    end = replace(
        unlink_draft(linked, LinkedIdentifier(SYSTEM, "linked-1"), b"", "wrong person"), tags=()
    )
    ending = entry_body(hospital.author.entry(end))
    assert hospital.post("/v1/entries", ending).status == 201
    free = entry_body(hospital.author.entry(link(other, "linked-1")))
    assert hospital.post("/v1/entries", free).status == 201
    assert hospital.post("/v1/entries", ending).status == 200
    assert hospital.post("/v1/entries", free).status == 200
    assert hospital.append(end).status == 404, "no link ties the hospital to it any more"
    assert one != other


def test_fhir_of_another_patient_is_refused(hospital: Client) -> None:
    hospital.new_record("somebody")
    record = hospital.new_record("else")
    answer = hospital.append(Draft(record, observation("6.0", "somebody")))
    assert answer.status == 422
    assert "another record" in answer.json["detail"]
    assert hospital.append(Draft(record, observation("6.1", "else"))).status == 201


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"resourceType":"Nonsense"}',
        observation().replace(b'"final"', b'"bogus"'),
        observation().replace(b'{"reference":"Patient/1"}', b'{"reference":"Group/1"}'),
    ],
)
def test_what_is_not_r4_is_refused(service: Running, hospital: Client, content: bytes) -> None:
    record = hospital.new_record(f"r4-{len(content)}")
    size = service.log.reader.checkpoint.size
    assert hospital.append(Draft(record, content)).status == 422
    assert service.log.reader.checkpoint.size == size


def test_headers_are_checked_before_they_are_sealed_for_good(hospital: Client) -> None:
    record = hospital.new_record("headers")
    wrong = Draft(record, observation(), header={"state": "perhaps"})
    assert hospital.append(wrong).status == 422
    access = Draft(record, b"", CBOR_TYPE, Kind.ACCESS)
    assert hospital.append(access).status == 422
    assert hospital.append(replace(access, header={"purpose": "TREAT"})).status == 201
    full = replace(access, header={"purpose": "TREAT"}, content=b"x")
    assert hospital.append(full).status == 422, "an access has no content"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: {**body, "key": bytes(32)},
        lambda body: {**body, "key": b"\1" * 32},
        lambda body: {**body, "blob": body["blob"][:-1]},
        lambda body: {**body, "blob": b""},
        lambda body: {
            **body,
            "statement": body["statement"][:-2]
            + bytes([body["statement"][-2] ^ 1, body["statement"][-1]]),
        },
        lambda body: {**body, "statement": b""},
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_changed_entry_is_refused(
    service: Running, hospital: Client, form: str, change: Callable[[dict[str, bytes]], object]
) -> None:
    record = hospital.new_record(f"changed-{form}-{id(change)}")
    body = entry_body(hospital.author.entry(Draft(record, observation())))
    size = service.log.reader.checkpoint.size
    answer = hospital.post("/v1/entries", change(body), form)  # type: ignore[arg-type]
    assert answer.status == 422, answer.text
    assert service.log.reader.checkpoint.size == size


@pytest.mark.parametrize(
    ("form", "body", "status"),
    [
        (CBOR, b"", 400),
        (CBOR, b"\xa1", 400),
        (CBOR, b"\xbf\xff", 400),
        (CBOR, b"\xa0", 422),
        (CBOR, b"\x80", 400),
        (CBOR, b"\xa1\x69statement\x60", 422),
        (CBOR, b"\xa1\x69statement\xf6", 400),
        (JSON, b"", 400),
        (JSON, b"{", 400),
        (JSON, b'{"statement":"","statement":""}', 400),
        (JSON, b"\xef\xbb\xbf{}", 400),
        (JSON, b"[]", 422),
        (JSON, b"{}", 422),
        (JSON, b'{"statement":"AA="}', 422),
        (JSON, b'{"statement":"AB=="}', 422),
        (JSON, b'{"statement":"AA==\\n"}', 422),
        (JSON, b'{"statement":1}', 422),
        (JSON, b'{"statement":"AA==","tags":[]}', 422),
        (JSON, b'{"statement":"AA==","amends":{"index":-1}}', 422),
        (JSON, b'{"statement":"AA==","amends":{"index":1.0}}', 422),
        (JSON, b'{"statement":"AA==","amends":{"index":true}}', 422),
        (JSON, b'{"statement":"AA==","chunks":2}', 422),
        ("text/plain", b"{}", 415),
        ("application/fhir+json", b"{}", 415),
    ],
)
def test_what_is_no_entry_is_refused(hospital: Client, form: str, body: bytes, status: int) -> None:
    headers = {"Content-Type": form}
    answer = hospital.running.ask("POST", "/v1/entries", body, headers, hospital.token)
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["hint"]


def test_an_answer_nobody_accepts_is_406(hospital: Client) -> None:
    assert hospital.get("/v1/log", "text/html").status == 406
    assert hospital.get("/v1/log", "application/json;q=0, application/cbor;q=0").status == 406
    answer = hospital.get("/v1/log", "application/json;q=0.5, application/cbor")
    assert answer.headers["Content-Type"] == CBOR


def test_only_ones_own_are_handed_in(service: Running, hospital: Client, clinic: Client) -> None:
    record = hospital.new_record("own")
    signed = entry_body(hospital.author.entry(Draft(record, observation("7.0"))))
    assert clinic.post("/v1/entries", signed).status == 403
    # A practitioner of the hospital may, and the hospital what the practitioner signed.
    doctor = Client(service, "dr-mori")
    assert doctor.post("/v1/entries", signed).status == 201
    theirs = entry_body(doctor.author.entry(Draft(record, observation("7.1"))))
    assert hospital.post("/v1/entries", theirs).status == 201


def test_without_scope_or_token_nothing_is_looked_at(service: Running, hospital: Client) -> None:
    reader = Client(service, "hospital", (READ,))
    assert reader.post("/v1/entries", b"no body").status == 403
    assert service.ask("POST", "/v1/entries", b"").status == 401
    writer = Client(service, "hospital", (APPEND,))
    assert writer.get("/v1/entries/0").status == 403


def test_whoever_has_no_tie_adds_and_changes_nothing(
    service: Running, hospital: Client, clinic: Client
) -> None:
    record = hospital.new_record("others")
    index = decoded(hospital.append(Draft(record, observation("8.0"))))["index"]
    amended = Hash(leaf_hash(service.log.reader.entry(index).raw))
    header = Header(CBOR_TYPE, reason="not ours").encode()
    change = Draft(
        record, b"", CBOR_TYPE, Kind.RETRACT, header, amended=amended, amends=Position(index)
    )
    elsewhere = replace(change, chain=new_chain_id())
    for one in (change, elsewhere):
        answer = clinic.append(one)
        assert (answer.status, answer.json["detail"]) == (404, "there is nothing here")
    # The first link and entry begin a relationship.
    assert clinic.append(Draft(record, observation("8.1"))).status == 201
    assert clinic.append(change).status == 404
    assert clinic.append(link(record, "clinic-8")).status == 201
    # It is for what it wrote itself.
    refused = clinic.append(change)
    assert refused.status == 422 and "somebody else wrote" in refused.json["detail"]
    own = decoded(clinic.append(Draft(record, observation("8.2"))))["index"]
    hash_ = Hash(leaf_hash(service.log.reader.entry(own).raw))
    assert clinic.append(replace(change, amended=hash_, amends=Position(own))).status == 201


def test_kinds_that_are_not_taken(hospital: Client) -> None:
    batch = hospital.author.batch([Draft(hospital.new_record("kinds"), observation())])
    answer = hospital.post("/v1/entries", {"statement": batch.statement})
    assert answer.status == 422
    assert "batch" in answer.json["detail"]


def test_the_directory_is_ones_own(hospital: Client, clinic: Client) -> None:
    organization = b'{"resourceType":"Organization","name":"Hospital"}'
    own = hospital.append(Draft(hospital.author.directory, organization))
    assert own.status == 201
    index = decoded(own)["index"]
    assert hospital.append(Draft(hospital.author.directory, observation())).status == 422
    # It is readable as a directory, and belongs to no person.
    answer = clinic.get(f"/v1/entries/{index}/content")
    assert answer.status == 200
    assert answer.body == organization
    assert "Access-Entry" not in answer.headers
