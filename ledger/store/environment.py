"""The LMDB environment: opens, and separates refusals before a commit from failures of one.

LMDB asks for the size of its map ahead of time, and to change it later no transaction may be open
in the process. So the map is given more addresses than any log fills, once, and nobody names a
size: the file grows with what is in it, and the disk is the limit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError
from typing import Any, Final, TypeVar

import lmdb

from ledger.errors import LedgerFault
from ledger.store.tables import DAMAGED, NAMES

MAP: Final = 1 << 42
"""Addresses, not memory or disk: LMDB's file grows as it is used, what lies behind its end is
never touched.
"""
MAX_READERS: Final = 510

T = TypeVar("T")


class StorageFull(LedgerFault):
    """Disk or map are full; found before the commit, so nothing was written."""


class CommitFailed(LedgerFault):
    """The commit itself failed: what is on disk is unknown until the ledger is opened again."""


class Environment:
    """LMDB with named tables. One writing thread; reading from any thread."""

    def __init__(self, path: Path, *, writable: bool, map_limit: int | None = None) -> None:
        """Open. ``map_limit`` caps what a writer's file holds, in bytes (None: the disk does)."""
        self._pinned = threading.local()
        locked = writable or os.access(path, os.W_OK)
        try:
            self._env = lmdb.open(
                str(path),
                map_size=map_limit or MAP,
                max_dbs=len(NAMES),
                max_readers=MAX_READERS,
                readonly=not writable,
                create=writable,
                mode=0o600,
                lock=locked,
                readahead=False,
            )
            if locked:
                # A reader that was killed holds its slot, and every page since, for ever.
                self._env.reader_check()
            self._tables: dict[str, Any] = {
                name: self._env.open_db(name.encode(), create=writable) for name in NAMES
            }
        except lmdb.Error as error:
            raise LedgerFault(f"store: LMDB cannot open its data: {error}", hint=DAMAGED) from error

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A consistent snapshot: a new one, or the one that this thread has pinned."""
        pinned: Reader | None = getattr(self._pinned, "reader", None)
        if pinned is not None:
            yield pinned
            return
        try:
            txn = self._env.begin()
        except lmdb.Error as error:
            raise LedgerFault(f"store: LMDB cannot begin to read: {error}") from error
        try:
            yield Reader(txn, self._tables)
        except lmdb.Error as error:
            raise LedgerFault(f"store: LMDB cannot read: {error}", hint=DAMAGED) from error
        except StructError as error:
            raise LedgerFault(f"store: a row is damaged: {error}", hint=DAMAGED) from error
        finally:
            txn.abort()

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Everything that this thread reads inside comes from one snapshot. Not to be nested."""
        with self.reading() as reader:
            self._pinned.reader = reader
            try:
                yield
            finally:
                self._pinned.reader = None

    def write(self, work: Callable[[Writer], T]) -> T:
        """Run ``work`` in one transaction and commit it durably.

        Raises StorageFull when nothing was written, CommitFailed when that is unknown.
        """
        try:
            txn = self._env.begin(write=True)
        except lmdb.Error as error:
            raise LedgerFault(f"store: LMDB cannot begin to write: {error}") from error
        try:
            result = work(Writer(txn, self._tables))
        except lmdb.Error as error:
            txn.abort()
            raise _refused(error) from error
        except BaseException:
            txn.abort()
            raise
        try:
            txn.commit()
        except lmdb.MapFullError as error:
            raise _refused(error) from error
        except lmdb.Error as error:
            raise CommitFailed(
                f"store: the commit failed: {error}",
                hint="mend the disk, then open the ledger again",
            ) from error
        return result

    def copy_to(self, directory: Path) -> None:
        """A consistent copy of the data file into a directory, beside a writer if there is one.

        Raises LedgerFault.
        """
        try:
            self._env.copy(str(directory))
        except lmdb.Error as error:
            raise LedgerFault(f"store: LMDB cannot copy its data: {error}") from error

    @property
    def used_bytes(self) -> int:
        """Bytes of the data file that hold pages."""
        info, stat = self._env.info(), self._env.stat()
        return int((info["last_pgno"] + 1) * stat["psize"])

    def close(self) -> None:
        """Close; no transaction may be open."""
        self._env.close()


def _refused(error: lmdb.Error) -> StorageFull:
    """What LMDB could not take before it wrote anything."""
    if isinstance(error, lmdb.MapFullError):
        return StorageFull(
            "the ledger's map has reached its limit", hint="raise the limit and try again"
        )
    return StorageFull(
        f"store: LMDB refuses to write: {error}",
        hint="make room or mend the disk and try again; nothing was written",
    )


class Reader:
    """Look-ups in one snapshot."""

    def __init__(self, txn: Any, tables: dict[str, Any]) -> None:
        self._txn = txn
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value, or None."""
        value: bytes | None = self._txn.get(key, db=self._tables[table])
        return value

    def any_of(self, table: str, keys: Sequence[bytes]) -> bytes | None:
        """One of the keys that the table has, or None where it has none of them."""
        found = self._txn.cursor(db=self._tables[table]).getmulti(keys)
        return bytes(found[0][0]) if found else None

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Rows with start <= key < stop, in key order."""
        cursor = self._txn.cursor(db=self._tables[table])
        if not cursor.set_range(start):
            return
        before = b""
        for key, value in cursor:
            if stop is not None and key >= stop:
                return
            # LMDB follows a damaged page wherever it leads, and in a circle for ever.
            if key <= before:
                raise LedgerFault(f"store: table {table} is out of order", hint=DAMAGED)
            before = key
            yield key, value

    def at_or_before(self, table: str, key: bytes) -> tuple[bytes, bytes] | None:
        """The row with the largest key <= ``key``."""
        cursor = self._txn.cursor(db=self._tables[table])
        if cursor.set_range(key):
            if cursor.key() == key or cursor.prev():
                return cursor.key(), cursor.value()
            return None
        return (cursor.key(), cursor.value()) if cursor.last() else None

    def last(self, table: str) -> tuple[bytes, bytes] | None:
        """The last row."""
        cursor = self._txn.cursor(db=self._tables[table])
        return (cursor.key(), cursor.value()) if cursor.last() else None

    def count(self, table: str) -> int:
        """Number of rows."""
        return int(self._txn.stat(db=self._tables[table])["entries"])


class Writer(Reader):
    """Changes in the one write transaction."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set a row."""
        self._txn.put(key, value, db=self._tables[table])

    def put_new(self, table: str, rows: list[tuple[bytes, bytes]]) -> bool:
        """Set many rows in one call; False when a key was there already (its row is left alone)."""
        with self._txn.cursor(db=self._tables[table]) as cursor:
            consumed, added = cursor.putmulti(rows, overwrite=False)
        return bool(consumed == added == len(rows))

    def delete(self, table: str, key: bytes) -> None:
        """Remove a row if it is there."""
        self._txn.delete(key, db=self._tables[table])

    def delete_below(self, table: str, key: bytes, limit: int | None) -> None:
        """Remove rows with a smaller key, at most ``limit`` of them."""
        with self._txn.cursor(db=self._tables[table]) as cursor:
            removed = 0
            found = cursor.first()
            while found and cursor.key() < key and (limit is None or removed < limit):
                found = cursor.delete() and bool(cursor.key())
                removed += 1
