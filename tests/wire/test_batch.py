"""Batch bodies and member roots: the vectors, round trips, mutations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.merkle import subtree_root
from ledger.wire.batch import MAX_MEMBERS, BatchBody, member_hashes
from ledger.wire.claim import Kind
from ledger.wire.ids import Hash
from tests.agreement.mutations import nearly, round_trip

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "batch.json").read_text())
GOOD = [bytes.fromhex(c["body"]) for c in VECTORS["cases"] if c["valid"]]
ROOTS = st.binary(min_size=32, max_size=32).map(Hash)


def again(data: bytes) -> bytes:
    return BatchBody.decode(data).encode()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["body"])
    if case["valid"]:
        assert again(data) == data
        assert len(data) == 37
    else:
        with pytest.raises(BadRequest):
            BatchBody.decode(data)


@pytest.mark.parametrize("case", VECTORS["roots"], ids=lambda case: str(len(case["claims"])))
def test_member_roots(case: dict[str, Any]) -> None:
    hashes = member_hashes(bytes.fromhex(claim) for claim in case["claims"])
    assert [value.hex() for value in hashes] == case["leaf_hashes"]
    assert subtree_root(hashes).hex() == case["root"]
    swapped = [*hashes[1:], hashes[0]]
    assert len(hashes) == 1 or subtree_root(swapped).hex() != case["root"]


@given(st.sampled_from([Kind.RECORD, Kind.ACCESS]), st.integers(1, MAX_MEMBERS), ROOTS)
def test_round_trip(kind: Kind, count: int, root: Hash) -> None:
    body = BatchBody(kind, count, root)
    assert BatchBody.decode(body.encode()) == body


@given(nearly(GOOD))
@settings(max_examples=300, deadline=None)
def test_fuzz(data: bytes) -> None:
    round_trip(data, again)


@pytest.mark.parametrize(
    "body",
    [
        BatchBody(Kind.AMEND, 1, Hash(bytes(32))),
        BatchBody(Kind.RECORD, 0, Hash(bytes(32))),
        BatchBody(Kind.RECORD, MAX_MEMBERS + 1, Hash(bytes(32))),
        BatchBody(Kind.RECORD, 1, Hash(bytes(31))),
        BatchBody(Kind.RECORD, 1, Hash(bytes(33))),
    ],
    ids=["kind", "no-members", "too-many-members", "root-short", "root-long"],
)
def test_encoding_checks_too(body: BatchBody) -> None:
    with pytest.raises(BadRequest):
        body.encode()
