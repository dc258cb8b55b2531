"""Makes the vectors for notes, checkpoints, tiles, Merkle proofs, proof files and receipts.

    python -m tests.vectors.generate_tree            writes tests/vectors/*.json
    python -m tests.vectors.generate_tree --check    exits 1 when a file differs from that

All of it follows from fixed seeds but one thing: ML-DSA-44 signatures are randomised. The line that
checkpoint.json holds is kept as long as it verifies.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ledger.errors import CounterfoilError
from ledger.wire.checkpoint import MlDsaVerifier, open_checkpoint
from tests.vectors.tree_keys import CHECKPOINT, LOG_ML_DSA, ORIGIN, TIME
from tests.vectors.tree_notes import checkpoint_vectors, note_vectors
from tests.vectors.tree_proofs import merkle_vectors, proof_vectors, receipt_vectors, tile_vectors

FOLDER = Path(__file__).parent


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
    path = FOLDER / "checkpoint.json"
    if not path.exists():
        return None
    line: bytes = json.loads(path.read_text(encoding="utf-8"))["ml_dsa_line"].encode()
    try:
        open_checkpoint(CHECKPOINT.text() + b"\n" + line, ORIGIN, [MlDsaVerifier(LOG_ML_DSA.vkey)])
    except CounterfoilError:
        return None
    return line


def render(value: object) -> str:
    """The text of a vector file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description="make the tree vectors")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    differing = 0
    for name, value in build().items():
        path, text = FOLDER / name, render(value)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is not what the generator makes", file=sys.stderr)
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
