"""Entries without their content, lists, receipts, evidence and absence, and who is shown them."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterator

import pytest

from ledger.author import Draft
from ledger.merkle import check_inclusion, leaf_hash
from ledger.record.header import decode_header
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.ids import ChainId, new_chain_id
from ledger.wire.receipt import parse_receipt
from tests.api.running import ORIGIN, Running
from tests.api.v1 import CBOR, FORMS, READ, Client, appended_behind, decoded, observation
from tests.log.sample import memory_directory
from verifier.evidence.check import EvidenceReport, check_evidence
from verifier.formats.policy import parse_policy


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with memory_directory() as place, Running.made(place) as running:
        running.enrol("auditor", "auditor")
        running.enrol("custodian", "custodian")
        yield running


@pytest.fixture(scope="module")
def hospital(service: Running) -> Client:
    return Client(service, "hospital")


@pytest.fixture(scope="module")
def record(hospital: Client) -> ChainId:
    """Opened, linked, and five observations."""
    record = hospital.new_record("shown")
    for number in range(4):
        assert hospital.append(Draft(record, observation(f"{number}.0"))).status == 201
    return record


@pytest.fixture(scope="module")
def index(hospital: Client, record: ChainId) -> int:
    listed = decoded(hospital.get(f"/v1/records/{record.hex()}/entries?limit=1"))
    return int(listed["entries"][0]["index"])


def verified(service: Running, file: bytes) -> EvidenceReport:
    """What the verifier says, which shares no code."""
    lines = "".join(f"log {vkey}\n" for vkey in service.vkeys)
    report = check_evidence(file, parse_policy(lines.encode()), time.time_ns() // 1_000_000)
    assert report.verified, report.problems
    return report


@pytest.mark.parametrize("form", FORMS)
def test_an_entry(service: Running, hospital: Client, index: int, form: str) -> None:
    answer = hospital.get(f"/v1/entries/{index}", form)
    assert answer.headers["Content-Type"].startswith(form)
    info = decoded(answer)
    entry = service.log.reader.entry(index)
    claim = entry.leaf.claim
    assert (info["index"], info["kind"], info["seq"]) == (index, "record", entry.leaf.seq)
    assert (info["chain"], info["author"]) == (claim.chain.hex(), claim.author.hex())
    assert info["received_ms"] == entry.leaf.received_ms
    assert info["prev_index"] == entry.leaf.prev_index
    hashes = [info["leaf_hash"], info["sealed_hash"]]
    if form != CBOR:
        hashes = [b64decode(one) for one in hashes]
    assert hashes == [leaf_hash(entry.raw), claim.blob_hash]
    assert info["amended"] is None and info["batch_index"] is None


@pytest.mark.parametrize("form", FORMS)
def test_entries_page_by_page(
    service: Running, hospital: Client, record: ChainId, form: str
) -> None:
    path, seqs, pages = f"/v1/records/{record.hex()}/entries?limit=3", [], 0
    following = ""
    while True:
        page = decoded(hospital.get(path + following, form))
        seqs += [one["seq"] for one in page["entries"]]
        pages += 1
        assert page["length"] == 7
        if page["next"] is None:
            break
        following = f"&from={page['next']}"
    assert seqs == [6, 5, 4, 3, 2, 1, 0]
    assert pages == 3


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=257",
        "limit=-1",
        "limit=1.0",
        "limit=",
        "limit=1&limit=2",
        "from=x",
        "from=0",
        "from=999999",
        "from=1~1",
        "page=1",
    ],
)
def test_pages_that_are_none(hospital: Client, record: ChainId, query: str) -> None:
    answer = hospital.get(f"/v1/records/{record.hex()}/entries?{query}")
    assert answer.status == 400, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v1/entries/x",
        "/v1/entries/-1",
        "/v1/entries/99999999",
        "/v1/entries/9999999999999999",
        "/v1/entries/0~1",
        "/v1/entries/0~1000",
        "/v1/entries/99999999/content",
        "/v1/entries/99999999/receipt",
        "/v1/entries/99999999/evidence",
        "/v1/records/x/entries",
        f"/v1/records/{'0' * 32}/entries",
        f"/v1/records/{'0' * 32}/accesses",
        f"/v1/records/{'0' * 32}/evidence",
        f"/v1/records/{'A' * 32}/entries",
        "/v1/nothing",
    ],
)
def test_what_there_is_not(hospital: Client, path: str) -> None:
    answer = hospital.get(path)
    assert (answer.status, answer.json["detail"]) == (404, "there is nothing here")


def test_a_chain_of_nobody_is_no_record(service: Running, hospital: Client) -> None:
    chain = service.log.reader.entry(0).leaf.claim.chain
    assert hospital.get(f"/v1/records/{chain.hex()}/entries").status == 404
    assert hospital.get("/v1/entries/0").status == 200


def test_receipts_before_and_after_publication(service: Running, hospital: Client) -> None:
    record = hospital.new_record("receipts")
    index = decoded(hospital.append(Draft(record, observation())))["index"]
    verifiers = [checkpoint_verifier(vkey) for vkey in service.vkeys]
    for level in ("provisional", "published"):
        answer = hospital.get(f"/v1/entries/{index}/receipt")
        assert answer.headers["Receipt"] == level
        receipt = parse_receipt(answer.body)
        opened = open_checkpoint(receipt.checkpoint, ORIGIN, verifiers[:1], verifiers[1:])
        check_inclusion(
            receipt.index,
            leaf_hash(receipt.leaf),
            opened.checkpoint.size,
            receipt.hashes,
            opened.checkpoint.root,
        )
        assert opened.provisional is (level == "provisional")
        service.log.publish()


def test_evidence_of_what_is_not_published_is_for_later(service: Running, hospital: Client) -> None:
    record = hospital.new_record("evidence")
    index = decoded(hospital.append(Draft(record, observation())))["index"]
    paths = (f"/v1/entries/{index}/evidence", f"/v1/records/{record.hex()}/evidence")
    for path in paths:
        answer = hospital.get(path)
        assert answer.status == 409
        assert int(answer.headers["Retry-After"]) > 0
    service.log.publish()
    one, all_ = (hospital.get(path) for path in paths)
    assert one.headers["Content-Type"] == "application/vnd.counterfoil.evidence"
    claim = verified(service, one.body).claim
    assert claim is not None and claim.leaf_index == index
    report = verified(service, all_.body)
    assert [entry.leaf.seq for entry in report.entries] == [0, 1, 2, 3]
    assert int(all_.headers["Evidence-Upto"]) > index
    hospital.append(Draft(record, observation()))
    assert hospital.get(paths[1]).headers["Evidence-Newer"] == "1"


def test_absence_is_for_custodians_and_auditors(
    service: Running, hospital: Client, record: ChainId
) -> None:
    service.log.publish()
    nobody = new_chain_id()
    for name in ("auditor", "custodian"):
        client = Client(service, name, (READ,))
        answer = client.get(f"/v1/records/{nobody.hex()}/absence")
        assert answer.status == 200, answer.text
        claim = verified(service, answer.body).claim
        assert claim is not None and claim.chain == nobody
        assert client.get(f"/v1/records/{record.hex()}/absence").status == 409
    # Whoever else asked would learn which records there are.
    for chain in (nobody, record):
        assert hospital.get(f"/v1/records/{chain.hex()}/absence").status == 403


@pytest.mark.parametrize("name", ["auditor", "custodian"])
def test_auditors_see_leaves_and_no_content(
    service: Running, record: ChainId, index: int, name: str
) -> None:
    service.log.publish()
    client = Client(service, name, (READ,))
    size = service.log.reader.checkpoint.size
    for path in (f"entries/{index}", f"entries/{index}/receipt", f"entries/{index}/evidence"):
        assert client.get(f"/v1/{path}").status == 200
    for path in ("entries", "evidence"):
        assert client.get(f"/v1/records/{record.hex()}/{path}").status == 200
    assert service.log.reader.checkpoint.size == size
    assert client.get(f"/v1/entries/{index}/content").status == 404
    assert client.get(f"/v1/records/{record.hex()}/accesses").status == 404
    at = appended_behind(service, size)
    assert decode_header(service.log.vault.use(at, "test").header).denied


def test_without_a_tie_nothing_of_a_record_is_shown(
    service: Running, record: ChainId, index: int
) -> None:
    client = Client(service, "clinic", (READ,))
    for path in (
        f"entries/{index}",
        f"entries/{index}/content",
        f"entries/{index}/receipt",
        f"entries/{index}/evidence",
        f"records/{record.hex()}/entries",
        f"records/{record.hex()}/accesses",
        f"records/{record.hex()}/evidence",
    ):
        answer = client.get(f"/v1/{path}")
        assert (answer.status, answer.json["detail"]) == (404, "there is nothing here")


def test_a_practitioner_acts_for_its_hospital(service: Running, index: int) -> None:
    doctor = Client(service, "dr-mori")
    assert doctor.get(f"/v1/entries/{index}/content").status == 200


@pytest.mark.parametrize("form", FORMS)
def test_the_log(service: Running, hospital: Client, form: str) -> None:
    info = decoded(hospital.get("/v1/log", form))
    assert info["origin"] == ORIGIN
    assert info["log"] == service.log.reader.registry.log.hex()
    assert info["size"] == service.log.reader.checkpoint.size
    assert 0 < info["published"] <= info["size"]
    assert tuple(info["vkeys"]) == service.vkeys
