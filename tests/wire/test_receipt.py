"""Receipts: the vectors, and that nothing but the leaf's own hash counts."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.merkle import check_inclusion, leaf_hash
from ledger.wire.checkpoint import OpenedCheckpoint, checkpoint_verifier, open_checkpoint
from ledger.wire.receipt import Receipt, parse_receipt, render_receipt

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "receipt.json").read_text())
KEYS = [checkpoint_verifier(vkey) for vkey in VECTORS["required"]]
GOOD = b64decode(VECTORS["cases"][0]["file"])


def verify(data: bytes) -> tuple[Receipt, OpenedCheckpoint]:
    """What a reader of a receipt does."""
    receipt = parse_receipt(data)
    opened = open_checkpoint(receipt.checkpoint, VECTORS["origin"], KEYS)
    size, root = opened.checkpoint.size, opened.checkpoint.root
    check_inclusion(receipt.index, leaf_hash(receipt.leaf), size, receipt.hashes, root)
    return receipt, opened


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_receipt_vectors(case: dict[str, Any]) -> None:
    data = b64decode(case["file"])
    if case["valid"]:
        receipt, opened = verify(data)
        assert render_receipt(receipt) == data
        assert (receipt.leaf, receipt.index) == (b64decode(VECTORS["leaf"]), VECTORS["index"])
        assert opened.provisional
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            verify(data)


def test_a_receipt_has_a_leaf() -> None:
    receipt, _ = verify(GOOD)
    with pytest.raises(BadRequest):
        render_receipt(Receipt(b"", receipt.index, receipt.hashes, receipt.checkpoint))


@given(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_mutated_receipts_are_refused(at: int, put: bytes, cut: int) -> None:
    at %= len(GOOD)
    changed = GOOD[:at] + put + GOOD[at + cut :]
    if changed == GOOD:
        return
    with pytest.raises((BadRequest, BadEvidence)):
        verify(changed)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((BadRequest, BadEvidence)):
        parse_receipt(data)
