"""Sealed blob: content encrypted under a fresh key of its own, key-committing.

    version u8 = 1 ‖ k_com (32) ‖ nonce (12) ‖ AES-256-GCM ciphertext ‖ tag (16)

    k_com         = SHA-256(u32 1 ‖ content key ‖ "counterfoil/seal/v1/commit")
    k_enc         = SHA-256(u32 1 ‖ content key ‖ "counterfoil/seal/v1/encrypt")
    AAD           = log ‖ chain ‖ entry id
    plain text    = u32 header length ‖ header ‖ u64 content length ‖ content
                    ‖ zeros up to the Padmé size

Both keys are the one-step derivation of NIST SP 800-56C rev. 2, section 4.1, option 1, of one
block; the content key is uniformly random.

GCM alone lets one blob open to two contents under two keys; k_com rules that out, so the
statement's hash of the blob commits to the content. Padmé (Nikitin et al., PETS 2019) leaks O(log
log size) bits of the size at a cost of at most 12 %. Specification: docs/spec/sealed-blob.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import BadEvidence, BadRequest
from ledger.wire import cbor
from ledger.wire.ids import ChainId, EntryId, Hash

KEY_SIZE: Final = 32
MAX_CONTENT: Final = 16 * 1024 * 1024
MAX_HEADER: Final = 16_384
_VERSION: Final = b"\x01"
_COUNTER: Final = b"\x00\x00\x00\x01"
_COMMIT: Final = b"counterfoil/seal/v1/commit"
_ENCRYPT: Final = b"counterfoil/seal/v1/encrypt"
_NONCE_AT: Final = 33
_TEXT_AT: Final = 45
_TAG: Final = 16
_HEADER_LENGTH: Final = Struct(">I")
_CONTENT_LENGTH: Final = Struct(">Q")
MIN_BLOB: Final = _TEXT_AT + _HEADER_LENGTH.size + _CONTENT_LENGTH.size + _TAG


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed blob and the one key that opens it."""

    blob: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """What a sealed blob holds. ``header`` has at least "type", the media type."""

    header: dict[str, cbor.Decoded] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        return str(self.header["type"])


def padme(length: int) -> int:
    """The size that ``length`` bytes are padded to."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    zeros = exponent - exponent.bit_length()
    mask = (1 << zeros) - 1
    return (length + mask) & ~mask


def associated_data(log: Hash, chain: ChainId, entry_id: EntryId) -> bytes:
    """What binds a blob to its place: it opens in no other log, chain or entry."""
    return log + chain + entry_id


def new_key() -> bytes:
    """A fresh content key."""
    return os.urandom(KEY_SIZE)


def seal(
    content: bytes, header: dict[str, cbor.Value], place: bytes, key: bytes | None = None
) -> Sealed:
    """Seal with a fresh key and nonce; ``key`` is the one that a manifest's chunks were sealed
    with. Raises BadRequest when a limit is passed.
    """
    if len(content) > MAX_CONTENT:
        raise BadRequest(
            f"content of {len(content)} bytes is over the limit of 16 MiB", hint="send it in parts"
        )
    encoded = cbor.encode(header)
    _check_header(encoded)
    text = b"".join(
        (_HEADER_LENGTH.pack(len(encoded)), encoded, _CONTENT_LENGTH.pack(len(content)), content)
    )
    text += bytes(padme(len(text)) - len(text))
    key, nonce = key or new_key(), os.urandom(12)
    cipher = AESGCM(_derive(key, _ENCRYPT))
    blob = _VERSION + _derive(key, _COMMIT) + nonce + cipher.encrypt(nonce, text, place)
    return Sealed(blob, key)


def commits_to(blob: bytes, key: bytes) -> bool:
    """Whether ``key`` is the one key that this blob was sealed with (the ciphertext is not looked
    at).
    """
    return compare_digest(_derive(key, _COMMIT), blob[1:_NONCE_AT])


def unseal(blob: bytes, key: bytes, place: bytes) -> Content:
    """Open and decode. Raises BadEvidence when key or place do not fit, BadRequest when it is
    malformed.
    """
    if len(blob) < MIN_BLOB or blob[:1] != _VERSION or len(key) != KEY_SIZE:
        raise BadRequest("sealed blob is malformed or its key has a wrong size")
    if not commits_to(blob, key):
        raise BadEvidence("sealed blob: key commitment", hint="this is not the key of this blob")
    try:
        cipher = AESGCM(_derive(key, _ENCRYPT))
        text = cipher.decrypt(blob[_NONCE_AT:_TEXT_AT], blob[_TEXT_AT:], place)
    except InvalidTag as error:
        raise BadEvidence(
            "sealed blob: authentication tag", hint="changed, or moved from another entry"
        ) from error
    return _decode_text(text)


def _derive(key: bytes, info: bytes) -> bytes:
    return sha256(_COUNTER + key + info).digest()


def _check_header(encoded: bytes) -> dict[str, cbor.Decoded]:
    if len(encoded) > MAX_HEADER:
        raise BadRequest(f"sealed header of {len(encoded)} bytes is over the limit of {MAX_HEADER}")
    header = cbor.decode_map(encoded)
    if not isinstance(header.get("type"), str):
        raise BadRequest("sealed header names no media type")
    return header


def _decode_text(text: bytes) -> Content:
    (header_length,) = _HEADER_LENGTH.unpack_from(text)
    content_at = _HEADER_LENGTH.size + header_length + _CONTENT_LENGTH.size
    if content_at > len(text):
        raise BadRequest("sealed header runs past the blob")
    header = _check_header(text[_HEADER_LENGTH.size : content_at - _CONTENT_LENGTH.size])
    (length,) = _CONTENT_LENGTH.unpack_from(text, content_at - _CONTENT_LENGTH.size)
    end = content_at + length
    if length > MAX_CONTENT or end > len(text):
        raise BadRequest("sealed content runs past the blob or is over the limit")
    if len(text) != padme(end) or text[end:].strip(b"\0"):
        raise BadRequest("sealed blob is not padded to its Padmé size with zeros")
    return Content(header, text[content_at:end])
