"""``POST /v1/batches``: all or nothing, once, and no slower than it has to be."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from ledger.author import Draft
from ledger.wire.claim import CLAIM_SIZE, Kind
from ledger.wire.ids import new_chain_id
from ledger.wire.receipt import parse_receipt
from tests.api.running import Running
from tests.api.v1 import (
    CBOR,
    FORMS,
    JSON,
    Client,
    batch_body,
    decoded,
    observation,
)


@pytest.fixture(scope="module")
def hospital(service: Running) -> Client:
    return Client(service, "hospital")


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_appended_once(service: Running, hospital: Client, form: str) -> None:
    records = [hospital.new_record(f"batch-{form}-{number}") for number in range(2)]
    drafts = [Draft(records[at % 2], observation(f"{at}.0")) for at in range(9)]
    body = batch_body(hospital.author.batch(drafts))
    answer = hospital.post("/v1/batches", body, form)
    assert answer.status == 201, answer.text
    given = decoded(answer)
    assert (given["count"], given["known"]) == (10, False)
    index, size = given["index"], service.log.reader.checkpoint.size
    receipt = given["receipt"] if form == CBOR else b64decode(given["receipt"])
    assert parse_receipt(receipt).leaf == service.log.reader.entry(index).raw
    for at, draft in enumerate(drafts):
        content = hospital.get(f"/v1/entries/{index + 1 + at}/content")
        assert content.body == draft.content
    size = service.log.reader.checkpoint.size
    for again in FORMS:
        repeated = hospital.post("/v1/batches", body, again)
        assert repeated.status == 200
        assert decoded(repeated)["index"] == index
        assert decoded(repeated)["known"] is True
    assert service.log.reader.checkpoint.size == size


def test_accesses_may_come_as_a_batch(hospital: Client) -> None:
    record = hospital.new_record("batch-accesses")
    drafts = [Draft(record, b"", kind=Kind.ACCESS, header={"purpose": "TREAT"})] * 3
    assert hospital.post("/v1/batches", batch_body(hospital.author.batch(drafts))).status == 201


def changed(body: dict[str, Any], what: str) -> dict[str, Any]:
    """A batch of which one thing is wrong."""
    claims, keys, blobs = body["claims"], body["keys"], body["blobs"]
    return (
        body
        | {
            "a member less": {"claims": claims[:-CLAIM_SIZE]},
            "a byte less of claims": {"claims": claims[:-1]},
            "a key less": {"keys": keys[:-32]},
            "a byte less of blobs": {"blobs": blobs[:-1]},
            "a byte more of blobs": {"blobs": blobs + b"\0"},
            "another key": {"keys": b"\1" * 32 + keys[32:]},
            "another blob": {"blobs": bytes([blobs[0] ^ 1]) + blobs[1:]},
            "members swapped": {
                "claims": claims[CLAIM_SIZE : 2 * CLAIM_SIZE]
                + claims[:CLAIM_SIZE]
                + claims[2 * CLAIM_SIZE :]
            },
            "another signature": {
                "statement": body["statement"][:-2]
                + bytes([body["statement"][-2] ^ 1, body["statement"][-1]])
            },
            "nothing": {"claims": b"", "keys": b"", "blobs": b""},
        }[what]
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "what",
    [
        "a member less",
        "a byte less of claims",
        "a key less",
        "a byte less of blobs",
        "a byte more of blobs",
        "another key",
        "another blob",
        "members swapped",
        "another signature",
        "nothing",
    ],
)
def test_all_or_nothing(service: Running, hospital: Client, form: str, what: str) -> None:
    record = hospital.new_record(f"nothing-{form}-{what}")
    drafts = [Draft(record, observation(f"{at}.{at}{'0' * at}")) for at in range(4)]
    body = batch_body(hospital.author.batch(drafts))
    size = service.log.reader.checkpoint.size
    answer = hospital.post("/v1/batches", changed(body, what), form)
    assert answer.status == 422, answer.text
    assert service.log.reader.checkpoint.size == size
    assert hospital.post("/v1/batches", body, form).status == 201


def test_one_unknown_record_refuses_all(service: Running, hospital: Client) -> None:
    mine = hospital.new_record("mine")
    drafts = [Draft(mine, observation()), Draft(new_chain_id(), observation())]
    size = service.log.reader.checkpoint.size
    answer = hospital.post("/v1/batches", batch_body(hospital.author.batch(drafts)))
    assert answer.status == 422
    assert service.log.reader.checkpoint.size == size


def test_others_batches_are_not_handed_in(service: Running, hospital: Client) -> None:
    batch = batch_body(hospital.author.batch([Draft(hospital.new_record("ours"), observation())]))
    assert Client(service, "clinic").post("/v1/batches", batch).status == 403


def test_a_single_entry_is_no_batch(hospital: Client) -> None:
    entry = hospital.author.entry(Draft(hospital.new_record("single"), observation()))
    body = {"statement": entry.statement, "claims": b"", "keys": b"", "blobs": b""}
    assert hospital.post("/v1/batches", body).status == 422


def test_a_large_body_is_refused_before_it_is_read(hospital: Client) -> None:
    headers = {"Content-Type": JSON, "Content-Length": str(80 << 20)}
    answer = hospital.running.ask("POST", "/v1/batches", None, headers, hospital.token)
    assert answer.status == 413
