"""Renewing: an old log once more under another hash (docs/spec/succession.md, *Renewal*)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import BadEvidence
from ledger.identity import Renewal, Succession
from ledger.merkle import renewed_root
from ledger.reader import Reader
from ledger.store.store import Store


def renewal_of(reader: Reader) -> Renewal:
    """The roots over a log's leaves and over the blobs that are still there; reads them all."""
    size = reader.checkpoint.size
    return Renewal(
        renewed_root(reader.store.leaves(0, size)), renewed_root(_blobs(reader.store, size))
    )


def check_renewal(succession: Succession, old: Reader) -> None:
    """Whether the renewed root over the leaves, if there is one, is that of the old log. The one
    over blobs is of those that were there then. Raises BadEvidence.
    """
    if succession.renewal is None:
        return
    root = renewed_root(old.store.leaves(0, succession.predecessor.size))
    if root != succession.renewal.leaves:
        raise BadEvidence(
            "renewed root of the old log",
            expected=root.hex(),
            found=succession.renewal.leaves.hex(),
        )


def _blobs(store: Store, size: int) -> Iterator[bytes]:
    for index in range(size):
        blob = store.surviving_payload(index)
        if blob:
            yield index.to_bytes(8, "big") + blob
