"""Drill: whether shares open a vault, in memory and without writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import BadEvidence
from ledger.store.store import Store, blob_size
from ledger.vault.keys import VaultKeys
from ledger.wire.sealed import commits_to

SAMPLE: Final = 100
"""Payloads whose keys are tried."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """How many keys fitted their payloads, and how many were destroyed."""

    opened: int
    destroyed: int


def try_keys(store: Store, keys: VaultKeys, size: int, most: int = SAMPLE) -> Sampled:
    """Try keys of payloads all over [0, size) against the commitments in the sealed blobs.

    Raises BadEvidence when one is not the key of its payload, LedgerFault when a payload is
    missing.
    """
    step = max(1, size // (2 * most))
    opened = destroyed = 0
    for index in range(size - 1, -1, -step):
        if not blob_size(store.leaf(index)):
            continue
        key = keys.load(index)
        if key is None:
            destroyed += 1
        elif commits_to(store.payload(index), key):
            opened += 1
        else:
            raise BadEvidence(
                f"the vault does not hold the key of payload {index}",
                hint="take another backup of the vault",
            )
        if opened + destroyed >= most:
            break
    return Sampled(opened, destroyed)
