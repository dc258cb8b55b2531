"""Claims: the vectors, round trips of every kind, mutations, limits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire.claim import (
    AMENDING_KINDS,
    BLOB_FORBIDDEN,
    BLOB_REQUIRED,
    BODY_KINDS,
    BUILT_KINDS,
    CLAIM_SIZE,
    MAX_BLOB,
    MAX_CLAIM,
    Claim,
    Kind,
)
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId, Hash, new_entry_id
from tests.agreement.mutations import nearly, round_trip

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "claim.json").read_text())
GOOD = {c["name"]: bytes.fromhex(c["claim"]) for c in VECTORS["cases"] if c["valid"]}
HASHES = st.binary(min_size=32, max_size=32).filter(any).map(Hash)
TIMES = st.integers(0, 2**53 - 1)


def again(data: bytes) -> bytes:
    return Claim.decode(data).encode()


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """Any claim that breaks no rule."""
    kind = draw(st.sampled_from(sorted(BUILT_KINDS)))
    blob = kind in BLOB_REQUIRED or (kind not in BLOB_FORBIDDEN and draw(st.booleans()))
    return Claim(
        Kind(kind),
        draw(HASHES),
        ChainId(draw(st.binary(min_size=16, max_size=16))),
        ActorId(draw(st.binary(min_size=16, max_size=16))),
        new_entry_id(draw(st.integers(0, 2**48 - 1))),
        draw(TIMES),
        draw(HASHES) if blob else ZERO_HASH,
        draw(st.integers(1, MAX_BLOB)) if blob else 0,
        draw(TIMES),
        draw(HASHES) if kind in AMENDING_KINDS else ZERO_HASH,
        draw(st.binary(min_size=1, max_size=500)) if kind in BODY_KINDS else b"",
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["claim"])
    if case["valid"]:
        assert again(data) == data
        assert Claim.trusted(data) == Claim.decode(data)
    else:
        with pytest.raises(BadRequest):
            Claim.decode(data)


def test_every_kind_has_a_vector() -> None:
    assert {Claim.decode(data).kind for data in GOOD.values()} == BUILT_KINDS
    refused = {c["name"] for c in VECTORS["cases"] if not c["valid"]}
    assert {f"kind-{int(kind)}" for kind in set(Kind) - BUILT_KINDS} <= refused


def test_record_field_by_field() -> None:
    data = GOOD["record"]
    claim = Claim.decode(data)
    assert len(data) == CLAIM_SIZE
    assert data[:2] == bytes([1, 6])
    fields: list[tuple[int, bytes]] = [
        (2, claim.log),
        (34, claim.chain),
        (50, claim.author),
        (66, claim.entry_id),
        (82, claim.authored_ms.to_bytes(8, "big")),
        (90, claim.blob_hash),
        (122, claim.blob_size.to_bytes(8, "big")),
        (130, claim.expires_ms.to_bytes(8, "big")),
        (138, claim.amended),
    ]
    for at, value in fields:
        assert data[at : at + len(value)] == value


@given(claims())
@settings(max_examples=200, deadline=None)
def test_round_trip(claim: Claim) -> None:
    data = claim.encode()
    assert Claim.decode(data) == claim
    assert again(data) == data


@given(nearly(list(GOOD.values())))
@settings(max_examples=500, deadline=None)
def test_fuzz(data: bytes) -> None:
    round_trip(data, again)


RECORD = Claim.decode(GOOD["record"])
MUTATIONS: dict[str, dict[str, Any]] = {
    "log-short": {"log": RECORD.log[:-1]},
    "log-long": {"log": RECORD.log + b"\0"},
    "chain-short": {"chain": RECORD.chain[:-1]},
    "chain-long": {"chain": RECORD.chain + b"\0"},
    "author-long": {"author": RECORD.author + b"\0"},
    "entry-id-long": {"entry_id": RECORD.entry_id + b"\0"},
    "blob-hash-short": {"blob_hash": RECORD.blob_hash[:-1]},
    "amended-short": {"kind": Kind.AMEND, "amended": b"\1" * 31},
    "authored-negative": {"authored_ms": -1},
    "expires-negative": {"expires_ms": -1},
    "blob-size-negative": {"blob_size": -1},
    "blob-size-over": {"blob_size": MAX_BLOB + 1},
    "authored-over": {"authored_ms": 2**53},
    "kind-reserved": {"kind": Kind.EPOCH},
    "body-on-a-record": {"body": b"\0"},
}


@pytest.mark.parametrize("change", MUTATIONS.values(), ids=MUTATIONS)
def test_encoding_checks_too(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        replace(RECORD, **change).encode()


def test_largest_claim() -> None:
    batch = Claim.decode(GOOD["batch"])
    largest = replace(batch, body=bytes(MAX_CLAIM - CLAIM_SIZE))
    assert len(largest.encode()) == 60_000
    assert again(largest.encode()) == largest.encode()
    with pytest.raises(BadRequest):
        replace(batch, body=bytes(MAX_CLAIM - CLAIM_SIZE + 1)).encode()
    with pytest.raises(BadRequest):
        Claim.decode(largest.encode() + b"\0")


def test_reserved_kinds_are_named() -> None:
    with pytest.raises(BadRequest, match="kind 19 is reserved"):
        Claim.decode(b"\x01\x13" + GOOD["record"][2:])
