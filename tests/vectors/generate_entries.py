"""Makes the vectors for ids, keys, CBOR, claims, statements, leaves, batches, the registry's
bodies, sealed blobs, and a small whole log.

    python -m tests.vectors.generate_entries            writes tests/vectors/*.json
    python -m tests.vectors.generate_entries --check    exits 1 when a file differs from that

All of it follows from fixed seeds but two ML-DSA-44 signatures, which are randomised: those that
the files hold are kept as long as they verify.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.entries_bodies import (
    batch_vectors,
    cbor_vectors,
    ids_vectors,
    keys_vectors,
)
from tests.vectors.entries_claims import claim_vectors
from tests.vectors.entries_log import log_vectors
from tests.vectors.entries_registry import registry_vectors
from tests.vectors.entries_sealed import sealed_vectors
from tests.vectors.entries_statements import leaf_vectors, ml_dsa_statement, statement_vectors

FOLDER = Path(__file__).parent


def build() -> dict[str, object]:
    """File name -> its JSON value."""
    stored = _stored("statement.json").get("ml_dsa_44", {}).get("statement")
    return {
        "batch.json": batch_vectors(),
        "cbor.json": cbor_vectors(),
        "claim.json": claim_vectors(),
        "ids.json": ids_vectors(),
        "keys.json": keys_vectors(),
        "leaf.json": leaf_vectors(),
        "log.json": log_vectors(_stored("log.json").get("ml_dsa_line")),
        "registry.json": registry_vectors(),
        "sealed-blob.json": sealed_vectors(),
        "statement.json": statement_vectors(
            ml_dsa_statement(None if stored is None else bytes.fromhex(stored))
        ),
    }


def _stored(name: str) -> dict[str, Any]:
    path = FOLDER / name
    if not path.exists():
        return {}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def render(value: object) -> str:
    """The text of a vector file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description="make the entry vectors")
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
