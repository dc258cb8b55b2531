"""Ledger and verifier read the same bytes: both take them or both refuse them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.wire.tile import decode_bundle
from tests.agreement import readers
from tests.agreement.mutations import nearly
from tests.agreement.readers import BOTH, accepted, load
from verifier.formats import cbor as verifier_cbor
from verifier.formats import keys as verifier_keys
from verifier.formats.ed25519 import check_public_key
from verifier.formats.leaf import Leaf, parse_leaf
from verifier.formats.tiles import decode_bundle as verifier_bundle

Row = tuple[str, str, bytes, bool]


def rows() -> list[Row]:
    """Format, name, bytes, valid: all vectors that one parser alone decides."""
    files = {
        "cbor.json": "cbor",
        "keys.json": "key",
        "claim.json": "claim",
        "statement.json": "statement",
        "leaf.json": "leaf",
    }
    found = [
        (field, case["name"], bytes.fromhex(case[field]), case["valid"])
        for file, field in files.items()
        for case in load(file)["cases"]
    ]
    registry, keys = load("registry.json"), load("keys.json")
    found += [
        (alg, case["name"], bytes.fromhex(case["key"]), case["valid"])
        for alg in ("es384", "rs384")
        for case in keys[alg]
    ]
    for format, cases in (
        ("batch", load("batch.json")["cases"]),
        ("genesis", registry["genesis"]),
        ("actor", registry["actor"]),
        ("trust", registry["trust"]),
    ):
        found += [(format, c["name"], bytes.fromhex(c["body"]), c["valid"]) for c in cases]
    leaves = load("log.json")["leaves"]
    found += [
        ("leaf", f"log-{at}", bytes.fromhex(one["leaf"]), True) for at, one in enumerate(leaves)
    ]
    return found


ROWS = rows()


@pytest.fixture
def fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys again and again: check each once."""
    monkeypatch.setattr(verifier_keys, "check_public_key", cache(check_public_key))


@pytest.mark.parametrize(
    ("format", "name", "data", "valid"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS]
)
def test_vectors(format: str, name: str, data: bytes, valid: bool) -> None:
    ledger, verifier = BOTH[format]
    assert (accepted(ledger, data), accepted(verifier, data)) == (valid, valid)


def seeds(format: str) -> list[bytes]:
    return [row[2] for row in ROWS if row[0] == format and row[3]]


def same_verdict(format: str, data: bytes) -> bool:
    ledger, verifier = BOTH[format]
    return accepted(ledger, data) == accepted(verifier, data)


def has_known_difference(format: str, data: bytes) -> bool:
    """Bytes that only the entries of ``differences`` make the readers see differently."""
    if format == "cbor":
        return accepted(BOTH["cbor"][1], data) and _bytes_key(verifier_cbor.decode(data))
    if format == "genesis":
        return accepted(BOTH["genesis"][0], data)
    if format == "leaf":
        return accepted(parse_leaf, data) and _header_difference(parse_leaf(data))
    return False


def _header_difference(leaf: Leaf) -> bool:
    large = leaf.member is not None and leaf.member.batch_index >= 2**53
    return large or (leaf.seq != 0 and leaf.prev_hash == bytes(32))


def _bytes_key(value: Any) -> bool:
    if isinstance(value, dict):
        return any(isinstance(key, bytes) for key in value) or any(map(_bytes_key, value.values()))
    return isinstance(value, list) and any(map(_bytes_key, value))


@pytest.mark.usefixtures("fast_keys")
@pytest.mark.parametrize("format", [format for format in BOTH if format != "key"])
def test_every_byte(format: str) -> None:
    """Each byte of the first valid vectors, one after the other."""
    wanted = 2 if format in ("genesis", "statement", "leaf") else 4
    for data in seeds(format)[:wanted]:
        # Most of a genesis is the one large key inside it.
        for at in range(0, len(data), 7 if format == "genesis" else 1):
            for value in (data[at] ^ 1 << at % 8, data[at] ^ 0x80, 0):
                changed = data[:at] + bytes([value]) + data[at + 1 :]
                assert same_verdict(format, changed) or has_known_difference(format, changed), at


@pytest.mark.usefixtures("fast_keys")
@pytest.mark.parametrize("format", list(BOTH))
def test_fuzz(format: str) -> None:
    @given(nearly(seeds(format)))
    @settings(max_examples=60 if format == "key" else 300, deadline=None)
    def agree(data: bytes) -> None:
        assert same_verdict(format, data) or has_known_difference(format, data)

    agree()


@given(st.binary(max_size=40))
@settings(max_examples=1000, deadline=None)
def test_random_cbor(data: bytes) -> None:
    assert same_verdict("cbor", data) or has_known_difference("cbor", data)


# Notes, checkpoints, proof files and receipts, whose vectors are another generator's.


def single_key_cases(file: str) -> list[Any]:
    return [
        case
        for case in load(file)["cases"]
        if set(case.get("required", ["ed25519"])) <= {"ed25519", "ml-dsa-44"}
    ]


CHECKPOINTS = load("checkpoint.json")


@pytest.mark.parametrize("case", single_key_cases("checkpoint.json"), ids=lambda c: str(c["name"]))
def test_checkpoints(case: dict[str, Any]) -> None:
    vkeys = [CHECKPOINTS["vkeys"][name] for name in case["required"]]
    note = b64decode(case["note"])
    both = [read(note, CHECKPOINTS["origin"], vkeys) for read in readers.CHECKPOINT_READERS]
    assert both == [case["valid"]] * 2


NOTES = load("note.json")


# The witness' key is of a type that the verifier does not read yet.
LOG_KEYS = [case for case in NOTES["verifier_keys"] if case["name"] != "witness"]


@pytest.mark.parametrize("case", LOG_KEYS, ids=lambda case: str(case["name"]))
def test_verifier_keys(case: dict[str, Any]) -> None:
    assert readers.vkey_checks(case["vkey"].encode()) == (case["valid"], case["valid"])


def proof_cases() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (file, vectors, case)
        for file in ("receipt.json", "tlog-proof.json")
        for vectors in (load(file),)
        for case in vectors["cases"]
    ]


@pytest.mark.parametrize(
    ("file", "vectors", "case"),
    proof_cases(),
    ids=lambda v: v if isinstance(v, str) else v.get("name", ""),
)
def test_proof_files(file: str, vectors: dict[str, Any], case: dict[str, Any]) -> None:
    """As far as the inclusion of the leaf: the leaves of these vectors are plain words."""
    leaf = None if file == "receipt.json" else b"leaf 77"
    data = b64decode(case["file"])
    both = [
        read(data, vectors["origin"], vectors["required"], leaf) for read in readers.PROOF_READERS
    ]
    assert both[0] == both[1]
    assert both[0] is case["valid"]


LOG = load("log.json")
RECEIPT = b64decode(LOG["receipt"]["file"])


def receipt_verdicts(data: bytes) -> list[bool]:
    return [read(data, LOG["origin"], LOG["vkeys"][:1], None) for read in readers.PROOF_READERS]


def test_receipt_of_a_real_leaf() -> None:
    assert receipt_verdicts(RECEIPT) == [True, True]
    for at in range(len(RECEIPT)):
        changed = RECEIPT[:at] + bytes([RECEIPT[at] ^ 1 << at % 7]) + RECEIPT[at + 1 :]
        assert receipt_verdicts(changed) == [False, False], at


@given(nearly([RECEIPT]))
@settings(max_examples=150, deadline=None)
def test_fuzz_receipts(data: bytes) -> None:
    if data != RECEIPT:
        assert receipt_verdicts(data) == [False, False]


@given(nearly([b64decode(case["bundle"]) for case in load("tile.json")["bundles"]]))
@settings(max_examples=150, deadline=None)
def test_fuzz_bundles(data: bytes) -> None:
    for width in (1, 2, 3, 256):
        ledger = accepted(partial(decode_bundle, width=width), data)
        assert ledger == accepted(partial(verifier_bundle, count=width), data)


# Limits: what is one byte too large, and what just fits.


def padded_note(size: int) -> bytes:
    """A checkpoint with a foreign signature that fills it up to nearly this size."""
    good = b64decode(CHECKPOINTS["cases"][0]["note"])
    room = size - len(good) - len(b"\xe2\x80\x94 x \n")
    return good + b"\xe2\x80\x94 x " + b64encode(bytes(room // 4 * 3)) + b"\n"


def note_verdicts(size: int) -> list[bool]:
    data = padded_note(size)
    assert size - 4 < len(data) <= size
    vkeys = [CHECKPOINTS["vkeys"]["ed25519"]]
    return [read(data, CHECKPOINTS["origin"], vkeys) for read in readers.CHECKPOINT_READERS]


def extra_verdicts(size: int) -> list[bool]:
    vectors = load("tlog-proof.json")
    head, rest = b64decode(vectors["cases"][0]["file"]).split(b"\n", 1)
    data = head + b"\nextra " + b64encode(bytes(size)) + b"\n" + rest
    required = vectors["origin"], vectors["required"]
    return [read(data, *required, b"leaf 77") for read in readers.PROOF_READERS]


def test_what_just_fits() -> None:
    assert note_verdicts(1_000_000) == [True, True]
    assert extra_verdicts(65_535) == [True, True]


def test_a_note_over_the_limit() -> None:
    assert note_verdicts(1_000_004) == [False, False]


def test_an_extra_line_over_the_limit() -> None:
    assert extra_verdicts(65_536) == [False, False]
