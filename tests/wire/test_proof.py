"""Proof files: the vectors, caps, random bytes."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.merkle import check_inclusion
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.ids import Hash, LeafIndex
from ledger.wire.proof import MAX_EXTRA_SIZE, MAX_HASHES, TlogProof, parse_proof, render_proof

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "tlog-proof.json").read_text())
KEYS = [checkpoint_verifier(vkey) for vkey in VECTORS["required"]]
LEAF_HASH = bytes.fromhex(VECTORS["leaf_hash"])
FILES = {case["name"]: b64decode(case["file"]) for case in VECTORS["cases"]}


def verify(data: bytes) -> TlogProof:
    """What a reader of a proof file does."""
    proof = parse_proof(data)
    checkpoint = open_checkpoint(proof.checkpoint, VECTORS["origin"], KEYS).checkpoint
    check_inclusion(proof.index, LEAF_HASH, checkpoint.size, proof.hashes, checkpoint.root)
    return proof


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_proof_vectors(case: dict[str, Any]) -> None:
    data = b64decode(case["file"])
    if case["valid"]:
        assert render_proof(verify(data)) == data
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            verify(data)


def test_who_is_to_blame() -> None:
    for case in ("index-of-the-next-leaf", "hash-missing", "hash-changed"):
        with pytest.raises(BadEvidence):
            verify(FILES[case])
    for case in ("extra-empty", "hash-of-31-bytes", "no-empty-line", "header-missing"):
        with pytest.raises(BadRequest):
            parse_proof(FILES[case])


def test_caps() -> None:
    good = parse_proof(FILES["plain"])
    largest = TlogProof(
        good.index, (Hash(bytes(32)),) * MAX_HASHES, good.checkpoint, bytes(MAX_EXTRA_SIZE)
    )
    assert parse_proof(render_proof(largest)) == largest
    for hashes, extra in ((MAX_HASHES + 1, 1), (0, MAX_EXTRA_SIZE + 1)):
        with pytest.raises(BadRequest):
            render_proof(
                TlogProof(LeafIndex(0), (Hash(bytes(32)),) * hashes, good.checkpoint, bytes(extra))
            )
    one_more = render_proof(largest).replace(b"extra AAAA", b"extra AAAAAAAA", 1)
    with pytest.raises(BadRequest):
        parse_proof(one_more)
    with pytest.raises(BadRequest):
        parse_proof(bytes(2_000_000))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(data: bytes) -> None:
    header = b"c2sp.org/tlog-proof@v1\n"
    for file in (data, header + data, header + b"index 0\n" + data, header + b"index 0\n\n" + data):
        with pytest.raises((BadRequest, BadEvidence)):
            parse_proof(file)


@given(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_mutated_files_are_refused(at: int, put: bytes, cut: int) -> None:
    good = FILES["plain"]
    at %= len(good)
    changed = good[:at] + put + good[at + cut :]
    if changed == good:
        return
    with pytest.raises((BadRequest, BadEvidence)):
        verify(changed)
