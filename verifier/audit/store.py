"""Where records of spans lie: in memory for a small log, else in a directory.

A directory's files are written under another name first, so that one that is there is whole; its
digest tells a damaged one. What an interrupted audit left behind is gone on with.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from verifier.audit.spans import DIGEST_BYTES, MAGIC, MemoryRecord, Record
from verifier.errors import Unreadable, quote


class Store(Protocol):
    """Of one log."""

    def put(self, record: MemoryRecord) -> None: ...

    def get(self, first: int) -> Record:
        """That of the span which begins there."""


class MemoryStore:
    def __init__(self) -> None:
        self._records: dict[int, MemoryRecord] = {}

    def put(self, record: MemoryRecord) -> None:
        self._records[record.header["first"]] = record

    def get(self, first: int) -> Record:
        return self._records[first]


class DirectoryStore:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._open: dict[int, FileRecord] = {}

    def __reduce__(self) -> tuple[type[DirectoryStore], tuple[Path]]:
        return DirectoryStore, (self.directory,)

    def put(self, record: MemoryRecord) -> None:
        path = self._path(record.header["first"])
        write_whole(path, record.encode())
        self._open.pop(record.header["first"], None)

    def get(self, first: int) -> FileRecord:
        record = self._open.get(first)
        if record is None:
            record = self._open[first] = FileRecord(self._path(first))
        return record

    def sound(self, first: int) -> FileRecord | None:
        """The record, if there is one and nothing in it was changed."""
        path = self._path(first)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        rest = raw[len(MAGIC) + DIGEST_BYTES :]
        if raw[: len(MAGIC)] != MAGIC or sha256(rest).digest() != raw[len(MAGIC) :][:DIGEST_BYTES]:
            path.unlink()
            return None
        return self.get(first)

    def clear(self) -> None:
        for path in self.directory.glob("span-*"):
            path.unlink()
        self._open.clear()

    def size(self, first: int) -> int:
        """Bytes of the record."""
        return self._path(first).stat().st_size

    def _path(self, first: int) -> Path:
        return self.directory / f"span-{first:014x}"


class FileRecord:
    """Read where it is needed; the header stays in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                file.seek(len(MAGIC) + DIGEST_BYTES)
                length = int.from_bytes(file.read(4), "big")
                self.header: dict[str, Any] = json.loads(
                    file.read(length), object_pairs_hook=_interned
                )
                at = file.tell()
        except (OSError, ValueError) as error:
            raise Unreadable(f"cannot read {quote(str(path))}: {error}") from None
        self._places: dict[str, tuple[int, int]] = {}
        for name, size in self.header.pop("sections").items():
            self._places[name] = (at, size)
            at += size

    def section(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        at, size = self._places[name]
        end = size if end is None else min(end, size)
        handle = os.open(self._path, os.O_RDONLY)
        try:
            return os.pread(handle, end - start, at + start)
        finally:
            os.close(handle)


def _interned(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """There is a header for each span, with the same names in each."""
    return {sys.intern(name): value for name, value in pairs}


def write_whole(path: Path, raw: bytes) -> None:
    """All of it or nothing."""
    other = path.with_name(path.name + ".new")
    try:
        other.write_bytes(raw)
        other.replace(path)
    except OSError as error:
        raise Unreadable(
            f"cannot write {quote(str(path))}: {error.strerror}", "free some space, or see --state"
        ) from None
