"""Run: a sorted file of fixed-size rows for the leaves [start, stop), written once.

    blocks   4,096 bytes each: as many whole rows as fit, zeros behind
    footer   per block: first 8 bytes of its first key ‖ CRC-32 of the block

A row begins with a 16-byte key that is spread evenly (a hash), keys are unique and ascending. The
SHA-256 of the footer stands in LMDB, so the file belongs to the log, and every block is checked
when it is read. Runs are rebuilt from the leaves by anyone; they are files because a merged run
is large and LMDB would keep its old pages for ever.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from ledger.errors import LedgerFault
from ledger.store.files import replace
from ledger.store.tables import DAMAGED

BLOCK: Final = 4096
KEY: Final = 16
_FENCE: Final = Struct(">QI")
_PARTITION_ROWS: Final = 65_536
"""A merge holds about this many rows of each partition in memory."""


class Run:
    """An open run. Immutable; any thread may read."""

    def __init__(self, path: Path, row_size: int, rows: int, digest: bytes) -> None:
        """Map the file and check its size and footer. Raises LedgerFault when they do not fit."""
        self.path = path
        self.rows = rows
        self._row_size = row_size
        self._per_block = BLOCK // row_size
        blocks = -(-rows // self._per_block)
        self._data = _map(path, blocks * (BLOCK + _FENCE.size))
        footer = self._data[blocks * BLOCK :]
        if sha256(footer).digest() != digest:
            raise LedgerFault(f"run {path.name}: its footer does not fit the log", hint=DAMAGED)
        pairs = list(_FENCE.iter_unpack(footer))
        self._fences = array("Q", [fence for fence, _ in pairs])
        self._sums = array("L", [checksum for _, checksum in pairs])

    def find(self, key: bytes) -> bytes | None:
        """The row with this key, or None."""
        fence = int.from_bytes(key[:8], "big")
        first = max(bisect_left(self._fences, fence) - 1, 0)
        for block in range(first, bisect_right(self._fences, fence)):
            row = self._find_in(self.block(block), key)
            if row is not None:
                return row
        return None

    def _find_in(self, data: bytes, key: bytes) -> bytes | None:
        at = data.find(key)
        while at >= 0:
            if at % self._row_size == 0:
                return data[at : at + self._row_size]
            at = data.find(key, at + 1)
        return None

    def block(self, number: int) -> bytes:
        """The rows of one block, checked."""
        data = self._data[number * BLOCK : (number + 1) * BLOCK]
        if crc32(data) != self._sums[number]:
            raise LedgerFault(f"run {self.path.name}: block {number} is damaged", hint=DAMAGED)
        here = min(self._per_block, self.rows - number * self._per_block)
        return data[: here * self._row_size]

    def scan(self, start: int = 0, stop: int = 1 << 64) -> Iterator[bytes]:
        """Rows whose first 8 key bytes lie in [start, stop), in order."""
        size = self._row_size
        first = max(bisect_left(self._fences, start) - 1, 0)
        for number in range(first, bisect_left(self._fences, stop)):
            data = self.block(number)
            for at in range(0, len(data), size):
                if start <= int.from_bytes(data[at : at + 8], "big") < stop:
                    yield data[at : at + size]

    def __len__(self) -> int:
        return self.rows


def _map(path: Path, size: int) -> bytes | mmap.mmap:
    if not size:
        return b""
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError) as error:
        raise LedgerFault(f"run {path.name} cannot be read", hint=DAMAGED) from error
    if len(data) != size:
        raise LedgerFault(f"run {path.name} has {len(data)} bytes, not {size}", hint=DAMAGED)
    return data


def write_run(path: Path, rows: Iterable[bytes], row_size: int) -> tuple[int, bytes]:
    """Write sorted unique rows durably; returns (number of rows, digest). No rows: no file."""
    per_block = BLOCK // row_size
    source = iter(rows)
    blocks: list[bytes] = []
    footer = bytearray()
    count = 0
    while chunk := list(islice(source, per_block)):
        count += len(chunk)
        block = b"".join(chunk).ljust(BLOCK, b"\0")
        footer += _FENCE.pack(int.from_bytes(chunk[0][:8], "big"), crc32(block))
        blocks.append(block)
    if blocks:
        # A child that outlived a killed writer may be making the very same file.
        replace(path, b"".join(blocks) + footer)
    return count, sha256(footer).digest()


def merge_rows(runs: list[Run]) -> Iterator[bytes]:
    """All rows of the runs, oldest run first in the list, the newest row of a key winning."""
    total = sum(run.rows for run in runs)
    parts = max(1, total // _PARTITION_ROWS)
    bounds = [(1 << 64) * part // parts for part in range(parts + 1)]
    for start, stop in pairwise(bounds):
        newest: dict[bytes, bytes] = {}
        for run in runs:
            newest.update((row[:KEY], row) for row in run.scan(start, stop))
        yield from sorted(newest.values())
