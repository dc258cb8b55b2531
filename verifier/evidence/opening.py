"""Opening a sealed blob with a content key that was disclosed.

    blob    = 01 | k_com 32 | nonce 12 | AES-256-GCM(k_enc, nonce, place, text) with its tag
    k_com   = SHA-256(u32 1 | content key | "counterfoil/seal/v1/commit")
    k_enc   = SHA-256(u32 1 | content key | "counterfoil/seal/v1/encrypt")
    place   = log | chain | entry id
    text    = u32 length | header | u64 length | content | zeros up to padme(L)
    header  = CBOR map with text keys, one of them "type"; at most 16,384 bytes

k_com makes the key the only one: AES-GCM alone lets one blob open to two contents.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from verifier.errors import NotVerified
from verifier.formats import cbor
from verifier.formats.claim import Claim

_MIN_BLOB = 73
_MAX_HEADER = 16_384
_MAX_CONTENT = 16_777_216
_NONCE_AT, _TEXT_AT = 33, 45


class Content(NamedTuple):
    media_type: str
    header: bytes
    content: bytes


def open_blob(claim: Claim, blob: bytes, content_key: bytes) -> Content:
    """What the author sealed. Raises NotVerified (step `disclosure`)."""
    if sha256(blob).digest() != claim.blob_hash or len(blob) != claim.sealed_size:
        raise _false("the blob whose hash and size the entry names", "another")
    if len(blob) < _MIN_BLOB or blob[0] != 1:
        raise _false("a sealed blob of version 1", blob[:1].hex())
    commitment = _derived(content_key, b"counterfoil/seal/v1/commit")
    if not compare_digest(commitment, blob[1:_NONCE_AT]):
        raise _false("the content key of this blob", "another key")
    cipher = AESGCM(_derived(content_key, b"counterfoil/seal/v1/encrypt"))
    place = claim.log + claim.chain + claim.entry_id
    try:
        text = cipher.decrypt(blob[_NONCE_AT:_TEXT_AT], blob[_TEXT_AT:], place)
    except InvalidTag:
        raise _false("a blob that opens in this log, chain and entry", "another") from None
    return _content(text)


def _content(text: bytes) -> Content:
    header_end = 4 + int.from_bytes(text[:4], "big")
    content_at = header_end + 8
    end = content_at + int.from_bytes(text[header_end:content_at], "big")
    if end > len(text) or header_end - 4 > _MAX_HEADER or end - content_at > _MAX_CONTENT:
        raise _false("header and content within the text and their limits", f"{len(text)} bytes")
    header = text[4:header_end]
    fields = cbor.decode(header)
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise _false("a header that is a map with text keys", "another")
    media_type = fields.get("type")
    if not isinstance(media_type, str):
        raise _false("a type in the header", "none")
    if len(text) != padme(end) or any(text[end:]):
        raise _false(f"zeros up to {padme(end)} bytes", f"others, {len(text)} bytes")
    return Content(media_type, header, text[content_at:end])


def padme(length: int) -> int:
    """The size that so many bytes are padded to."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    unit = 1 << (exponent - exponent.bit_length())
    return -(-length // unit) * unit


def _derived(content_key: bytes, label: bytes) -> bytes:
    return sha256(b"\0\0\0\1" + content_key + label).digest()


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("disclosure", expected, found)
