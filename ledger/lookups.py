"""Look-ups in the index of an epoch: what proves the head of a chain, or that it has none
(docs/spec/epoch.md).

Each run of the epoch is read from its file: a registered run, or one that was merged away since and
is kept for this. A short last run has no file and is made again from its leaves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from ledger.errors import LedgerFault
from ledger.heads import ChainHeads
from ledger.merkle import StoredTree, multi_proof, stored_tree
from ledger.right_edge import verified_leaves
from ledger.store.run_form import (
    HEAD_ROW,
    RAW_HEAD,
    RunForm,
    heads_form,
    page_hashes,
    page_of,
)
from ledger.store.runs import KEY
from ledger.store.store import Store
from ledger.store.tables import RunName, RunRow
from ledger.wire import epoch as wire
from ledger.wire.claim import CHAIN_AT
from ledger.wire.epoch import PAGE_ROWS, Epoch, Run, blind
from ledger.wire.ids import ChainId, Hash
from ledger.wire.leaf import SEQ_AT, claim_bytes

_NO_TYPE: Final = 0
"""In a row made from leaves alone: what type a chain is of stands in its first one."""


class LastLeaf(NamedTuple):
    """The newest leaf of a chain below an epoch."""

    length: int
    """Leaves of the chain: its seq + 1."""
    at: int
    hash: Hash


class IndexedRun(Protocol):
    """A run that can be read: a file, or one made again."""

    rows: int
    tree: StoredTree

    def place(self, key: bytes) -> int:
        """How many rows have a smaller key."""

    def rows_at(self, first: int, most: int) -> list[bytes]:
        """Up to ``most`` rows from number ``first`` on."""

    def page(self, number: int) -> bytes:
        """A page, as the specification has it."""


class MadeRun:
    """A run in memory."""

    def __init__(self, form: RunForm, raw: bytes) -> None:
        self._rows = form.rows(raw)
        self.rows = len(self._rows)
        hashes = page_hashes(self._rows)
        self.tree = StoredTree(stored_tree(hashes), 0, len(hashes))

    def place(self, key: bytes) -> int:
        return bisect_left(self._rows, key, key=lambda row: row[:KEY])

    def rows_at(self, first: int, most: int) -> list[bytes]:
        return self._rows[first : first + most]

    def page(self, number: int) -> bytes:
        return page_of(self.rows_at(number * PAGE_ROWS, PAGE_ROWS))


class EpochIndex:
    """All runs of one epoch. Any thread may ask."""

    def __init__(self, log: Hash, store: Store, heads: ChainHeads, epoch: Epoch) -> None:
        """Raises LedgerFault when a run of the epoch is no longer there, or is another one."""
        self.epoch = epoch
        self._log = log
        self._form = heads_form(log)
        # As the store has them now: a writer beside may have registered runs since the index was
        # opened. Registered ones first, so that one which is retired meanwhile is seen.
        rows = [*store.run_rows(RunName.HEADS), *store.retired_runs()]
        kept = {(row.start, row.stop): row for row in rows}
        self.runs: tuple[IndexedRun, ...] = tuple(
            self._open(store, heads, start, run, kept.get((start, run.to)))
            for start, run in epoch.spans()
        )

    def _open(
        self, store: Store, heads: ChainHeads, start: int, run: Run, row: RunRow | None
    ) -> IndexedRun:
        opened: IndexedRun
        if row is not None:
            opened = heads.index.opened(row)
        elif run.to - start < wire.STRETCH:
            opened = MadeRun(self._form, _raw_heads(store, start, run.to))
        else:
            raise LedgerFault(
                f"index heads: the run of leaves {start} to {run.to} is gone",
                hint="publish anew with `counterfoil checkpoint DIR`, and go by that",
            )
        if (opened.rows, opened.tree.root()) != (run.rows, run.root):
            raise LedgerFault(
                f"index heads: the run of leaves {start} to {run.to} is not what the epoch lists",
                hint="run `counterfoil check DIR`",
            )
        return opened

    def find(self, chain: ChainId) -> tuple[LastLeaf | None, list[tuple[int, tuple[int, ...]]]]:
        """The head of a chain below the epoch, None where it has none; and for each run that the
        proof of that looks at, the newest first: its number, and the numbers of the pages.
        """
        key = blind(self._log, chain)
        looked_at: list[tuple[int, tuple[int, ...]]] = []
        for number in range(len(self.runs) - 1, -1, -1):
            run = self.runs[number]
            at = run.place(key)
            rows = run.rows_at(at, 1)
            if rows and rows[0].startswith(key):
                looked_at.append((number, (at // PAGE_ROWS,)))
                _, _, _, count, index, hash_ = HEAD_ROW.unpack(rows[0])
                return LastLeaf(count, index, Hash(hash_)), looked_at
            beside = {row // PAGE_ROWS for row in (at - 1, at) if 0 <= row < run.rows}
            looked_at.append((number, tuple(sorted(beside))))
        return None, looked_at

    def pages(self, number: int, wanted: Iterable[int]) -> list[tuple[int, bytes]]:
        """Pages of a run, by their numbers, ascending."""
        return [(page, self.runs[number].page(page)) for page in sorted(set(wanted))]

    def proof(self, number: int, wanted: Sequence[int]) -> list[Hash]:
        """The proof for several leaves from these pages, ascending, to the run's root."""
        tree = self.runs[number].tree
        return multi_proof(wanted, tree.size, tree)


def _raw_heads(store: Store, start: int, stop: int) -> bytes:
    """The heads in [start, stop), as a run's form takes them."""
    newest: dict[ChainId, bytes] = {}
    for index, leaf, hash_ in verified_leaves(store, start, stop):
        chain = ChainId(claim_bytes(leaf)[CHAIN_AT])
        seq = int.from_bytes(leaf[SEQ_AT], "big")
        newest[chain] = RAW_HEAD.pack(chain, _NO_TYPE, seq + 1, index, hash_)
    return b"".join(newest.values())
