"""Makes the vectors for ids, keys, CBOR, claims, statements, leaves, batches, the registry's
bodies, the heads index, sealed blobs, large payloads, and a small whole log.

    python -m tests.vectors.generate_entries            writes tests/vectors/*.json
    python -m tests.vectors.generate_entries --check    exits 1 when a file differs from that

All of it follows from fixed seeds but two ML-DSA-44 signatures, which are randomised: those that
the files hold are kept as long as they verify.
"""

from __future__ import annotations

import sys

from tests.vectors.entries_bodies import (
    batch_vectors,
    cbor_vectors,
    ids_vectors,
    keys_vectors,
)
from tests.vectors.entries_claims import claim_vectors
from tests.vectors.entries_content import content_vectors
from tests.vectors.entries_epoch import epoch_vectors
from tests.vectors.entries_erasure import erasure_vectors
from tests.vectors.entries_evidence import evidence_vectors
from tests.vectors.entries_governed import governed_vectors
from tests.vectors.entries_large import large_vectors
from tests.vectors.entries_log import log_vectors
from tests.vectors.entries_login import login_vectors
from tests.vectors.entries_policy import policy_vectors
from tests.vectors.entries_registry import registry_vectors, succession_vectors
from tests.vectors.entries_sealed import sealed_vectors
from tests.vectors.entries_statements import leaf_vectors, ml_dsa_statement, statement_vectors
from tests.vectors.entries_succession import file_cases
from tests.vectors.files import stored, write_or_check


def build() -> dict[str, object]:
    """File name -> its JSON value."""
    kept = stored("statement.json").get("ml_dsa_44", {}).get("statement")
    return {
        "batch.json": batch_vectors(),
        "cbor.json": cbor_vectors(),
        "claim.json": claim_vectors(),
        "content.json": content_vectors(),
        "epoch.json": epoch_vectors(),
        "erasure.json": erasure_vectors(),
        "evidence.json": evidence_vectors(),
        "governed-log.json": governed_vectors(),
        "ids.json": ids_vectors(),
        "keys.json": keys_vectors(),
        "login.json": login_vectors(),
        "large-payload.json": large_vectors(),
        "leaf.json": leaf_vectors(),
        "log.json": log_vectors(stored("log.json").get("ml_dsa_line")),
        "policy.json": policy_vectors(),
        "registry.json": registry_vectors(),
        "sealed-blob.json": sealed_vectors(),
        "succession.json": succession_vectors() | {"files": file_cases()},
        "statement.json": statement_vectors(
            ml_dsa_statement(None if kept is None else bytes.fromhex(kept))
        ),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them."""
    return write_or_check(build(), arguments)


if __name__ == "__main__":
    sys.exit(main())
