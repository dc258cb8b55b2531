"""Large payloads, streamed: a file into sealed chunks, and chunks back into content.

Flat in memory both ways: two chunks of 4 MiB. Nothing of a chunk leaves before the whole of it is
verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO

from ledger.errors import BadEvidence, CounterfoilError, LedgerFault
from ledger.store.large import Building, LargeFiles
from ledger.wire import cbor
from ledger.wire.ids import Hash
from ledger.wire.manifest import CHUNK, MANIFEST, Manifest, open_chunk, seal_chunk, texts
from ledger.wire.sealed import Content


@dataclass(frozen=True, slots=True)
class Stream:
    """Content that comes in pieces, each opened when it is asked for."""

    header: dict[str, cbor.Decoded] = field(repr=False)
    media_type: str = field(repr=False)
    size: int
    piece: int
    """Bytes of content in each piece but the last ones."""
    count: int
    read: Callable[[int], bytes] = field(repr=False)
    """A piece by its number. Raises LedgerFault when it is damaged."""

    @property
    def pieces(self) -> Iterator[bytes]:
        """All of it."""
        return map(self.read, range(self.count))

    def span(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes [start, stop), which lie within the size; pieces outside stay sealed."""
        while start < stop:
            number, skip = divmod(start, self.piece)
            part = self.read(number)[skip : skip + stop - start]
            yield part
            start += len(part)


def seal_chunks(
    source: BinaryIO,
    media_type: str,
    key: bytes,
    place: bytes,
    building: Building,
    progress: Callable[[int], None],
    chunk: int = CHUNK,
) -> Manifest:
    """Seal a source to its end into files of ``chunk`` bytes of text; ``progress`` gets the bytes
    read so far.

    ``key`` must be fresh. OSError of source or disk goes to the caller.
    """
    hashes, size = bytearray(), 0
    for number, (text, size, last) in enumerate(texts(source, chunk)):
        sealed = seal_chunk(key, place, number, last, text)
        building.add(sealed)
        hashes += sha256(sealed).digest()
        progress(size)
    return Manifest(size, media_type, bytes(hashes), chunk)


def open_stream(
    content: Content, key: bytes, place: bytes, blob_hash: Hash, index: int, files: LargeFiles
) -> Stream:
    """What an opened blob stands for: its own content in one piece, or that of its chunks.

    Raises BadRequest for a manifest that is none. Reading a damaged chunk raises LedgerFault, which
    says how far the content is whole.
    """
    if content.media_type != MANIFEST:
        size = len(content.content)
        return Stream(
            content.header, content.media_type, size, max(1, size), 1, lambda _: content.content
        )
    manifest = Manifest.decode(content.content)

    def read(number: int) -> bytes:
        try:
            sealed = files.read(blob_hash, number)
            return open_chunk(manifest, key, place, number, sealed)
        except CounterfoilError as error:
            raise _damaged(manifest, number, index, error) from error

    header = {**content.header, "type": manifest.media_type}
    return Stream(header, manifest.media_type, manifest.size, manifest.chunk, manifest.count, read)


def _damaged(manifest: Manifest, number: int, index: int, error: CounterfoilError) -> LedgerFault:
    whole = min(number * manifest.chunk, manifest.size)
    reason = error.step if isinstance(error, BadEvidence) else error.message
    return LedgerFault(
        f"chunk {number} of {manifest.count} of entry {index}: {reason}; "
        f"the first {whole} of {manifest.size} bytes are whole",
        hint=error.hint,
    )
