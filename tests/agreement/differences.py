"""Where the two readers are known to differ, and why. Each is a defect of one of them: an entry
goes when it is mended, and the tests then fail until it is gone.
"""

from __future__ import annotations

from typing import Final

_KEYS: Final = "ledger.identity does not look into the genesis' checkpoint keys"
_ORIGIN: Final = "ledger.identity does not look at the genesis' origin"

GENESIS_TOO_LAX: Final = {
    "origin-with-space": _ORIGIN,
    "origin-with-plus": _ORIGIN,
    "origin-of-256-bytes": _ORIGIN,
    "origin-not-printable": _ORIGIN,
    "origin-another-than-the-keys": _KEYS,
    "checkpoint-ed25519-alone": _KEYS,
    "checkpoint-ml-dsa-alone": _KEYS,
    "checkpoint-ed25519-twice": _KEYS,
    "checkpoint-three": _KEYS,
    "checkpoint-of-another-name": _KEYS,
    "checkpoint-key-id-wrong": _KEYS,
}
"""Bodies that the verifier refuses and ``ledger.identity.Genesis.decode`` takes."""

VERIFIER_TOO_LAX: Final = {
    "map-key-bytes": "verifier.cbor takes byte strings as map keys",
    "seq-3-with-prev-hash-zero": "verifier.proof takes a later leaf without a previous hash",
    "member-batch-index-2-to-the-53": "verifier.leaf has no limit for the batch index",
}
"""Bytes that the ledger refuses and a parser of the verifier takes. No log with them verifies."""

APPENDER_TOO_LAX: Final = {
    "enrol-the-governor": "ledger.identity lets an enrolment take the governor's id",
}
"""Entries that the ledger would append and the verifier refuses."""

LIMITS_DIFFER: Final = {
    "note-of-1000001-bytes": "verifier.note reads up to 2^20 bytes",
    "extra-of-65536-bytes": "verifier.proof has no limit for the extra line",
}
"""Files over a limit that the ledger refuses and the verifier takes."""
