"""The heads index, computed again from the leaves: see `verifier.formats.epoch` for what it is.

Rows of the smallest aligned runs come with the spans. A larger run is made of four, in slices by
the first bytes of its rows, so that no more than a part of it is in memory. A short run lies inside
one span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import NamedTuple

from verifier.audit.spans import Record
from verifier.formats.epoch import PAGE_ROWS, ROW_BYTES, blinded_id, commitment, page_hash
from verifier.formats.merkle import GrowingTree

_ROW = Struct("16s32s")
_PAGE_BYTES = PAGE_ROWS * ROW_BYTES


class RunResult(NamedTuple):
    rows: int
    root: bytes


def head_rows(
    log: bytes,
    first: int,
    chains: Sequence[bytes],
    seqs: Sequence[int],
    hashes: Sequence[bytes],
    blinded: dict[bytes, bytes],
) -> bytes:
    """Rows of the run over these leaves. `blinded` keeps ids that were made before."""
    rows = []
    last = dict(zip(chains, range(len(chains)), strict=True))
    for chain, at in last.items():
        known = blinded.get(chain)
        if known is None:
            known = blinded[chain] = blinded_id(log, chain)
        rows.append(known + commitment(chain, seqs[at] + 1, first + at, hashes[at]))
    rows.sort()
    return b"".join(rows)


def run_over(rows: bytes) -> RunResult:
    run = RunHash()
    run.add(rows)
    return run.result()


class RunHash:
    """Rows in order, in pieces, to the run's root."""

    def __init__(self) -> None:
        self.rows = 0
        self._tree = GrowingTree()
        self._rest = b""

    def add(self, rows: bytes) -> None:
        self.rows += len(rows) // ROW_BYTES
        raw = self._rest + rows
        whole = len(raw) - len(raw) % _PAGE_BYTES
        self._tree.extend(
            [page_hash(raw[at : at + _PAGE_BYTES]) for at in range(0, whole, _PAGE_BYTES)]
        )
        self._rest = raw[whole:]

    def result(self) -> RunResult:
        if self._rest:
            self._tree.extend([page_hash(self._rest)])
            self._rest = b""
        return RunResult(self.rows, self._tree.root())


def merge(older_first: Iterable[bytes]) -> bytes:
    """Rows of several runs as those of one: of each chain the newest."""
    newest: dict[bytes, bytes] = {}
    for rows in older_first:
        newest.update(_ROW.iter_unpack(rows))
    return b"".join([key + newest[key] for key in sorted(newest)])


class ShortRuns:
    """Runs from the start of a span to one leaf after the other of it."""

    def __init__(self, log: bytes, record: Record) -> None:
        self._log = log
        self._first: int = record.header["first"]
        self._chains, self._seqs = record.section("chains"), record.section("seqs")
        self._hashes = record.section("hashes")
        self._blinded: dict[bytes, bytes] = {}
        self._heads: dict[bytes, bytes] = {}
        self._taken = 0

    def up_to(self, end: int) -> RunResult:
        """The run that ends there; ends ascend."""
        for at in range(self._taken, end - self._first):
            chain = self._chains[16 * at : 16 * at + 16]
            seq = int.from_bytes(self._seqs[8 * at : 8 * at + 8], "big")
            hashed = self._hashes[32 * at : 32 * at + 32]
            known = self._blinded.get(chain)
            if known is None:
                known = self._blinded[chain] = blinded_id(self._log, chain)
            self._heads[known] = commitment(chain, seq + 1, self._first + at, hashed)
        self._taken = max(self._taken, end - self._first)
        return run_over(b"".join([key + self._heads[key] for key in sorted(self._heads)]))
