"""Epochs: when the log makes one, what it lists, and the signed entry.

An epoch is the first entry of a commit. It is due when the runs that lie ready cover 4,096 leaves
more than the newest epoch does, or ten minutes after something came that none covers. It lists the
runs that lie ready; one that is to cover everything ends with a short run over the newest leaves,
which has no file. So making one waits for nobody who builds or merges runs.

Runs that were merged away stay while an epoch lists them by which evidence may go: the newest one,
and those below the published checkpoints.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from ledger.admission import Admitted
from ledger.heads import ChainHeads
from ledger.identity import Registry
from ledger.keyfiles import LogKeys
from ledger.merkle import subtree_root
from ledger.store.environment import StorageFull
from ledger.store.run_form import page_hashes
from ledger.store.sorted_index import Finished, SortedIndex
from ledger.store.store import Store
from ledger.store.tables import RunRow
from ledger.vault.keys import NO_KEY
from ledger.wire import epoch as wire
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.claim import Claim, Kind
from ledger.wire.epoch import MAX_RUNS, Epoch, Run
from ledger.wire.ids import new_entry_id
from ledger.wire.leaf import claim_bytes
from ledger.wire.note import parse_note
from ledger.wire.statement import StatementKey

EPOCH_LEAVES: Final = 4_096
EPOCH_S: Final = 600.0
"""What came is covered once so many leaves have come, or after so many seconds."""
RETRY_S: Final = 1.0
"""Where the newest run does not lie ready yet, or the disk is full."""


def read_epoch(store: Store, index: int) -> Epoch:
    """The epoch at an index. Raises LedgerFault or BadRequest."""
    return Epoch.decode(Claim.decode(claim_bytes(store.leaf(index))).body)


def newest_epoch(store: Store, below: int) -> tuple[int, Epoch] | None:
    """The newest epoch below an index, and where it stands."""
    index = store.newest_epoch(below)
    return None if index is None else (index, read_epoch(store, index))


class EpochMaker:
    """Owned by the writer thread."""

    def __init__(self, store: Store, heads: ChainHeads, registry: Registry, keys: LogKeys) -> None:
        self._store = store
        self._heads = heads
        self._registry = registry
        self._key = StatementKey.of(keys.statement)
        self.size = store.state().size
        newest = newest_epoch(store, self.size)
        self._upto = newest[1].upto if newest else 0
        self._due_at: float | None = None
        self._await_leaves()

    def committed(self, size: int, made: Epoch | None) -> None:
        """The log has so many leaves now, and perhaps a new epoch."""
        self.size = size
        if made is not None:
            self._upto, self._due_at = made.upto, None
        self._await_leaves()

    def wait_s(self) -> float | None:
        """Seconds until an epoch is due though nothing comes; None: not at all."""
        return None if self._due_at is None else max(self._due_at - time.monotonic(), 0.0)

    def due(self, finished: Sequence[tuple[SortedIndex, Finished]]) -> Epoch | None:
        """The epoch that the next commit begins with, if any; ``finished`` are the runs that it
        will register.
        """
        heads = self._heads.index
        rows = heads.with_finished(run for index, run in finished if index is heads)
        covered = rows[-1].stop if rows else 0
        if covered - self._upto >= EPOCH_LEAVES:
            return self._listing(rows)
        if self.wait_s() != 0.0:
            return None
        # Should none be made, the next try is not at once.
        self._due_at = time.monotonic() + RETRY_S
        whole = covered == self.size // wire.STRETCH * wire.STRETCH
        return self.over_all(rows) if whole else None

    def over_all(self, rows: Sequence[RunRow]) -> Epoch | None:
        """An epoch over every leaf; None when nothing but epochs came since the last one.

        ``rows`` are the runs of all full stretches.
        """
        return self._listing(rows, short=True) if self._uncovered() else None

    def entry(self, epoch: Epoch, received_ms: int) -> Admitted:
        """The epoch as the log signs it."""
        registry = self._registry
        claim = Claim(
            Kind.EPOCH,
            registry.log,
            registry.epoch_chain,
            registry.itself,
            new_entry_id(received_ms),
            received_ms,
            body=epoch.encode(),
        )
        signed = self._key.sign(claim)
        return Admitted(signed, claim, claim.encode(), self._key.kid, b"", NO_KEY, (), None, ())

    def _listing(self, rows: Sequence[RunRow], short: bool = False) -> Epoch | None:
        runs = [Run(row.stop, row.rows, self._heads.index.opened(row).root) for row in rows]
        if short and (newest := self._heads.newest_stretch()):
            sorted_rows = self._heads.index.form.rows(newest)
            root = subtree_root(page_hashes(sorted_rows))
            runs.append(Run(self.size, len(sorted_rows), root))
        # So many only where merging has failed for long: then none is made.
        return Epoch(tuple(runs)) if 0 < len(runs) <= MAX_RUNS else None

    def _uncovered(self) -> bool:
        return self.size - self._upto > self._store.epochs_from(self._upto)

    def _await_leaves(self) -> None:
        if self._due_at is None and self._uncovered():
            self._due_at = time.monotonic() + EPOCH_S


def forget_retired(store: Store, heads: SortedIndex) -> None:
    """Remove merged runs that no evidence needs any more. For the writer.

    On a disk that is full they stay: nothing depends on it, and there will be a next time.
    """
    listed = {span for epoch in _needed(store) for span in _spans(epoch)}
    gone = [row for row in store.retired_runs() if (row.start, row.stop) not in listed]
    if gone:
        with suppress(StorageFull):
            store.forget_retired(gone)
            heads.remove(gone)


def _needed(store: Store) -> Iterator[Epoch]:
    notes = (store.published(), store.cosigned())
    published = [parse_checkpoint(parse_note(note).text).size for note in notes if note]
    for below in {store.state().size, *published}:
        if (found := newest_epoch(store, below)) is not None:
            yield found[1]


def _spans(epoch: Epoch) -> Iterator[tuple[int, int]]:
    return ((start, run.to) for start, run in epoch.spans())
