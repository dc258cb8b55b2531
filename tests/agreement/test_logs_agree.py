"""Whole logs: the small log of the vectors, and one that the ledger wrote, under the verifier."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.appender import Outcome
from ledger.author import Author, Draft
from ledger.errors import BadEvidence, BadRequest, CounterfoilError
from ledger.export import export_tiles
from ledger.founding import found
from ledger.identity import NewKey, found_registry
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.sequencer import Appended
from ledger.wire.claim import BUILT_KINDS, Claim, Kind
from ledger.wire.ids import Position
from ledger.wire.keys import raw_public
from ledger.wire.leaf import decode_leaf
from ledger.wire.receipt import render_receipt
from ledger.wire.sealed import unseal
from ledger.wire.statement import StatementKey
from ledger.wire.tile import decode_bundle, encode_bundle
from tests.agreement.readers import load
from verifier.audit import audit_log
from verifier.fetch import open_source
from verifier.formats import keys as verifier_keys
from verifier.formats import note
from verifier.formats.ed25519 import check_public_key
from verifier.formats.note import VerifierKey, parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.proof import check_proof
from verifier.verdicts.logreport import LogReport

VECTORS = load("log.json")
KEYS = [parse_verifier_key(vkey) for vkey in VECTORS["vkeys"]]
GOVERNED = load("governed-log.json")
GOVERNED_LEAVES = [bytes.fromhex(one["leaf"]) for one in GOVERNED["leaves"]]
LEAVES = [bytes.fromhex(one["leaf"]) for one in VECTORS["leaves"]]


class Files:
    """A log in tlog-tiles layout that fits into one tile."""

    def __init__(self, leaves: list[bytes], checkpoint: bytes) -> None:
        self.files = {
            "checkpoint": checkpoint,
            f"tile/entries/000.p/{len(leaves)}": encode_bundle(leaves),
            f"tile/0/000.p/{len(leaves)}": b"".join(leaf_hash(leaf) for leaf in leaves),
        }

    def read(self, path: str, limit: int) -> bytes | None:
        return self.files.get(path)


def audit(leaves: list[bytes], checkpoint: str, keys: list[VerifierKey]) -> LogReport:
    return audit_log(Files(leaves, b64decode(checkpoint)), policy_of_keys(keys))


@pytest.fixture(autouse=True)
def _fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys again and again: check each once."""
    checked = cache(check_public_key)
    monkeypatch.setattr(verifier_keys, "check_public_key", checked)
    monkeypatch.setattr(note, "check_public_key", checked)


def test_the_small_log() -> None:
    report = audit(LEAVES, VECTORS["checkpoint"], KEYS)
    assert report.problems == []
    assert report.log_id == bytes.fromhex(VECTORS["log"])
    assert (report.leaves, report.actors) == (VECTORS["size"], 5)
    assert decode_bundle(b64decode(VECTORS["bundle"]), VECTORS["size"]) == LEAVES
    assert [leaf_hash(leaf).hex() for leaf in LEAVES] == [one["hash"] for one in VECTORS["leaves"]]


def test_the_small_log_has_every_kind() -> None:
    kinds = {decode_leaf(leaf).claim.kind for leaf in LEAVES}
    # The governed log has changes of governors; a succession begins another log.
    assert kinds == BUILT_KINDS - {Kind.TRUST, Kind.SUCCESSION}


def test_the_governed_log() -> None:
    report = audit(GOVERNED_LEAVES, GOVERNED["checkpoint"], KEYS[:1])
    assert report.problems == []
    assert report.log_id == bytes.fromhex(GOVERNED["log"])


@pytest.mark.parametrize("case", GOVERNED["continuations"], ids=lambda case: str(case["name"]))
def test_what_follows_the_governed_log(case: dict[str, Any]) -> None:
    longer = GOVERNED_LEAVES + [bytes.fromhex(leaf) for leaf in case["leaves"]]
    report = audit(longer, case["checkpoint"], KEYS[:1])
    assert report.verified is case["valid"], report.problems
    assert all(one.index is None or one.index >= GOVERNED["size"] for one in report.problems)


@pytest.mark.parametrize("case", GOVERNED["geneses"], ids=lambda case: str(case["name"]))
def test_false_geneses(case: dict[str, Any]) -> None:
    leaf = bytes.fromhex(case["leaf"])
    assert not audit([leaf], case["checkpoint"], KEYS[:1]).verified
    with pytest.raises((BadRequest, BadEvidence)):
        found_registry(decode_leaf(leaf), leaf_hash(leaf))


@pytest.mark.parametrize("payload", VECTORS["payloads"], ids=lambda one: str(one["index"]))
def test_payloads_of_the_small_log(payload: dict[str, Any]) -> None:
    blob, key, place = (bytes.fromhex(payload[part]) for part in ("blob", "key", "place"))
    claim = decode_leaf(LEAVES[payload["index"]]).claim
    assert claim.blob_size == len(blob)
    opened = unseal(blob, key, place)
    assert opened.content.hex() == payload["content"]
    assert place == claim.log + claim.chain + claim.entry_id


@pytest.mark.parametrize("case", VECTORS["continuations"], ids=lambda case: str(case["name"]))
def test_what_follows_the_small_log(case: dict[str, Any]) -> None:
    longer = LEAVES + [bytes.fromhex(leaf) for leaf in case["leaves"]]
    report = audit(longer, case["checkpoint"], KEYS[:1])
    assert report.verified is case["valid"], report.problems
    assert all(one.index is None or one.index >= len(LEAVES) for one in report.problems)


# A log that the ledger wrote


class Written:
    """Founded, enrolled, appended to, batched, revoked and exported by the ledger."""

    def __init__(self, folder: Path) -> None:
        directory = folder / "ledger"
        vkeys = found(directory, "log.example.org/agreement", guard=folder / "guard")
        self.keys = [parse_verifier_key(vkey) for vkey in vkeys]
        with Log.open(directory) as log:
            self._write(log)
            log.publish()
            self.size = log.reader.checkpoint.size
            self.receipts = [
                render_receipt(log.reader.receipt(index)) for index in range(self.size)
            ]
            self.directory = folder / "export"
            export_tiles(log.reader, self.directory, with_entries=True)

    def _write(self, log: Log) -> None:
        clinic, pharmacy = self._author(log, "clinic"), self._author(log, "pharmacy")
        person, opened = clinic.open_record()
        other, opened_other = pharmacy.open_record()
        one(log.append([opened]))
        one(log.append([opened_other]))
        record = one(log.append([clinic.entry(Draft(person, b'{"resourceType":"Patient"}'))]))
        amend = Draft(
            person,
            b'{"resourceType":"Patient","active":true}',
            kind=Kind.AMEND,
            amended=record.leaf_hash,
            amends=Position(record.index),
        )
        amended = one(log.append([clinic.entry(amend)]))
        one(log.append([clinic.entry(Draft(clinic.directory, b'{"resourceType":"Location"}'))]))
        drafts = [Draft(chain, b"{}") for chain in (person, other, clinic.directory) * 100]
        one([log.append_batch(clinic.batch(drafts))])
        one(log.append([pharmacy.entry(Draft(person, b"", kind=Kind.ACCESS))]))
        one(log.append([clinic.entry(Draft(person, b"", kind=Kind.LINK))]))
        accesses = [Draft(chain, b"", kind=Kind.ACCESS) for chain in (person, other)]
        one([log.append_batch(pharmacy.batch(accesses))])
        retract = Draft(
            person,
            b"",
            kind=Kind.RETRACT,
            amended=amended.leaf_hash,
            amends=Position(amended.index),
        )
        one(log.append([clinic.entry(retract)]))
        log.revoke(pharmacy.id, pharmacy.key.kid)
        (refused,) = log.append([pharmacy.entry(Draft(other, b"{}"))])
        assert isinstance(refused, CounterfoilError)
        one(log.append([clinic.entry(Draft(other, b"{}"))]))

    def _author(self, log: Log, name: str) -> Author:
        private = Ed25519PrivateKey.generate()
        actor, _ = log.enrol(name, "organisation", [NewKey(raw_public(private))])
        return Author(log.reader.registry.log, actor, StatementKey.of(private))

    def audit(self) -> LogReport:
        return audit_log(open_source(str(self.directory)), policy_of_keys(self.keys))


def one(outcomes: Sequence[Outcome]) -> Appended:
    (outcome,) = outcomes
    if isinstance(outcome, CounterfoilError):
        raise outcome
    return outcome


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("agreement"))


def test_a_log_of_the_ledger_verifies(written: Written) -> None:
    report = written.audit()
    assert report.problems == []
    assert report.leaves == written.size == 318
    kinds = "genesis actor open record amend retract link access batch epoch"
    assert set(report.kinds) == set(kinds.split())
    assert report.kinds["record"] == 303


def test_receipts_of_the_ledger_verify(written: Written) -> None:
    for receipt in written.receipts[::5]:
        report = check_proof(receipt, policy_of_keys(written.keys[:1]))
        assert report.problems == []


def test_an_export_is_readable_by_the_ledger_too(written: Written) -> None:
    leaves = decode_bundle((written.directory / "tile/entries/000").read_bytes(), 256)
    assert [decode_leaf(leaf).seq for leaf in leaves[:4]] == [0, 0, 0, 0]
    assert all(isinstance(decode_leaf(leaf).claim, Claim) for leaf in leaves)


def entry_starts(data: bytes) -> list[int]:
    at, starts = 0, []
    while at < len(data):
        starts.append(at)
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return starts


def test_single_bytes_of_a_bundle(written: Written) -> None:
    """Each byte of one entry of each form, and a byte of every other entry."""
    path = written.directory / f"tile/entries/001.p/{written.size - 256}"
    data = path.read_bytes()
    starts = [*entry_starts(data), len(data)]
    last = range(starts[-2], starts[-1], 3)
    places = [*last, *(start + 1 + 13 * n % 230 for n, start in enumerate(starts[:-1]))]
    try:
        for at in places:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            assert not written.audit().verified, at
    finally:
        path.write_bytes(data)
    assert written.audit().verified


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/1/000.p/1"])
def test_single_bytes_of_other_files(written: Written, name: str) -> None:
    path = written.directory / name
    data = path.read_bytes()
    try:
        for at in range(0, len(data), max(1, len(data) // 16)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 7]) + data[at + 1 :])
            assert not written.audit().verified, at
    finally:
        path.write_bytes(data)
