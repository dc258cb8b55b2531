"""Sealed blobs with fixed keys and nonces, from the specification and primitives alone.

Nothing of ``ledger.wire.sealed`` is used: the key derivation is written out, the padding is counted
up instead of computed, and the headers are literal CBOR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from math import floor, log2
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vectors.entries_world import flipped, patched
from tests.vectors.tree_keys import seed

FHIR: Final = b"\xa1\x64type\x75application/fhir+json"
"""{"type": "application/fhir+json"}"""
CBOR: Final = b"\xa1\x64type\x70application/cbor"
PLACE: Final = seed("sealed: log") + seed("sealed: chain")[:16] + seed("sealed: entry id")[:16]


def padded(length: int) -> int:
    """The smallest size of at least ``length`` that Padmé allows, by trying one after the other."""
    if length < 2:
        return length
    exponent = floor(log2(length))
    step: int = 1 << exponent - (floor(log2(exponent)) + 1 if exponent else 0)
    size = length
    while size % step:
        size += 1
    return size


def one_step(key: bytes, info: bytes) -> bytes:
    """NIST SP 800-56C rev. 2 section 4.1, option 1, SHA-256, one block."""
    return sha256((1).to_bytes(4, "big") + key + info).digest()


def derive(key: bytes) -> tuple[bytes, bytes]:
    """k_enc and k_com."""
    return (
        one_step(key, b"counterfoil/seal/v1/encrypt"),
        one_step(key, b"counterfoil/seal/v1/commit"),
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """A sealed blob to be; any part may be made wrong."""

    content: bytes
    header: bytes = FHIR
    place: bytes = PLACE
    label: str = "sealed"
    header_length: int | None = None
    content_length: int | None = None
    padding: bytes | None = None

    @property
    def key(self) -> bytes:
        return seed(f"content key {self.label}")

    @property
    def nonce(self) -> bytes:
        return seed(f"nonce {self.label}")[:12]

    def text(self) -> bytes:
        """The plain text."""
        header_length = len(self.header) if self.header_length is None else self.header_length
        content_length = len(self.content) if self.content_length is None else self.content_length
        text = header_length.to_bytes(4, "big") + self.header
        text += content_length.to_bytes(8, "big") + self.content
        zeros = bytes(padded(len(text)) - len(text))
        return text + (zeros if self.padding is None else self.padding)

    def blob(self) -> bytes:
        """The sealed blob."""
        encryption, commitment = derive(self.key)
        sealed = AESGCM(encryption).encrypt(self.nonce, self.text(), self.place)
        return b"\x01" + commitment + self.nonce + sealed


GOOD: Final = Recipe(b'{"resourceType":"Patient","active":false}')


def _header(length: int) -> bytes:
    """A header of exactly ``length`` bytes: {"note": "xx…", "type": "a/b"}."""
    rest = length - len(b"\xa2\x64note\x79\x00\x00\x64type\x63a/b")
    return b"\xa2\x64note\x79" + rest.to_bytes(2, "big") + b"x" * rest + b"\x64type\x63a/b"


def _good() -> dict[str, Recipe]:
    return {
        "record": GOOD,
        "no-content": Recipe(b"", CBOR),
        "header-with-more": Recipe(b"x", b"\xa2\x64type\x63a/b\x67purpose\x69treatment"),
        "no-padding-needed": Recipe(b"x" * (64 - 12 - len(CBOR)), CBOR),
        "content-of-zeros": Recipe(bytes(100), CBOR),
        "header-of-16384-bytes": Recipe(b"", _header(16_384)),
    }


def _bad_text() -> dict[str, Recipe]:
    """Correctly encrypted, but the plain text breaks a rule."""
    zeros = padded(len(GOOD.text())) - len(replace(GOOD, padding=b"").text())
    length = len(GOOD.content)
    return {
        "padding-not-zero": replace(GOOD, padding=bytes(zeros - 1) + b"\x01"),
        "padding-missing": replace(GOOD, padding=b""),
        "padding-a-byte-short": replace(GOOD, padding=bytes(zeros - 1)),
        "padding-a-byte-long": replace(GOOD, padding=bytes(zeros + 1)),
        "padding-a-step-long": replace(GOOD, padding=bytes(zeros + 8)),
        "header-length-past-the-end": replace(GOOD, header_length=1000),
        "header-length-2-to-the-32-less-1": replace(GOOD, header_length=2**32 - 1),
        "header-length-0": replace(GOOD, header_length=0),
        "header-of-16385-bytes": Recipe(b"", _header(16_385)),
        "header-without-type": replace(GOOD, header=b"\xa0"),
        "header-type-of-bytes": replace(GOOD, header=b"\xa1\x64type\x43a/b"),
        "header-no-map": replace(GOOD, header=b"\x63a/b"),
        "header-keys-unordered": replace(GOOD, header=b"\xa2\x64type\x63a/b\x61a\x01"),
        "header-key-twice": replace(GOOD, header=b"\xa2\x64type\x63a/b\x64type\x63a/b"),
        "header-key-integer": replace(GOOD, header=b"\xa2\x01\x01\x64type\x63a/b"),
        "header-not-shortest": replace(GOOD, header=b"\xa1\x64type\x78\x03a/b"),
        "content-length-past-the-end": replace(GOOD, content_length=1000),
        "content-length-2-to-the-64-less-1": replace(GOOD, content_length=2**64 - 1),
        "content-length-one-less": replace(GOOD, content_length=length - 1),
    }


def _changed(blob: bytes) -> dict[str, bytes]:
    return {
        "version-0": patched(blob, 0, b"\x00"),
        "version-2": patched(blob, 0, b"\x02"),
        "commitment-bit-flipped": flipped(blob, 1),
        "nonce-bit-flipped": flipped(blob, 33),
        "ciphertext-bit-flipped": flipped(blob, 45),
        "tag-bit-flipped": flipped(blob, -1),
        "last-byte-missing": blob[:-1],
        "byte-added": blob + b"\x00",
        "only-72-bytes": blob[:72],
        "empty": b"",
    }


def sealed_vectors() -> dict[str, object]:
    """Sealed blobs, each with its key and place."""
    blob = GOOD.blob()
    other_key = seed("another content key")
    log, chain, entry = PLACE[:32], PLACE[32:48], PLACE[48:]
    moved = {
        "place-another-log": seed("sealed: another log") + chain + entry,
        "place-another-chain": log + seed("sealed: another chain")[:16] + entry,
        "place-another-entry": log + chain + seed("sealed: another entry")[:16],
        "place-chain-and-entry-swapped": log + entry + chain,
    }
    good = [
        _case(name, one.blob(), one.key, PLACE, header=one.header, content=one.content)
        for name, one in _good().items()
    ]
    bad = [_case(name, one.blob(), one.key, PLACE) for name, one in _bad_text().items()]
    bad += [_case(name, changed, GOOD.key, PLACE) for name, changed in _changed(blob).items()]
    bad += [_case(name, blob, GOOD.key, place) for name, place in moved.items()]
    bad += [
        _case("key-another", blob, other_key, PLACE),
        _case("key-of-31-bytes", blob, GOOD.key[:31], PLACE),
        # Opens under GCM with this key's k_enc, so only the commitment gives it away.
        _case(
            "commitment-of-another-key",
            patched(blob, 1, derive(other_key)[1]),
            GOOD.key,
            PLACE,
        ),
    ]
    sizes = [0, 1, 2, 3, 8, 9, 17, 31, 33, 63, 64, 65, 100, 127, 129, 1000, 1025, 65_537]
    return {
        "about": "sealed blobs in hex; place = log ‖ chain ‖ entry id; header in CBOR",
        "derivation": {
            "key": GOOD.key.hex(),
            "k_enc": derive(GOOD.key)[0].hex(),
            "k_com": derive(GOOD.key)[1].hex(),
        },
        "padme": [{"length": size, "padded": padded(size)} for size in sizes],
        "cases": good + bad,
    }


def _case(name: str, blob: bytes, key: bytes, place: bytes, **plain: bytes) -> dict[str, object]:
    """One case; with the plain parts it is valid."""
    shown = {part: data.hex() for part, data in plain.items()}
    return {
        "name": name,
        "key": key.hex(),
        "place": place.hex(),
        "blob": blob.hex(),
        "valid": bool(plain),
        **shown,
    }


def blob_hash(blob: bytes) -> bytes:
    """What the claim says about a blob."""
    return sha256(blob).digest()
