"""Aligned runs above the smallest, each made of the four below it, on disk.

The rows of the smallest lie in the records of spans, those of larger ones in files of their own.
Runs are merged in slices by the first bytes of their rows, so that a part is in memory, not all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from verifier.audit.heads import RunHash, RunResult, merge
from verifier.audit.store import DirectoryStore, Store
from verifier.formats.epoch import ALIGNED, FAN, ROW_BYTES

_SLICE_ROWS = 1 << 16
_KEY_BYTES = 4


class Rows(NamedTuple):
    """Those of a run, where they lie."""

    total: int
    read: Callable[[int, int], bytes]
    """From one row up to another."""

    def below(self, bound: bytes | None) -> int:
        """How many rows are below; None: all."""
        low, high = (0, self.total) if bound is not None else (self.total, self.total)
        while low < high:
            middle = (low + high) // 2
            if self.read(middle, middle + 1)[:_KEY_BYTES] < (bound or b""):
                low = middle + 1
            else:
                high = middle
        return low


def merge_run(store: Store, level: int, start: int) -> RunResult:
    """Make the run's file; those of the runs in it go."""
    if not isinstance(store, DirectoryStore):
        raise ValueError("a log in memory has no run of this size")
    width = ALIGNED * FAN ** (level - 1)
    starts = range(start, start + width * FAN, width)
    run = RunHash()
    path = run_path(store, level, start)
    with path.open("wb") as file:
        for rows in _merged([_rows(store, level - 1, one) for one in starts]):
            file.write(rows)
            run.add(rows)
    if level > 1:
        for one in starts:
            run_path(store, level - 1, one).unlink()
    return run.result()


def run_path(store: DirectoryStore, level: int, start: int) -> Path:
    return store.directory / f"run-{level}-{start:014x}"


def remove_runs(store: Store) -> None:
    """Their results are kept; they can be made again."""
    if isinstance(store, DirectoryStore):
        for path in store.directory.glob("run-*"):
            with suppress(FileNotFoundError):
                path.unlink()


def _rows(store: DirectoryStore, level: int, start: int) -> Rows:
    if level == 0:
        record = store.get(start)
        count = record.header["run"][0]
        return Rows(count, lambda a, b: record.section("heads", a * ROW_BYTES, b * ROW_BYTES))
    path = run_path(store, level, start)
    if not path.exists():
        merge_run(store, level, start)
    return Rows(path.stat().st_size // ROW_BYTES, lambda a, b: _read(path, a, b))


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        return _exactly(file, start * ROW_BYTES, (end - start) * ROW_BYTES)


def _exactly(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _merged(parts: Sequence[Rows]) -> Iterator[bytes]:
    slices = -(-sum(part.total for part in parts) // _SLICE_ROWS)
    starts = [0] * len(parts)
    for number in range(1, slices + 1):
        bound = None
        if number < slices:
            bound = (number * (1 << 8 * _KEY_BYTES) // slices).to_bytes(_KEY_BYTES, "big")
        ends = [part.below(bound) for part in parts]
        yield merge(part.read(a, b) for part, a, b in zip(parts, starts, ends, strict=True))
        starts = ends
