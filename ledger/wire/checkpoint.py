"""Checkpoints and their signatures (c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature).

    text  origin 0A size 0A base64(root) 0A        a signed note's text; no extension lines

The origin is the name of the log's keys: at most 255 bytes, no space, no "+". Size: decimal, below
2^53; at size 0 the root is SHA-256("").

A log signs each checkpoint with Ed25519 (type 0x01, over the text); those that it publishes carry a
line of type 0x06 as well. One without it is *provisional*. A cosignature (0x04, 0x06) is

    signature field  u64 unix seconds, below 2^53 ‖ signature, 64 bytes (0x04) or 2420 (0x06)
    0x04 signs       "cosignature/v1\\ntime " ‖ decimal seconds ‖ 0A ‖ text
    0x06 signs       "subtree/v1\\n\\0" ‖ u8 length ‖ cosigner's name ‖ u64 seconds
                     ‖ u8 length ‖ origin ‖ u64 0 ‖ u64 size ‖ root[32]

with Ed25519 and ML-DSA-44 (FIPS 204, empty context, public key 1312 bytes). ML-DSA-44 signatures
are randomised: two over the same checkpoint differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.errors import BadEvidence, BadRequest
from ledger.wire.ids import MAX_INTEGER, Hash, TreeSize
from ledger.wire.keys import ML_DSA_44_KEY_SIZE, load_ed25519, raw_public, verifies
from ledger.wire.lines import check_name, decode_hash, encode_base64, parse_decimal
from ledger.wire.note import (
    TYPE_ED25519,
    Ed25519Signer,
    Ed25519Verifier,
    Signature,
    Verifier,
    VerifierKey,
    check_type,
    line_prefix,
    open_note,
    parse_vkey,
)

TYPE_ED25519_COSIGNATURE: Final = 0x04
TYPE_ML_DSA_44: Final = 0x06
ML_DSA_44_SIGNATURE_SIZE: Final = 2420
ED25519_SIGNATURE_SIZE: Final = 64

MAX_NAME_SIZE: Final = 255
"""What the length bytes of the 0x06 message hold."""

_TIME_SIZE: Final = 8
_EMPTY_ROOT: Final = sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its first ``size`` leaves have the root ``root``."""

    origin: str
    size: TreeSize
    root: Hash

    def text(self) -> bytes:
        """The three lines that are signed."""
        return b"%b\n%d\n%b\n" % (self.origin.encode(), self.size, encode_base64(self.root))


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint that verified, the note it came in, and the signatures that verified."""

    checkpoint: Checkpoint
    note: bytes
    signatures: tuple[Signature, ...]
    provisional: bool
    """Whether no ML-DSA-44 key with the name of the log is among the verified ones."""


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Take the text of a checkpoint apart."""
    lines = text.split(b"\n")
    if len(lines) != 4 or lines[3]:
        raise BadRequest("a checkpoint does not have three lines")
    try:
        origin = _checked_short(lines[0].decode())
    except UnicodeDecodeError:
        raise BadRequest("a checkpoint's origin is not UTF-8") from None
    size = parse_decimal(lines[1], "checkpoint size")
    root = decode_hash(lines[2], "checkpoint root")
    if size == 0 and root != _EMPTY_ROOT:
        raise BadEvidence("root of an empty log", expected=_EMPTY_ROOT.hex(), found=root.hex())
    return Checkpoint(origin, TreeSize(size), root)


@dataclass(frozen=True, slots=True)
class Ed25519CosignatureVerifier:
    """Type 0x04. It does not bind the cosigner's name: a key must have one cosigner only."""

    vkey: VerifierKey
    _key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_type(self.vkey, TYPE_ED25519_COSIGNATURE)
        object.__setattr__(self, "_key", load_ed25519(self.vkey.public_key))

    def verify(self, text: bytes, signature: bytes) -> bool:
        if len(signature) != _TIME_SIZE + ED25519_SIGNATURE_SIZE:
            return False
        time = int.from_bytes(signature[:_TIME_SIZE], "big")
        if time > MAX_INTEGER:
            return False
        return verifies(self._key, signature[_TIME_SIZE:], _timed_message(time, text))


@dataclass(frozen=True, slots=True)
class MlDsaVerifier:
    """Type 0x06. The text must be that of a checkpoint."""

    vkey: VerifierKey
    _key: MLDSA44PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_type(self.vkey, TYPE_ML_DSA_44)
        _checked_short(self.vkey.name)
        if len(self.vkey.public_key) != ML_DSA_44_KEY_SIZE:
            raise BadRequest(f"an ML-DSA-44 key has {ML_DSA_44_KEY_SIZE} bytes")
        key = MLDSA44PublicKey.from_public_bytes(self.vkey.public_key)
        object.__setattr__(self, "_key", key)

    def verify(self, text: bytes, signature: bytes) -> bool:
        if len(signature) != _TIME_SIZE + ML_DSA_44_SIGNATURE_SIZE:
            return False
        time = int.from_bytes(signature[:_TIME_SIZE], "big")
        if time > MAX_INTEGER:
            return False
        message = _subtree_message(self.vkey.name, time, parse_checkpoint(text))
        try:
            self._key.verify(signature[_TIME_SIZE:], message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ed25519Cosigner:
    """Type 0x04, of a witness or custodian."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def vkey(self) -> VerifierKey:
        """What verifies this signer's lines."""
        return VerifierKey(
            _checked_short(self.name), TYPE_ED25519_COSIGNATURE, raw_public(self.key)
        )

    def line(self, checkpoint: Checkpoint, unix_seconds: int) -> bytes:
        """The signature line over a checkpoint, with its line end."""
        time = _checked_time(unix_seconds).to_bytes(_TIME_SIZE, "big")
        signature = self.key.sign(_timed_message(unix_seconds, checkpoint.text()))
        blob = self.vkey.key_id + time + signature
        return line_prefix(self.name) + encode_base64(blob) + b"\n"


@dataclass(frozen=True, slots=True)
class MlDsaSigner:
    """Type 0x06."""

    name: str
    key: MLDSA44PrivateKey = field(repr=False)
    _prefix: bytes = field(init=False, repr=False)
    _key_id: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prefix", line_prefix(_checked_short(self.name)))
        object.__setattr__(self, "_key_id", self.vkey.key_id)

    @property
    def vkey(self) -> VerifierKey:
        """What verifies this signer's lines."""
        return VerifierKey(self.name, TYPE_ML_DSA_44, self.key.public_key().public_bytes_raw())

    def line(self, checkpoint: Checkpoint, unix_seconds: int) -> bytes:
        """The signature line over a checkpoint, with its line end."""
        time = _checked_time(unix_seconds).to_bytes(_TIME_SIZE, "big")
        signature = self.key.sign(_subtree_message(self.name, unix_seconds, checkpoint))
        blob = self._key_id + time + signature
        return self._prefix + encode_base64(blob) + b"\n"


def checkpoint_verifier(vkey: str) -> Verifier:
    """The verifier for a verifier key of type 0x01, 0x04 or 0x06."""
    parsed = parse_vkey(vkey)
    if parsed.type == TYPE_ED25519:
        return Ed25519Verifier(parsed)
    if parsed.type == TYPE_ED25519_COSIGNATURE:
        return Ed25519CosignatureVerifier(parsed)
    if parsed.type == TYPE_ML_DSA_44:
        return MlDsaVerifier(parsed)
    raise BadRequest(f"verifier keys of type {parsed.type:#04x} are not supported")


def sign_provisional(checkpoint: Checkpoint, signer: Ed25519Signer) -> bytes:
    """A checkpoint with the Ed25519 line alone. The origin must be the signer's name."""
    _check_origin(checkpoint, signer.name)
    text = checkpoint.text()
    return text + b"\n" + signer.line(text)


def sign_published(
    checkpoint: Checkpoint, signer: Ed25519Signer, ml_dsa: MlDsaSigner, unix_seconds: int
) -> bytes:
    """A checkpoint with the log's Ed25519 line and then its ML-DSA-44 line."""
    _check_origin(checkpoint, ml_dsa.name)
    return sign_provisional(checkpoint, signer) + ml_dsa.line(checkpoint, unix_seconds)


def open_checkpoint(
    note: bytes, origin: str, required: Sequence[Verifier], known: Sequence[Verifier] = ()
) -> OpenedCheckpoint:
    """Verify a checkpoint of the log ``origin``.

    All of ``required`` must have signed (one key alone would let an attacker strip the other's
    line). ``known`` may have signed: their lines must verify where they stand.
    """
    if not required:
        raise BadRequest("no key is required to have signed the checkpoint")
    opened = open_note(note, [*required, *known])
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin != origin:
        raise BadEvidence("checkpoint origin", expected=origin, found=checkpoint.origin)
    signed = {(one.name, one.key_id) for one in opened.signatures}
    for verifier in required:
        if (verifier.vkey.name, verifier.vkey.key_id) not in signed:
            wanted = f"a line of {verifier.vkey.name}+{verifier.vkey.key_id.hex()}"
            raise BadEvidence("checkpoint signatures", expected=wanted, found="none")
    published = any(
        verifier.vkey.type == TYPE_ML_DSA_44
        and verifier.vkey.name == origin
        and (origin, verifier.vkey.key_id) in signed
        for verifier in (*required, *known)
    )
    return OpenedCheckpoint(checkpoint, note, opened.signatures, provisional=not published)


def cosignature_time(signature: Signature) -> int:
    """Unix seconds of a *verified* cosignature (types 0x04 and 0x06)."""
    return int.from_bytes(signature.signature[:_TIME_SIZE], "big")


def _checked_short(name: str) -> str:
    if len(check_name(name).encode()) > MAX_NAME_SIZE:
        raise BadRequest(f"the name of a log or cosigner is longer than {MAX_NAME_SIZE} bytes")
    return name


def _check_origin(checkpoint: Checkpoint, name: str) -> None:
    if checkpoint.origin != name:
        raise BadRequest(f"the key {name} does not sign for the log {checkpoint.origin}")


def _checked_time(unix_seconds: int) -> int:
    if not 0 <= unix_seconds <= MAX_INTEGER:
        raise BadRequest(f"time {unix_seconds} is not between 0 and 2^53")
    return unix_seconds


def _timed_message(unix_seconds: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (unix_seconds, text)


def _subtree_message(cosigner: str, unix_seconds: int, checkpoint: Checkpoint) -> bytes:
    name, origin = cosigner.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes([len(name)]),
            name,
            unix_seconds.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )
