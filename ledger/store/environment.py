"""The LMDB environment: opens, grows, and separates refusals before a commit from failures of one.

LMDB needs the size of its map ahead of time. Here nobody names it: a commit that does not fit is
aborted, the map is doubled, and the commit runs again. LMDB allows a resize only while this
process has no transaction open, so readers pass a gate. Other processes only read, and map more
than any log will fill: adopting a new size would end the snapshots of their other threads.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError
from typing import Any, Final, TypeVar

import lmdb

from ledger.errors import LedgerFault
from ledger.store.tables import DAMAGED, NAMES

FIRST_MAP: Final = 64 << 20
LARGEST_STEP: Final = 16 << 30
READER_MAP: Final = 1 << 42
"""Addresses, not memory: what lies behind the end of the file is never touched."""
MAX_READERS: Final = 510
PATIENCE_S: Final = 30
"""How long a growing map waits for this process's readers to finish what they read."""

T = TypeVar("T")


class StorageFull(LedgerFault):
    """Disk or map are full; found before the commit, so nothing was written."""


class CommitFailed(LedgerFault):
    """The commit itself failed: what is on disk is unknown until the ledger is opened again."""


class Environment:
    """LMDB with named tables. One writing thread; reading from any thread."""

    def __init__(self, path: Path, *, writable: bool, map_limit: int | None = None) -> None:
        """Open. ``map_limit`` caps the growth, in bytes (None: the disk is the cap)."""
        self._limit = map_limit
        self._gate = _Gate()
        self._pinned = threading.local()
        used = (path / "data.mdb").stat().st_size if (path / "data.mdb").exists() else 0
        locked = writable or os.access(path, os.W_OK)
        try:
            self._env = lmdb.open(
                str(path),
                map_size=self._capped(max(FIRST_MAP, used)) if writable else READER_MAP,
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

    def _capped(self, size: int) -> int:
        return size if self._limit is None else min(size, self._limit)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A consistent snapshot: a new one, or the one that this thread has pinned."""
        pinned: Reader | None = getattr(self._pinned, "reader", None)
        if pinned is not None:
            yield pinned
            return
        with self._gate.passing():
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
        """Run ``work`` in one transaction and commit it durably, growing the map as needed.

        Raises StorageFull when nothing was written, CommitFailed when that is unknown.
        """
        while True:
            try:
                return self._attempt(work)
            except lmdb.MapFullError as error:
                self._grow(error)

    def _attempt(self, work: Callable[[Writer], T]) -> T:
        with self._gate.passing():
            try:
                txn = self._env.begin(write=True)
            except lmdb.Error as error:
                raise LedgerFault(f"store: LMDB cannot begin to write: {error}") from error
            try:
                result = work(Writer(txn, self._tables))
            except lmdb.MapFullError:
                txn.abort()
                raise
            except lmdb.Error as error:
                txn.abort()
                raise StorageFull(
                    f"store: LMDB refuses to write: {error}",
                    hint="make room or mend the disk and try again; nothing was written",
                ) from error
            except BaseException:
                txn.abort()
                raise
            try:
                txn.commit()
            except lmdb.MapFullError:
                raise
            except lmdb.Error as error:
                raise CommitFailed(
                    f"store: the commit failed: {error}",
                    hint="mend the disk, then open the ledger again",
                ) from error
            return result

    def _grow(self, error: lmdb.MapFullError) -> None:
        size = self._env.info()["map_size"]
        larger = self._capped(size + min(size, LARGEST_STEP))
        if larger <= size:
            raise StorageFull(
                "the ledger's map has reached its limit", hint="raise the limit and try again"
            ) from error
        with self._gate.alone() as alone:
            if not alone:
                raise StorageFull(
                    f"the ledger's map cannot grow: a reader held its snapshot for {PATIENCE_S} s",
                    hint="close what reads, and try again; nothing was written",
                ) from error
            self._env.set_mapsize(larger)

    @property
    def used_bytes(self) -> int:
        """Bytes of the data file that hold pages."""
        info, stat = self._env.info(), self._env.stat()
        return int((info["last_pgno"] + 1) * stat["psize"])

    def close(self) -> None:
        """Close; no transaction may be open."""
        self._env.close()


class Reader:
    """Look-ups in one snapshot."""

    def __init__(self, txn: Any, tables: dict[str, Any]) -> None:
        self._txn = txn
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value, or None."""
        value: bytes | None = self._txn.get(key, db=self._tables[table])
        return value

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


class _Gate:
    """Many may pass together, one may be alone; who asks for that is let in before newcomers."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside: Counter[int] = Counter()
        """Threads inside, and how deep."""
        self._asking = 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        thread = threading.get_ident()
        with self._condition:
            # Who is inside already must get on, or it would never come out.
            while self._asking and thread not in self._inside:
                self._condition.wait()
            self._inside[thread] += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside[thread] -= 1
                if not self._inside[thread]:
                    del self._inside[thread]
                if not self._inside:
                    self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether everybody came out in time."""
        with self._condition:
            self._asking += 1
            try:
                yield self._condition.wait_for(lambda: not self._inside, PATIENCE_S)
            finally:
                self._asking -= 1
                self._condition.notify_all()
