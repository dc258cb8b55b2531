"""Used: the memory of client assertions, each of which is good once.

A SQLite file in the service's state directory, written through to the disk (``synchronous=FULL``)
before a token is given, so that a crash or restart forgets none. It keeps hashes and times only.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from ledger.errors import LedgerFault
from ledger.wire.ids import ActorId

T = TypeVar("T")
FILE: Final = "assertions.sqlite"
KEPT_S: Final = 3_600
"""Rows stay so long behind their end, for clocks that are set back."""
_BUSY_S: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS used (id BLOB PRIMARY KEY, end_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_end ON used (end_s);
"""


class Used:
    """Any thread; a mutex makes them wait for each other."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises LedgerFault."""
        self._mutex = threading.Lock()
        try:
            # Ids of assertions tell when who logged in: for the owner only, from the first byte.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path.name) from error

    def first(self, actor: ActorId, jti: str, end_s: int, now_s: int) -> bool:
        """Remember an assertion of this actor that is good until ``end_s``; False when it was used
        before. Durable when this returns. Raises LedgerFault.
        """
        id_ = sha256(actor + jti.encode()).digest()
        with self._mutex:
            return _guarded(lambda: self._insert(id_, end_s, now_s))

    def _insert(self, id_: bytes, end_s: int, now_s: int) -> bool:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.execute("DELETE FROM used WHERE end_s < ?", (now_s - KEPT_S,))
                cursor.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (id_, end_s))
                fresh = cursor.rowcount == 1
                cursor.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
        return fresh

    def __len__(self) -> int:
        with self._mutex:
            return _guarded(
                lambda: int(self._db.execute("SELECT count(*) FROM used").fetchone()[0])
            )

    def close(self) -> None:
        """Nothing can be remembered any more."""
        with self._mutex:
            self._db.close()


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except sqlite3.Error as error:
        raise _unusable(FILE) from error


def _unusable(name: str) -> LedgerFault:
    return LedgerFault(
        f"{name} in the service's directory cannot be used",
        hint="is the disk full, or the file damaged? Remove it only while the service is down, "
        "and start it again after ten minutes",
    )
