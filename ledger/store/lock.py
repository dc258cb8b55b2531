"""One writing process for each ledger.

LMDB would let a second writer in and make it wait; two appenders that each hold the log's state
in memory must not exist at all, so the writer takes this lock first and keeps it until it closes.
The kernel drops it when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ledger.errors import LedgerFault
from ledger.store.files import open_random


class WriterLock:
    """Held from construction to ``release``. Raises LedgerFault when another process holds it."""

    def __init__(self, path: Path) -> None:
        self._handle = open_random(path)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise LedgerFault(
                "another process is writing to this ledger",
                hint="stop it first; reading is possible at the same time",
            ) from error

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._handle)
