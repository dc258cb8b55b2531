"""Signed notes (c2sp.org/signed-note) and verifier keys.

    text ending in "\\n", an empty line, then 1 to 100 lines
    "— <name> <base64(key id[4] | signature)>\\n"

UTF-8 without control characters but "\\n"; the last empty line splits text from signatures. Every
line must parse (canonical base64, at least 5 bytes), also those of keys nobody knows.

Verifier key: name+hex8(key id)+base64(type | public key), key id = SHA-256(name | 0a | type |
public key)[:4]. Types read here: 01 Ed25519, 04 Ed25519 for cosignatures, 06
ML-DSA-44. A name is not empty and has no Unicode space and no "+".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from verifier.errors import NotVerified, quote
from verifier.formats.ed25519 import check_public_key

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
ED25519, COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
TYPE_NAMES = {ED25519: "Ed25519", COSIGNATURE: "Ed25519 cosignature", ML_DSA_44: "ML-DSA-44"}
_KEY_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    name: str
    type: int
    public_key: bytes
    text: str

    @property
    def key_id(self) -> bytes:
        return _key_id(self.name, self.type, self.public_key)

    @property
    def type_name(self) -> str:
        return TYPE_NAMES[self.type]


@dataclass(frozen=True, slots=True)
class SignatureLine:
    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    signatures: tuple[SignatureLine, ...]


def parse_verifier_key(text: str) -> VerifierKey:
    """Raise NotVerified unless the text is canonical, of a known type, and the key is sound."""
    # Base64 may hold "+" too: split on the first two only.
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise _bad_key("name+hash+key", quote(text))
    name, hexed, encoded = parts
    if not is_name(name) or any(ord(c) < 0x20 for c in text):
        raise _bad_key("a name without spaces", quote(name))
    try:
        key = decode_base64(encoded)
    except ValueError:
        raise _bad_key("canonical base64", quote(encoded)) from None
    if not key or key[0] not in TYPE_NAMES:
        raise _bad_key("type 01 or 04 (Ed25519) or 06 (ML-DSA-44)", f"type {key[:1].hex() or 'no'}")
    kind, public_key = key[0], key[1:]
    if len(public_key) != _KEY_BYTES[kind]:
        raise _bad_key(f"a key of {_KEY_BYTES[kind]} bytes", f"{len(public_key)} bytes")
    key_id = _key_id(name, kind, public_key).hex()
    if hexed != key_id:
        raise _bad_key(f"key id {key_id}", quote(hexed))
    if kind != ML_DSA_44:
        check_public_key(public_key)
    return VerifierKey(name, kind, public_key, text)


def parse_note(raw: bytes) -> Note:
    if len(raw) > MAX_NOTE_BYTES:
        raise _bad_note(f"at most {MAX_NOTE_BYTES} bytes", "more")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad_note("UTF-8", f"other bytes at byte {error.start}") from None
    if any(byte < 0x20 and byte != 0x0A for byte in raw):
        raise _bad_note("no control character but newline", "one")
    split = whole.rfind("\n\n")
    if split < 0:
        raise _bad_note("an empty line before the signatures", "none")
    text, block = whole[: split + 1], whole[split + 2 :]
    if not block.endswith("\n"):
        raise _bad_note("signature lines that end in a newline", quote(block[-40:]))
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _bad_note(f"at most {MAX_SIGNATURES} signatures", str(len(lines)))
    return Note(text, tuple(_signature_line(line) for line in lines))


def _signature_line(line: str) -> SignatureLine:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not is_name(parts[1]):
        raise _bad_note("a line '— name base64'", quote(line))
    try:
        data = decode_base64(parts[2])
    except ValueError:
        raise _bad_note("canonical base64", quote(parts[2])) from None
    if len(data) < 5:
        raise _bad_note("a key id and a signature", f"{len(data)} bytes")
    return SignatureLine(parts[1], data[:4], data[4:])


def is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def decode_base64(text: str) -> bytes:
    """Standard base64, canonical: raises ValueError for anything that encodes back differently."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(str(error)) from None
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("not canonical")
    return data


def _key_id(name: str, kind: int, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def _bad_note(expected: str, found: str) -> NotVerified:
    return NotVerified("checkpoint", expected, found)


def _bad_key(expected: str, found: str) -> NotVerified:
    return NotVerified("verifier key", expected, found)
