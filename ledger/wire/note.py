"""Signed notes (c2sp.org/signed-note).

    This is an example message.
                                                        <- the last empty line ends the text
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tna ... Yu72IneyaQM=

    note    text ‖ 0A ‖ line+           the text ends in 0A
    line    E2 80 94 20 ‖ name ‖ 20 ‖ base64(key id[4] ‖ signature) ‖ 0A
    key id  SHA-256(name ‖ 0A ‖ type ‖ public key)[:4]
    vkey    name "+" key id as 8 lower-case hex digits "+" base64(type ‖ public key)
            example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k

UTF-8, no control character below 0x20 but 0A; 1 to 100 lines; at most 1,000,000 bytes; at least 5
bytes in the base64 of a line. Every line must parse. Lines of unknown (name, key id) pairs are then
ignored; a known key's line must verify, and there is at most one of each; at least one known key
must have signed.

Type 0x01 is Ed25519 (public key 32 bytes, signature 64) over the text. Checkpoints have more types:
see ``ledger.wire.checkpoint``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import BadEvidence, BadRequest
from ledger.wire.keys import load_ed25519, raw_public, verifies
from ledger.wire.lines import check_name, decode_base64, encode_base64

MAX_NOTE_SIZE: Final = 1_000_000
MAX_SIGNATURES: Final = 100
KEY_ID_SIZE: Final = 4
TYPE_ED25519: Final = 0x01

_DASH: Final = "— ".encode()
_CONTROLS: Final = bytes(value for value in range(0x20) if value != 0x0A)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A verifier key (vkey) taken apart."""

    name: str
    type: int
    public_key: bytes
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        named = check_name(self.name).encode() + b"\n"
        key_id = sha256(named + bytes([self.type]) + self.public_key).digest()[:KEY_ID_SIZE]
        object.__setattr__(self, "key_id", key_id)

    def __str__(self) -> str:
        """The verifier key as text."""
        material = encode_base64(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. ``signature`` is what follows the key id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note that is well formed; nothing is verified yet."""

    text: bytes
    signatures: tuple[Signature, ...]


class Verifier(Protocol):
    """A known key."""

    @property
    def vkey(self) -> VerifierKey: ...

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (without the key id) is this key's over ``text``."""
        ...


class Signer(Protocol):
    """A private key."""

    def line(self, text: bytes) -> bytes:
        """The signature line over ``text``, with its line end."""
        ...


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Type 0x01. The key is checked when the verifier is made."""

    vkey: VerifierKey
    _key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_type(self.vkey, TYPE_ED25519)
        object.__setattr__(self, "_key", load_ed25519(self.vkey.public_key))

    def verify(self, text: bytes, signature: bytes) -> bool:
        return verifies(self._key, signature, text)


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Type 0x01."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    _prefix: bytes = field(init=False, repr=False)
    _key_id: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prefix", line_prefix(self.name))
        object.__setattr__(self, "_key_id", self.vkey.key_id)

    @property
    def vkey(self) -> VerifierKey:
        """What verifies this signer's lines."""
        return VerifierKey(self.name, TYPE_ED25519, raw_public(self.key))

    def line(self, text: bytes) -> bytes:
        """The signature line over ``text``, with its line end."""
        return self._prefix + encode_base64(self._key_id + self.key.sign(text)) + b"\n"


def parse_vkey(text: str) -> VerifierKey:
    """A verifier key of any type; the key id must be the key's."""
    # Base64 may hold "+" as well, a name may not.
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise BadRequest("a verifier key is not name+key id+base64")
    name, hex_id, material_text = parts
    if not material_text.isascii():
        raise BadRequest("verifier key is not base64")
    material = decode_base64(material_text.encode(), "verifier key")
    if len(material) < 2:
        raise BadRequest("a verifier key has no public key")
    vkey = VerifierKey(name, material[0], material[1:])
    if hex_id != vkey.key_id.hex():
        raise BadRequest("a verifier key does not have the key id that it states")
    return vkey


def parse_note(data: bytes) -> Note:
    """Take a note apart."""
    text, lines = _split(data)
    if len(lines) > MAX_SIGNATURES:
        raise BadRequest(f"a note has more than {MAX_SIGNATURES} signatures")
    return Note(text, tuple(_parse_line(line) for line in lines))


def render_note(note: Note) -> bytes:
    """The bytes of a note."""
    lines = (
        line_prefix(one.name) + encode_base64(one.key_id + one.signature) + b"\n"
        for one in note.signatures
    )
    return note.text + b"\n" + b"".join(lines)


def sign_note(text: bytes, signers: Iterable[Signer]) -> bytes:
    """A note over ``text`` with one line of each signer, in their order."""
    check_text(text)
    return text + b"\n" + b"".join(signer.line(text) for signer in signers)


def open_note(data: bytes, verifiers: Sequence[Verifier]) -> Note:
    """The note with the verified signatures only. Raises when there is none, or a bad one."""
    known = {(one.vkey.name, one.vkey.key_id): one for one in verifiers}
    if len(known) != len(verifiers):
        raise BadRequest("two verifier keys have the same name and key id")
    note = parse_note(data)
    verified: dict[tuple[str, bytes], Signature] = {}
    for signature in note.signatures:
        pair = signature.name, signature.key_id
        if pair not in known:
            continue
        if pair in verified:
            raise BadRequest(f"a note has two signatures of {signature.name}")
        if not known[pair].verify(note.text, signature.signature):
            raise BadEvidence(
                f"signature of {_shown(signature)}", expected="valid", found="invalid"
            )
        verified[pair] = signature
    if not verified:
        raise BadEvidence(
            "signed note",
            expected="a signature of a known key",
            found="none",
            hint="check that the note and the verifier keys belong to the same log",
        )
    return Note(note.text, tuple(verified.values()))


def line_prefix(name: str) -> bytes:
    """What stands before the base64 of a signature line."""
    return _DASH + check_name(name).encode() + b" "


def check_text(text: bytes) -> None:
    """Refuse what can not be the text of a note."""
    if not text.endswith(b"\n"):
        raise BadRequest("a note's text does not end with a line end")
    _check_characters(text)


def check_type(vkey: VerifierKey, expected: int) -> None:
    """Refuse a key of another type."""
    if vkey.type != expected:
        raise BadRequest(f"a verifier key has type {vkey.type:#04x}, not {expected:#04x}")


def _check_characters(data: bytes) -> None:
    if data.translate(None, _CONTROLS) != data:
        raise BadRequest("a note holds a control character")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise BadRequest("a note is not UTF-8") from None


def _split(data: bytes) -> tuple[bytes, list[bytes]]:
    if len(data) > MAX_NOTE_SIZE:
        raise BadRequest(f"a note is larger than {MAX_NOTE_SIZE} bytes")
    _check_characters(data)
    end = data.rfind(b"\n\n")
    if end < 0:
        raise BadRequest("a note has no empty line before its signatures")
    lines = data[end + 2 :].split(b"\n")
    if lines.pop() or not lines:
        raise BadRequest("a note does not end with a signature line")
    return data[: end + 1], lines


def _parse_line(line: bytes) -> Signature:
    if not line.startswith(_DASH):
        raise BadRequest("a signature line does not start with a dash and a space")
    name, space, encoded = line[len(_DASH) :].partition(b" ")
    if not space:
        raise BadRequest("a signature line has no signature")
    blob = decode_base64(encoded, "signature")
    if len(blob) <= KEY_ID_SIZE:
        raise BadRequest("a signature line is too short")
    return Signature(check_name(name.decode()), blob[:KEY_ID_SIZE], blob[KEY_ID_SIZE:])


def _shown(signature: Signature) -> str:
    return f"{signature.name}+{signature.key_id.hex()}"
