"""Manifest: a payload that is too large for one blob, as sealed chunks and a list of their hashes.

    manifest   deterministic CBOR {"chunk": size, "hashes": H of each sealed chunk, "size": bytes,
               "type": media type}, the content of an ordinary sealed blob of type MANIFEST
    text       content ‖ zeros up to the Padmé size, cut every "chunk" bytes; at least one chunk
    key n      H(u32 1 ‖ content key ‖ "counterfoil/chunk/v1" ‖ u64 n)
    chunk n    AES-256-GCM(key n, nonce of zeros, AAD = place ‖ u64 n ‖ u8 last, its part of text)

Number, end and place are authenticated, so chunks cannot be reordered, left out, cut off or taken
from another entry. A key encrypts one text only, hence the fixed nonce. Specification:
docs/spec/large-payload.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import BadEvidence, BadRequest
from ledger.wire import cbor
from ledger.wire.ids import HASH_SIZE
from ledger.wire.sealed import MAX_CONTENT, padme

MANIFEST: Final = "application/vnd.counterfoil.manifest+cbor"
CHUNK: Final = 4 << 20
"""Bytes of text that authors put into a chunk."""
MIN_CHUNK: Final = 1 << 10
MAX_CHUNK: Final = 16 << 20
MAX_SIZE: Final = 1 << 40
TAG: Final = 16
_COUNTER: Final = b"\x00\x00\x00\x01"
_LABEL: Final = b"counterfoil/chunk/v1"
_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a large payload consists of. ``hashes`` joins the SHA-256 of each sealed chunk."""

    size: int
    media_type: str = field(repr=False)
    hashes: bytes = field(repr=False)
    chunk: int = CHUNK

    @property
    def count(self) -> int:
        """Number of chunks."""
        return chunk_count(self.size, self.chunk)

    def length(self, number: int) -> int:
        """Bytes of text in a chunk."""
        return min(self.chunk, padme(self.size) - number * self.chunk)

    def hash(self, number: int) -> bytes:
        return self.hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE]

    def encode(self) -> bytes:
        """Raises BadRequest when a limit is passed."""
        self._check()
        fields: dict[str, cbor.Value] = {
            "chunk": self.chunk,
            "hashes": self.hashes,
            "size": self.size,
            "type": self.media_type,
        }
        return cbor.encode(fields, MAX_CONTENT)

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Decode strictly. Raises BadRequest."""
        match body := cbor.decode_map(data, MAX_CONTENT):
            case {
                "chunk": int() as chunk,
                "hashes": bytes() as hashes,
                "size": int() as size,
                "type": str() as media_type,
            } if len(body) == 4:
                manifest = cls(size, media_type, hashes, chunk)
                manifest._check()
                return manifest
        raise BadRequest("a manifest names chunk size, hashes, size and type")

    def _check(self) -> None:
        if not MIN_CHUNK <= self.chunk <= MAX_CHUNK or self.chunk & (self.chunk - 1):
            raise BadRequest("a manifest's chunk size is no power of two from 1 KiB to 16 MiB")
        if not 0 <= self.size <= MAX_SIZE:
            raise BadRequest("a payload is over the limit of 1 TiB")
        if len(self.hashes) != self.count * HASH_SIZE:
            raise BadRequest("a manifest does not name as many chunks as its size needs")


def chunk_count(size: int, chunk: int) -> int:
    """Chunks of a payload of ``size`` bytes."""
    return max(1, -(-padme(size) // chunk))


def texts(source: BinaryIO, chunk: int = CHUNK) -> Iterator[tuple[bytes, int, bool]]:
    """The text of each chunk, the bytes of content read so far, and whether it is the last one.

    Reads the source once to its end; two chunks are in memory. Raises BadRequest over 1 TiB.
    """
    size, ahead = 0, _read(source, chunk)
    while len(ahead) == chunk:
        size += chunk
        if size > MAX_SIZE:
            raise BadRequest("a payload is over the limit of 1 TiB", hint="split it")
        following = _read(source, chunk)
        if not following and padme(size) == size:
            yield ahead, size, True
            return
        yield ahead, size, False
        ahead = following
    size += len(ahead)
    missing = padme(size) - size
    while True:
        zeros = min(missing, chunk - len(ahead))
        missing -= zeros
        yield ahead + bytes(zeros), size, not missing
        if not missing:
            return
        ahead = b""


def _read(source: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only at the end: a pipe gives what it has."""
    data = source.read(size)
    while data and len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


def seal_chunk(key: bytes, place: bytes, number: int, last: bool, text: bytes) -> bytes:
    """Encrypt one chunk. Each (content key, number) must be used for one text only."""
    return _cipher(key, number).encrypt(_NONCE, text, _data(place, number, last))


def open_chunk(manifest: Manifest, key: bytes, place: bytes, number: int, sealed: bytes) -> bytes:
    """The content in a chunk, without padding. Raises BadEvidence when it is not the author's."""
    if sha256(sealed).digest() != manifest.hash(number):
        raise BadEvidence("hash of a chunk", hint="it is damaged, or another chunk")
    if len(sealed) != manifest.length(number) + TAG:
        raise BadEvidence("length of a chunk", hint="its author sealed it wrongly")
    last = number == manifest.count - 1
    try:
        text = _cipher(key, number).decrypt(_NONCE, sealed, _data(place, number, last))
    except InvalidTag as error:
        raise BadEvidence(
            "authentication tag of a chunk", hint="its author sealed it wrongly"
        ) from error
    content = max(0, min(len(text), manifest.size - number * manifest.chunk))
    if text[content:].strip(b"\0"):
        raise BadEvidence("padding of a chunk", hint="its author sealed it wrongly")
    return text[:content]


def _cipher(key: bytes, number: int) -> AESGCM:
    return AESGCM(sha256(_COUNTER + key + _LABEL + number.to_bytes(8, "big")).digest())


def _data(place: bytes, number: int, last: bool) -> bytes:
    return place + number.to_bytes(8, "big") + bytes([last])
