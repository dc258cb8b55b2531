"""Large payloads with fixed keys: manifests and chunks from the specification and primitives alone.

Nothing of ``ledger.wire.manifest`` is used: CBOR is written out, the padding is counted up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vectors.entries_sealed import PLACE, one_step, padded
from tests.vectors.tree_keys import seed

KEY: Final = seed("content key of a large payload")
OTHER: Final = seed("another content key of a large payload")
CHUNK: Final = 1024


def _uint(major: int, value: int) -> bytes:
    """A CBOR head in shortest form, by the table of RFC 8949 section 3."""
    if value < 24:
        return bytes([major << 5 | value])
    width = next(n for n in (1, 2, 4, 8) if value < 256**n)
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + value.to_bytes(width, "big")


def manifest(size: int, hashes: bytes, chunk: int = CHUNK, kind: bytes = b"a/b") -> bytes:
    """{"size": …, "type": …, "chunk": …, "hashes": …} in the order of RFC 8949 section 4.2.1."""
    return (
        b"\xa4"
        b"\x64size"
        + _uint(0, size)
        + b"\x64type"
        + _uint(3, len(kind))
        + kind
        + b"\x65chunk"
        + _uint(0, chunk)
        + b"\x66hashes"
        + _uint(2, len(hashes))
        + hashes
    )


@dataclass(frozen=True)
class Recipe:
    """A large payload to be; any part may be made wrong."""

    content: bytes
    place: bytes = PLACE
    key: bytes = KEY
    tail: bytes = b""
    """Put over the end of the padding."""
    never_last: bool = False

    def chunks(self) -> list[bytes]:
        """The sealed chunks."""
        zeros = padded(len(self.content)) - len(self.content)
        text = self.content + bytes(zeros)
        text = text[: len(text) - len(self.tail)] + self.tail
        parts = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)] or [b""]
        sealed = []
        for number, part in enumerate(parts):
            count = number.to_bytes(8, "big")
            last = bytes([number == len(parts) - 1 and not self.never_last])
            key = one_step(self.key, b"counterfoil/chunk/v1" + count)
            sealed.append(AESGCM(key).encrypt(bytes(12), part, self.place + count + last))
        return sealed


def _hashes(chunks: list[bytes]) -> bytes:
    return b"".join(sha256(chunk).digest() for chunk in chunks)


def _content(size: int) -> bytes:
    blocks = -(-size // 32)
    return b"".join(seed(f"large content {number}") for number in range(blocks))[:size]


def _case(
    name: str, size: int, chunks: list[bytes], content: bytes | None = None, **changes: bytes
) -> dict[str, object]:
    listed = changes.get("manifest", manifest(size, changes.get("hashes", _hashes(chunks))))
    shown = {} if content is None else {"content": content.hex()}
    return {
        "name": name,
        "manifest": listed.hex(),
        "chunks": [chunk.hex() for chunk in chunks],
        "valid": content is not None,
        **shown,
    }


def large_vectors() -> dict[str, object]:
    """Manifests with their chunks, under one key and place."""
    sizes = (0, 1, 1023, 1024, 1025, 2048, 2500, 4096)
    good = [
        _case(f"{size}-bytes", size, Recipe(_content(size)).chunks(), _content(size))
        for size in sizes
    ]
    base = Recipe(_content(2500))
    size, chunks = 2500, base.chunks()
    swapped, fewer = [chunks[1], chunks[0], *chunks[2:]], chunks[:-1]
    foreign = replace(base, place=PLACE[:48] + seed("another large entry")[:16]).chunks()
    hidden = replace(base, tail=b"x").chunks()
    endless = replace(base, never_last=True).chunks()
    exact = Recipe(_content(4096)).chunks()
    bad = [
        _case("chunks-exchanged", size, swapped, hashes=_hashes(chunks)),
        _case("chunks-exchanged-and-named-so", size, swapped),
        _case("chunk-missing", size, fewer, hashes=_hashes(chunks)),
        _case("chunk-missing-and-not-named", size, fewer),
        _case("cut-at-a-chunk-and-named-so", 2048, exact[:2]),
        _case("chunk-of-another-entry", size, foreign, hashes=_hashes(chunks)),
        _case("chunk-of-another-entry-named-so", size, foreign),
        _case("chunk-under-another-key", size, replace(base, key=OTHER).chunks()),
        _case("bit-flipped", size, [_flip(chunks[0]), *chunks[1:]], hashes=_hashes(chunks)),
        _case("last-byte-missing", size, [*fewer, chunks[-1][:-1]]),
        _case("padding-not-zero", size, hidden),
        _case("last-chunk-not-marked", size, endless),
        _case("size-one-less", size - 1, chunks),
        _case("size-of-another-count", 1, chunks),
        _case("chunk-size-1000", size, chunks, manifest=manifest(size, _hashes(chunks), 1000)),
        _case("chunk-size-512", size, chunks, manifest=manifest(size, _hashes(chunks), 512)),
        _case("hash-cut", size, chunks, hashes=_hashes(chunks)[:-1]),
        _case("byte-behind", size, chunks, manifest=manifest(size, _hashes(chunks)) + b"\x00"),
        _case("no-map", size, chunks, manifest=b"\x80"),
        _case("size-over-2-to-the-40", size, [], manifest=manifest(2**40 + 1, b"", 1 << 24)),
    ]
    return {
        "about": "manifests and their sealed chunks in hex, all under this key and place",
        "key": KEY.hex(),
        "place": PLACE.hex(),
        "cases": good + bad,
    }


def _flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]
