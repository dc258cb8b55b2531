"""Makes the vectors for notes, checkpoints, tiles, Merkle proofs, proof files and receipts.

    python -m tests.vectors.generate_tree            writes tests/vectors/*.json
    python -m tests.vectors.generate_tree --check    exits 1 when a file differs from that

All of it follows from fixed seeds but one thing: ML-DSA-44 signatures are randomised. The line that
checkpoint.json holds is kept as long as it verifies.
"""

from __future__ import annotations

import sys

from ledger.errors import CounterfoilError
from ledger.wire.checkpoint import MlDsaVerifier, open_checkpoint
from tests.vectors.files import stored, write_or_check
from tests.vectors.tree_keys import CHECKPOINT, LOG_ML_DSA, ORIGIN, TIME
from tests.vectors.tree_notes import checkpoint_vectors, note_vectors
from tests.vectors.tree_proofs import merkle_vectors, proof_vectors, receipt_vectors, tile_vectors


def build() -> dict[str, object]:
    """File name -> its JSON value."""
    ml_dsa_line = _stored_line() or LOG_ML_DSA.line(CHECKPOINT, TIME)
    return {
        "checkpoint.json": checkpoint_vectors(ml_dsa_line),
        "merkle.json": merkle_vectors(),
        "note.json": note_vectors(),
        "receipt.json": receipt_vectors(),
        "tile.json": tile_vectors(),
        "tlog-proof.json": proof_vectors(ml_dsa_line),
    }


def _stored_line() -> bytes | None:
    text = stored("checkpoint.json").get("ml_dsa_line")
    if text is None:
        return None
    line: bytes = text.encode()
    try:
        open_checkpoint(CHECKPOINT.text() + b"\n" + line, ORIGIN, [MlDsaVerifier(LOG_ML_DSA.vkey)])
    except CounterfoilError:
        return None
    return line


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them."""
    return write_or_check(build(), arguments)


if __name__ == "__main__":
    sys.exit(main())
