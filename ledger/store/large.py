"""Large payloads: one directory of chunk files each, named by the hash of the manifest's blob.

    payloads/large/<H(blob) in hex>/<number>      a sealed chunk
    payloads/large/new.<random>/…                 one that is being written

Chunks are durable under their final name before the entry is appended. What no entry names is
what a crash or a refused entry left; the next writer removes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import LedgerFault
from ledger.store.files import OWNER_DIRECTORY, sync_directory, wipe, write_new
from ledger.wire.ids import Hash

_HINT = "restore the payload files from a backup or a custodian"


class LargeFiles:
    """The directory of large payloads, made when the first one comes. Any thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, blob_hash: Hash) -> Path:
        return self._directory / blob_hash.hex()

    @contextmanager
    def writing(self) -> Iterator[Building]:
        """Chunk files to be written; gone again when they are not finished."""
        if not self._directory.exists():
            self._directory.mkdir(mode=OWNER_DIRECTORY, exist_ok=True)
            sync_directory(self._directory.parent)
        path = self._directory / f"new.{secrets.token_hex(8)}"
        path.mkdir(mode=OWNER_DIRECTORY)
        try:
            yield Building(path, self.path)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def count(self, blob_hash: Hash) -> int:
        """How many chunks lie there, from 0 without a gap."""
        path, number = self.path(blob_hash), 0
        while (path / str(number)).exists():
            number += 1
        return number

    def read(self, blob_hash: Hash, number: int) -> bytes:
        """One sealed chunk. Raises LedgerFault when it is not there."""
        try:
            return (self.path(blob_hash) / str(number)).read_bytes()
        except OSError as error:
            raise LedgerFault(
                f"chunk {number} cannot be read: {error.strerror}", hint=_HINT
            ) from error

    def exists(self, blob_hash: Hash) -> bool:
        return self.path(blob_hash).exists()

    def destroy(self, blob_hash: Hash) -> None:
        """Overwrite and remove all chunks. Nothing happens when there are none."""
        path = self.path(blob_hash)
        if path.exists():
            self._destroy(path)

    def _destroy(self, path: Path) -> None:
        for chunk in path.iterdir():
            wipe(chunk)
        path.rmdir()
        sync_directory(self._directory)

    def strays(self, known: Collection[bytes]) -> list[Path]:
        """What is there and belongs to none of these blob hashes."""
        if not self._directory.exists():
            return []
        names = {blob_hash.hex() for blob_hash in known}
        return sorted(path for path in self._directory.iterdir() if path.name not in names)

    def remove_strays(self, known: Collection[bytes]) -> None:
        """Destroy what a crash left. Not before it is certain that this is the newest copy."""
        for path in self.strays(known):
            self._destroy(path)


class Building:
    """The chunks of one payload that is being sealed."""

    def __init__(self, path: Path, named: Callable[[Hash], Path]) -> None:
        self._path = path
        self._named = named
        self.count = 0

    def add(self, sealed: bytes) -> None:
        """Write the next chunk durably. OSError goes to the caller."""
        write_new(self._path / str(self.count), sealed)
        self.count += 1

    def finish(self, blob_hash: Hash) -> None:
        """Give the chunks their final name, durably."""
        os.rename(self._path, self._named(blob_hash))
        sync_directory(self._path.parent)
