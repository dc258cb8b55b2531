"""Uploads: the sealed chunks of large payloads (docs/spec/large-payload.md), before the entry comes
that names them.

Chunks lie under the hash of the blob that will hold their manifest, which only their author knows.
What no entry names goes a day after it was last asked for, or when the ledger is opened again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from ledger.errors import BadRequest, Conflict
from ledger.reader import Reader
from ledger.store.store import storage_full
from ledger.wire.ids import ActorId, Hash
from ledger.wire.manifest import MAX_CHUNK, TAG

MIN_CHUNK: Final = 1 << 20
"""Smaller ones would be too many files."""
MOST: Final = 1_024
"""Payloads that wait for their entry."""
MOST_OF_ONE: Final = 16
"""Of them by one caller."""
KEPT_S: Final = 24 * 3600.0


_ANEW: Final = "seal the content anew"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Chunks that lie ready."""

    by: ActorId
    hashes: bytes = field(repr=False)
    """SHA-256 of each, joined."""
    chunks: int
    size: int
    asked_s: float
    """When it came, or was last asked for."""


class Uploads:
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = reader.store, clock
        self._mutex = threading.Lock()
        self._waiting: dict[Hash, Waiting] = {}

    def begin(self, by: ActorId, blob_hash: Hash, chunk: int) -> Upload:
        """Room for one more. Raises BadRequest or Conflict."""
        if not MIN_CHUNK <= chunk <= MAX_CHUNK or chunk & (chunk - 1):
            raise BadRequest("chunks have a power of two of bytes from 1 MiB to 16 MiB")
        with self._mutex:
            self._expire()
            own = sum(1 for one in self._waiting.values() if one.by == by)
            if len(self._waiting) >= MOST or own >= MOST_OF_ONE:
                raise BadRequest(
                    "too many payloads wait for their entries",
                    hint="append the entries that name them, or wait a day",
                )
        if self._store.has_large(blob_hash):
            raise Conflict("these chunks are an entry's already", hint=_ANEW)
        return Upload(self, by, blob_hash, chunk)

    def hashes(self, blob_hash: bytes) -> bytes | None:
        """What waits under the hash of a blob: the hashes of its chunks, joined."""
        with self._mutex:
            waiting = self._waiting.get(Hash(blob_hash))
            if waiting is None:
                return None
            self._waiting[Hash(blob_hash)] = replace(waiting, asked_s=self._clock())
            return waiting.hashes

    def used(self, blob_hash: Hash) -> None:
        """An entry names them now: they are the ledger's."""
        with self._mutex:
            self._waiting.pop(blob_hash, None)

    def keep(self, upload: Upload) -> Waiting:
        """Give the chunks their name. The same ones again change nothing; others are a Conflict."""
        blob_hash, digests = upload.blob_hash, bytes(upload.hashes)
        with self._mutex:
            before = self._waiting.get(blob_hash)
            if before is not None and before.hashes != digests:
                raise Conflict("other chunks wait under this hash", hint=_ANEW)
            if before is None:
                if self._store.has_large(blob_hash):
                    raise Conflict("these chunks are an entry's already", hint=_ANEW)
                upload.name()
            waiting = Waiting(upload.by, digests, upload.building.count, upload.size, self._clock())
            self._waiting[blob_hash] = waiting
            return waiting

    def _expire(self) -> None:
        oldest = self._clock() - KEPT_S
        for blob_hash in [key for key, one in self._waiting.items() if one.asked_s < oldest]:
            del self._waiting[blob_hash]
            if not self._store.has_large(blob_hash):
                self._store.large.destroy(blob_hash)


class Upload:
    """One payload that is coming in; use it in a ``with`` statement: what is not finished by its
    end is gone. One thread at a time.
    """

    def __init__(self, uploads: Uploads, by: ActorId, blob_hash: Hash, chunk: int) -> None:
        """Use ``Uploads.begin``."""
        self.by, self.blob_hash = by, blob_hash
        self.hashes, self.size = bytearray(), 0
        self._uploads, self._sealed_size = uploads, chunk + TAG
        self._held = bytearray()
        self._open = ExitStack()
        self.building = self._open.enter_context(uploads._store.large.writing())

    def add(self, piece: bytes) -> None:
        """Take in more bytes; full chunks are durable then. Raises StorageFull or LedgerFault."""
        self._held += piece
        self.size += len(piece)
        while len(self._held) >= self._sealed_size:
            self._put(bytes(self._held[: self._sealed_size]))
            del self._held[: self._sealed_size]

    def finish(self) -> Waiting:
        """The last chunk, and the name. Raises BadRequest, Conflict, StorageFull or LedgerFault."""
        if 0 < len(self._held) <= TAG or not self.size:
            raise BadRequest("the last chunk is cut short", hint="send all chunks in one body")
        if self._held:
            self._put(bytes(self._held))
        return self._uploads.keep(self)

    def name(self) -> None:
        """Give the chunks their name. Raises StorageFull."""
        try:
            self.building.finish(self.blob_hash)
        except OSError as error:
            raise storage_full(error) from error

    def close(self) -> None:
        """Remove what was not finished."""
        self._open.close()

    def _put(self, sealed: bytes) -> None:
        try:
            self.building.add(sealed)
        except OSError as error:
            raise storage_full(error) from error
        self.hashes += sha256(sealed).digest()
