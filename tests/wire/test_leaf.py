"""Leaves: the vectors, round trips, mutations, limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire.claim import MAX_CLAIM, Claim
from ledger.wire.ids import ZERO_HASH, Hash
from ledger.wire.leaf import (
    CONTINUES,
    MAX_LEAF,
    MEMBER,
    MEMBER_HEADER,
    Leaf,
    claim_bytes,
    decode_leaf,
    encode_leaf,
)
from tests.agreement.mutations import nearly, round_trip
from tests.vectors.entries_world import CLINIC

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS = json.loads((FOLDER / "leaf.json").read_text())
STATEMENTS = json.loads((FOLDER / "statement.json").read_text())
GOOD = {c["name"]: bytes.fromhex(c["leaf"]) for c in VECTORS["cases"] if c["valid"]}
RECORD = bytes.fromhex(STATEMENTS["cases"][0]["statement"])
INTEGERS = st.integers(0, 2**53 - 1)


def again(data: bytes) -> bytes:
    leaf = decode_leaf(data)
    if leaf.statement is None:
        header = MEMBER_HEADER.pack(
            MEMBER | CONTINUES if leaf.continues else MEMBER,
            leaf.seq,
            leaf.prev_hash,
            leaf.prev_index,
            leaf.received_ms,
            leaf.batch_index,
            leaf.position,
        )
        return header + leaf.claim.encode()
    assert leaf.statement.claim == leaf.claim.encode()
    return encode_leaf(
        leaf.seq,
        leaf.prev_hash,
        leaf.prev_index,
        leaf.received_ms,
        leaf.statement.encode(),
        leaf.continues,
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["leaf"])
    if not case["valid"]:
        with pytest.raises(BadRequest):
            decode_leaf(data)
        return
    assert again(data) == data
    leaf = decode_leaf(data)
    assert claim_bytes(data) == leaf.claim.encode()
    assert leaf.is_member is case["name"].startswith("member")


def test_later_leaf_field_by_field() -> None:
    data = GOOD["later"]
    leaf = decode_leaf(data)
    assert data[0] == 1
    assert int.from_bytes(data[1:9], "big") == leaf.seq == 3
    assert data[9:41] == leaf.prev_hash
    assert int.from_bytes(data[41:49], "big") == leaf.prev_index == 2
    assert int.from_bytes(data[49:57], "big") == leaf.received_ms
    assert data[57:] == RECORD


def test_member_field_by_field() -> None:
    data = GOOD["member-access"]
    leaf = decode_leaf(data)
    assert len(data) == 57 + 12 + 170
    assert int.from_bytes(data[57:65], "big") == leaf.batch_index == 7
    assert int.from_bytes(data[65:69], "big") == leaf.position == 4095
    assert data[69:] == leaf.claim.encode()


@given(st.integers(1, 2**53 - 1), st.binary(min_size=32, max_size=32).filter(any), *[INTEGERS] * 2)
@settings(deadline=None)
def test_round_trip(seq: int, prev: bytes, at: int, received: int) -> None:
    data = encode_leaf(seq, Hash(prev), at, received, RECORD)
    leaf = decode_leaf(data)
    assert (leaf.seq, leaf.prev_hash, leaf.prev_index, leaf.received_ms) == (
        seq,
        prev,
        at,
        received,
    )
    assert again(data) == data


@given(nearly(list(GOOD.values())))
@settings(max_examples=500, deadline=None)
def test_fuzz(data: bytes) -> None:
    round_trip(data, again)


def test_every_single_byte() -> None:
    """Whatever is still a leaf after one byte was changed says something else."""
    for data in (GOOD["later"], GOOD["member"]):
        original = decode_leaf(data)
        for at in range(len(data)):
            changed = data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]
            leaf: Leaf | None
            try:
                leaf = decode_leaf(changed)
            except BadRequest:
                leaf = None
            assert leaf != original, at


def test_limits() -> None:
    claim = Claim.decode(claim_bytes(GOOD["batch"])).encode()
    largest = encode_leaf(
        0, ZERO_HASH, 0, 0, CLINIC.key.sign_bytes(claim + bytes(MAX_CLAIM - len(claim)))
    )
    assert len(largest) < MAX_LEAF
    assert again(largest) == largest
    assert len(encode_leaf(0, ZERO_HASH, 0, 0, bytes(MAX_LEAF - 57))) == MAX_LEAF
    with pytest.raises(BadRequest):
        encode_leaf(0, ZERO_HASH, 0, 0, bytes(MAX_LEAF - 56))
    with pytest.raises(BadRequest):
        decode_leaf(bytes(MAX_LEAF + 1))
