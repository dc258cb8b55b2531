"""The vault's own log: what was released, and what was opened for the ledger's internal work.

One JSON object a line, each holding the hash of the line before it, synced before any content
leaves. What was released to a caller; what was opened inside and returned to none; keys that were
destroyed; a period that replaces another, and a period that was destroyed (or discarded: half made
when a crash came); a period key under a new master key:

    {"prev": hex, "ms": 1763712000000, "entry": 17, "access": 18, "sum": hex}
    {"prev": hex, "ms": 1763712000000, "entry": 17, "use": "search index", "sum": hex}
    {"prev": hex, "ms": 1763712000000, "entry": 17, "back": 1, "access": 18, "sum": hex}
    {"prev": hex, "ms": 1763712000000, "entries": [16, 17, "4~1"], "access": 18, "sum": hex}

The last two released entry 17 of the log before this one, and several at once, the last of them
entry 4 of the log before this one.
    {"prev": hex, "ms": 1763712000000, "entry": 17, "count": 2, "destroy": "erasure", "sum": hex}
    {"prev": hex, "ms": 1763712000000, "period": 2, "replaces": 1, "sum": hex}
    {"prev": hex, "ms": 1763712000000, "period": 1, "destroyed": "all", "sum": hex}
    {"prev": hex, "ms": 1763712000000, "period": 2, "master": "renewed", "sum": hex}

    prev = SHA-256 of the line before, without its line end; zeros for the first
    sum  = first 8 bytes of the SHA-256 of the line without this field, for the newest line

It names entries by index and nobody by name. A last line without its end is what a crash left: no
content had left.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ledger.errors import BadRequest, LedgerFault
from ledger.store.files import open_random, write_all

Fields = Mapping[str, int | str | list[int | str]]
"""What a line says beside its links."""
_FIRST: Final = "0" * 64
_LONGEST: Final = 4096
"""Bytes of a line with its end. Opening reads twice as many: what a crash left, and the line
before.
"""


class Journal:
    """The open journal. Any thread may add to it."""

    def __init__(self, path: Path) -> None:
        """Open, and cut off a line that a crash left unfinished."""
        self._handle = open_random(path)
        self._mutex = threading.Lock()
        size = os.fstat(self._handle).st_size
        tail = os.pread(self._handle, 2 * _LONGEST, max(0, size - 2 * _LONGEST))
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(tail) - len(whole) > _LONGEST:
            os.close(self._handle)
            raise LedgerFault("the vault's journal is damaged at its end", hint="restore it")
        self._end = size - len(tail) + len(whole)
        os.ftruncate(self._handle, self._end)
        lines = whole.splitlines()
        self._prev = sha256(lines[-1]).hexdigest() if lines else _FIRST

    def add(self, fields: Fields) -> None:
        """Write one line durably. OSError goes to the caller, who then keeps the content.
        BadRequest for a line that the next opening could not find the end of.
        """
        with self._mutex:
            row = {"prev": self._prev, "ms": time.time_ns() // 1_000_000, **fields}
            line = _line(row)
            if len(line) >= _LONGEST:
                raise BadRequest("a line of the vault's journal is too long", hint="say it shorter")
            write_all(self._handle, line + b"\n", self._end)
            os.fdatasync(self._handle)
            self._end += len(line) + 1
            self._prev = sha256(line).hexdigest()

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def _line(row: dict[str, Any]) -> bytes:
    body = json.dumps(row, separators=(",", ":"))
    return f'{body[:-1]},"sum":"{sha256(body.encode()).hexdigest()[:16]}"}}'.encode()


def first_break(path: Path) -> int | None:
    """The number of the first line that does not follow the one before it; None when all do."""
    if not path.exists():
        return None
    prev = _FIRST
    with open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.rstrip(b"\n")
            try:
                row = json.loads(line)
            except ValueError:
                return number
            if not isinstance(row, dict) or row.get("prev") != prev or not raw.endswith(b"\n"):
                return number
            row.pop("sum", None)
            if _line(row) != line:
                return number
            prev = sha256(line).hexdigest()
    return None
