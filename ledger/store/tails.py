"""Tails: the tags of the newest leaves, until a run holds them.

    tags/<n>.tail   the rows of leaves [n, n + 4,096), in log order; n in 12 digits
    row             index u64 ‖ tag (16) ‖ CRC-32 of both u32 ‖ zeros (4)    = 32 bytes

How many rows of a file belong to the log stands in LMDB (table ``tails``), the tags themselves do
not: LMDB never wipes. A row of a tag that was erased keeps its index and has a tag of zeros. Rows
are as long as they are so that none crosses a sector: overwriting one is never half done.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from ledger.errors import LedgerFault
from ledger.store.files import open_random, sync_directory, wipe, write_all
from ledger.store.tables import DAMAGED
from ledger.wire import epoch

TAIL_ROW: Final = Struct(">Q16sI4x")
ERASED: Final = bytes(16)
"""The tag of a row whose tag was erased."""
_SIGNED: Final = 24
"""Bytes of a row under its checksum."""


def tail_of(index: int) -> int:
    """The first leaf of the file that holds a leaf's tags."""
    return index // epoch.STRETCH * epoch.STRETCH


def tail_name(start: int) -> str:
    return f"{start:012d}.tail"


def encode_row(index: int, tag: bytes) -> bytes:
    body = index.to_bytes(8, "big") + tag
    return TAIL_ROW.pack(index, tag, crc32(body))


class TailFiles:
    """The tail files. Writing is owned by the writer thread; ``read`` is for every thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.rows: dict[int, int] = {}
        """Rows of each file, for the writer only."""

    def _path(self, start: int) -> Path:
        return self._directory / tail_name(start)

    def begin_writing(self, rows: dict[int, int]) -> None:
        """Cut off what lies behind the committed rows; files without any are strays of the
        directory's runs. Not before it is certain that these are the newest ones.
        """
        self.rows = dict(rows)
        for start, count in rows.items():
            handle = open_random(self._path(start))
            try:
                if os.fstat(handle).st_size < count * TAIL_ROW.size:
                    raise _short(start)
                os.ftruncate(handle, count * TAIL_ROW.size)
            finally:
                os.close(handle)

    def write(self, pairs: Sequence[tuple[int, bytes]]) -> None:
        """Append (index, tag) pairs durably. Raises OSError; call ``rewind`` then."""
        for start, count in Counter(tail_of(index) for index, _ in pairs).items():
            before = self.rows.get(start, 0)
            data = b"".join(encode_row(*pair) for pair in pairs if tail_of(pair[0]) == start)
            handle = open_random(self._path(start))
            try:
                write_all(handle, data, before * TAIL_ROW.size)
                os.fdatasync(handle)
            finally:
                os.close(handle)
            if not before:
                sync_directory(self._directory)
            self.rows[start] = before + count

    def rewind(self, rows: dict[int, int]) -> None:
        """Drop what an aborted commit wrote."""
        for path in self._directory.glob("*.tail"):
            if int(path.stem) not in rows:
                path.unlink()
        self.begin_writing(rows)

    def read(self, start: int, count: int) -> list[tuple[int, bytes]]:
        """The first ``count`` rows of a file as (index, tag). Raises LedgerFault."""
        try:
            with open(self._path(start), "rb") as file:
                data = file.read(count * TAIL_ROW.size)
        except OSError as error:
            raise LedgerFault(f"tags {tail_name(start)} cannot be read", hint=DAMAGED) from error
        if len(data) != count * TAIL_ROW.size:
            raise _short(start)
        rows = []
        for at in range(0, len(data), TAIL_ROW.size):
            index, tag, checksum = TAIL_ROW.unpack_from(data, at)
            padding = data[at + _SIGNED + 4 : at + TAIL_ROW.size]
            if crc32(data[at : at + _SIGNED]) != checksum or any(padding):
                number = at // TAIL_ROW.size
                raise LedgerFault(f"tags {tail_name(start)}: row {number} is damaged", hint=DAMAGED)
            rows.append((index, tag))
        return rows

    def drop(self, upto: int) -> None:
        """Destroy the files whose leaves all lie below ``upto``: a registered run holds them."""
        for start in [start for start in self.rows if start < upto]:
            wipe(self._path(start))
            del self.rows[start]

    def erase(self, indexes: Collection[int]) -> None:
        """Overwrite the tags of some leaves durably."""
        for start, count in self.rows.items():
            gone = [
                number
                for number, (index, tag) in enumerate(self.read(start, count))
                if index in indexes and tag != ERASED
            ]
            if gone:
                self._overwrite(start, gone)

    def _overwrite(self, start: int, numbers: Iterable[int]) -> None:
        handle = open_random(self._path(start))
        try:
            for number in numbers:
                at = number * TAIL_ROW.size
                index = int.from_bytes(os.pread(handle, 8, at), "big")
                # In one call, within one sector: a row is never found half overwritten.
                os.pwrite(handle, encode_row(index, ERASED), at)
            os.fdatasync(handle)
        finally:
            os.close(handle)


def _short(start: int) -> LedgerFault:
    return LedgerFault(f"tags {tail_name(start)} is shorter than the log says", hint=DAMAGED)
