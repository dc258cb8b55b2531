"""Where payloads lie: append-only segment files, as the ledger has them, against values in LMDB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lmdb

from benchmarks.harness import Result, Row, Scale, Work, alternate, compare
from ledger.store.payloads import PayloadFiles, Place

_SHAPES = ((1_070, 256), (1_070, 4_096), (65_600, 64), (1 << 20, 8))
"""Size of a blob, blobs in a commit."""
_BYTES = 64 << 20
"""What each round writes, at least one commit."""


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Payloads")
    for size, group in _SHAPES:
        blobs = [os.urandom(size) for _ in range(64)]
        commits = max(1, _BYTES // (size * group) // (8 if scale.name == "quick" else 1))
        group_of = [blobs[at % len(blobs)] for at in range(group)]
        segments = _Segments(work / f"segments-{size}-{group}")
        tables = _Tables(work / f"lmdb-{size}-{group}")
        samples = alternate(
            {
                "segments": segments.side(group_of, commits),
                "lmdb": tables.side(group_of, commits),
            },
            min(5, scale.rounds),
        )
        what = f"blobs of {size:,} bytes, {group:,} a commit, in segments"
        result.rows.append(compare(what, samples["segments"], "LMDB values", samples["lmdb"]))
        kept = tables.bytes() / tables.payload
        result.rows.append(Row(f"LMDB's file, for {size:,} bytes", "× payload", kept))
        segments.close()
        tables.close()
    result.notes.append("A segment's file is as large as its payloads. Keys in ascending order.")
    return result


class _Segments:
    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._files = PayloadFiles(directory, Place(0, 0))
        self._files.begin_writing()

    def side(self, blobs: Sequence[bytes], commits: int) -> Any:
        def prepare() -> Work:
            def append() -> int:
                for _ in range(commits):
                    self._files.next_place()
                    self._files.write(blobs)
                return commits * len(blobs)

            return append

        return prepare

    def close(self) -> None:
        self._files.close()


class _Tables:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._env = lmdb.open(str(directory), map_size=1 << 40)
        self._next = 0
        self.payload = 0

    def side(self, blobs: Sequence[bytes], commits: int) -> Any:
        def prepare() -> Work:
            def append() -> int:
                for _ in range(commits):
                    with self._env.begin(write=True) as txn:
                        for blob in blobs:
                            txn.put(self._next.to_bytes(8, "big"), blob, append=True)
                            self._next += 1
                            self.payload += len(blob)
                return commits * len(blobs)

            return append

        return prepare

    def bytes(self) -> int:
        return (self._directory / "data.mdb").stat().st_size

    def close(self) -> None:
        self._env.close()
