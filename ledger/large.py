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
    """Content that comes in pieces. ``pieces`` may be iterated once."""

    header: dict[str, cbor.Decoded] = field(repr=False)
    media_type: str = field(repr=False)
    size: int
    pieces: Iterator[bytes] = field(repr=False)


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

    Raises BadRequest for a manifest that is none. Iterating raises LedgerFault, which says how far
    the content is whole, when a chunk is damaged.
    """
    if content.media_type != MANIFEST:
        size = len(content.content)
        return Stream(content.header, content.media_type, size, iter([content.content]))
    manifest = Manifest.decode(content.content)

    def pieces() -> Iterator[bytes]:
        for number in range(manifest.count):
            try:
                sealed = files.read(blob_hash, number)
                yield open_chunk(manifest, key, place, number, sealed)
            except CounterfoilError as error:
                raise _damaged(manifest, number, index, error) from error

    header = {**content.header, "type": manifest.media_type}
    return Stream(header, manifest.media_type, manifest.size, pieces())


def _damaged(manifest: Manifest, number: int, index: int, error: CounterfoilError) -> LedgerFault:
    whole = min(number * manifest.chunk, manifest.size)
    reason = error.step if isinstance(error, BadEvidence) else error.message
    return LedgerFault(
        f"chunk {number} of {manifest.count} of entry {index}: {reason}; "
        f"the first {whole} of {manifest.size} bytes are whole",
        hint=error.hint,
    )
