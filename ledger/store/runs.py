"""Run: a sorted file of fixed-size rows for the leaves [start, stop), written once.

    blocks   ``RunForm.block_rows`` rows each, the last one the rest; of heads a block is a page
    fences   per block: first 8 bytes of its first key ‖ CRC-32 of the block
    filter   16 bits a row: for each row the bits (first 8 bytes of the key) and (last 8 bytes) mod
             (16 × rows) are set
    tree     of heads only: the rows of a ``StoredTree`` over the hashes of its pages

A row begins with a 16-byte key that is spread evenly (a hash), keys are unique and ascending. The
SHA-256 of all behind the blocks stands in LMDB, so the file belongs to the log, and every block is
checked when it is read. Runs are rebuilt from the leaves by anyone; they are files because a merged
run is large and LMDB would keep its old pages for ever.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice, pairwise
from math import isqrt
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from ledger.errors import LedgerFault
from ledger.merkle import EMPTY_ROOT, StoredTree, stored_tree, stored_tree_size
from ledger.store.files import replacing
from ledger.store.run_form import RunForm, page_hashes, page_of
from ledger.store.tables import DAMAGED
from ledger.wire.epoch import PAGE_ROWS, pages_of
from ledger.wire.ids import Hash

KEY: Final = 16
FILTER_BITS: Final = 16
"""Per row, of which two are set: a look-up in a run that does not have the key reads a block in one
of 70 cases.
"""
_FENCE: Final = Struct(">QI")
_PROBES: Final = Struct(">QQ")
_PARTITION_ROWS: Final = 65_536
"""A merge holds about this many rows of each partition in memory."""


class RunFilter(NamedTuple):
    """Where a run's filter lies. Whoever asks many runs does so in one loop of its own."""

    data: bytes | mmap.mmap
    at: int
    """Its first byte."""
    bits: int


class Run:
    """An open run. Immutable; any thread may read."""

    def __init__(self, path: Path, form: RunForm, rows: int, digest: bytes) -> None:
        """Map the file and check its size and footer. Raises LedgerFault when they do not fit."""
        self.path = path
        self.rows = rows
        self._row_size = form.row_size
        self._per_block = form.block_rows
        self._block_size = form.block_rows * form.row_size
        blocks = -(-rows // self._per_block)
        fences = rows * form.row_size
        filter_at = fences + blocks * _FENCE.size
        tree = filter_at + FILTER_BITS * rows // 8
        pages = pages_of(rows) if form.log else 0
        self._data = _map(path, tree + stored_tree_size(pages))
        footer = self._data[fences:]
        if sha256(footer).digest() != digest:
            raise LedgerFault(f"run {path.name}: its footer does not fit the log", hint=DAMAGED)
        pairs = list(_FENCE.iter_unpack(footer[: filter_at - fences]))
        self._fences = array("Q", [fence for fence, _ in pairs])
        self._sums = array("L", [checksum for _, checksum in pairs])
        self._window = isqrt(rows) // 8 + 4
        self.filter = RunFilter(self._data, filter_at, FILTER_BITS * rows)
        self.tree = StoredTree(self._data, tree, pages)
        """Over the pages; without leaves where the form has none."""

    @property
    def root(self) -> Hash:
        """The root over the pages."""
        return self.tree.root() if self.tree.size else EMPTY_ROOT

    def find(self, key: bytes) -> bytes | None:
        """The row with this key, or None."""
        size = self._row_size
        for number in self._blocks_of(key):
            data = self.block(number)
            at = data.find(key)
            while at >= 0:
                if at % size == 0:
                    return data[at : at + size]
                at = data.find(key, at + 1)
        return None

    def place(self, key: bytes) -> int:
        """How many rows have a smaller key."""
        for number in self._blocks_of(key):
            data, size = self.block(number), self._row_size
            for at in range(0, len(data), size):
                if data[at : at + KEY] >= key:
                    return number * self._per_block + at // size
        # In none of these blocks: behind the last of them.
        return min((self._blocks_of(key).stop) * self._per_block, self.rows)

    def page(self, number: int) -> bytes:
        """A page of heads, as the specification has it."""
        return page_of(self.rows_at(number * PAGE_ROWS, PAGE_ROWS))

    def rows_at(self, first: int, most: int) -> list[bytes]:
        """Up to ``most`` rows from number ``first`` on."""
        stop, size = min(first + most, self.rows), self._row_size
        found = []
        for at in range(first, stop):
            number, offset = divmod(at, self._per_block)
            if at == first or not offset:
                data = self.block(number)
            found.append(data[offset * size : (offset + 1) * size])
        return found

    def _blocks_of(self, key: bytes) -> range:
        """The blocks in which a key can stand; at least one where there are rows."""
        fence, fences = int.from_bytes(key[:8], "big"), self._fences
        count = len(fences)
        # Keys are spread evenly, so the block is near where it would be if they were exactly so.
        guess = fence * count >> 64
        low, high = max(guess - self._window, 0), min(guess + self._window, count)
        if low and fences[low] > fence:
            low = 0
        if high < count and fences[high] <= fence:
            high = count
        stop = bisect_right(fences, fence, low, high)
        first = max(stop - 1, 0)
        while first and fences[first] == fence:
            first -= 1
        return range(first, max(stop, min(first + 1, count)))

    def block(self, number: int) -> bytes:
        """The rows of one block, checked."""
        start = number * self._block_size
        end = min(start + self._block_size, self.rows * self._row_size)
        data = self._data[start:end]
        if crc32(data) != self._sums[number]:
            raise LedgerFault(f"run {self.path.name}: block {number} is damaged", hint=DAMAGED)
        return data

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


def filter_probes(key: bytes) -> tuple[int, int]:
    """What the filters of all runs are asked with: both bits must be set (modulo the filter's)."""
    first, second = _PROBES.unpack_from(key)
    return first, second


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


def write_run(path: Path, rows: Iterable[bytes], form: RunForm) -> tuple[int, bytes]:
    """Write sorted unique rows durably; returns (number of rows, digest). No rows: no file."""
    per_block = form.block_rows
    source = iter(rows)
    fences = bytearray()
    probes = array("Q")
    count = 0
    pages: list[Hash] = []
    first = list(islice(source, per_block))
    if not first:
        return 0, sha256(b"").digest()
    # A child that outlived a killed writer may be making the very same file.
    with replacing(path) as write:
        chunk = first
        while chunk:
            block = b"".join(chunk)
            fences += _FENCE.pack(int.from_bytes(chunk[0][:8], "big"), crc32(block))
            count += len(chunk)
            for row in chunk:
                probes.extend(_PROBES.unpack_from(row))
            write(block)
            if form.log:
                pages += page_hashes(chunk)
            chunk = list(islice(source, per_block))
        footer = bytes(fences) + _filter(probes, FILTER_BITS * count) + stored_tree(pages)
        write(footer)
    return count, sha256(footer).digest()


def _filter(probes: array[int], bits: int) -> bytes:
    data = bytearray(bits // 8)
    for probe in probes:
        bit = probe % bits
        data[bit >> 3] |= 1 << (bit & 7)
    return bytes(data)


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
