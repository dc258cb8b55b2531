"""Receipts: a proof file whose ``extra`` line is base64(leaf).

    c2sp.org/tlog-proof@v1
    extra base64(leaf)                 <- 1 to 65,535 bytes
    index ... hashes ... checkpoint    <- see ledger.wire.proof

The ``extra`` line is authenticated by nothing: whoever reads a receipt hashes the leaf and checks
*that* hash at ``index`` under the checkpoint's root. A receipt that is given at once has a
checkpoint with the log's Ed25519 line alone: it is *provisional* (``open_checkpoint`` says so).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import BadRequest
from ledger.wire.ids import Hash, LeafIndex
from ledger.wire.proof import TlogProof, parse_proof, render_proof


@dataclass(frozen=True, slots=True)
class Receipt:
    """A leaf and what proves its place. ``checkpoint`` is the whole signed note."""

    leaf: bytes
    index: LeafIndex
    hashes: tuple[Hash, ...]
    checkpoint: bytes


def render_receipt(receipt: Receipt) -> bytes:
    """The bytes of a receipt."""
    if not receipt.leaf:
        raise BadRequest("a receipt has no leaf")
    return render_proof(
        TlogProof(receipt.index, receipt.hashes, receipt.checkpoint, extra=receipt.leaf)
    )


def parse_receipt(data: bytes) -> Receipt:
    """Take a receipt apart. This verifies nothing."""
    proof = parse_proof(data)
    if not proof.extra:
        raise BadRequest("a receipt has no extra line with the leaf")
    return Receipt(proof.extra, proof.index, proof.hashes, proof.checkpoint)
