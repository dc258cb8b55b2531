"""Checkpoints (c2sp.org/tlog-checkpoint), the log's own signatures on them, and cosignatures.

    text = "<origin>\\n<size>\\n<base64 root>\\n"    size decimal, no leading zero; nothing else

    01  Ed25519 over the text
    04  u64 seconds, below 2^53 | Ed25519 over
        "cosignature/v1\\ntime " | seconds in decimal | 0a | text
    06  u64 seconds, below 2^53 | ML-DSA-44 over
        "subtree/v1\\n\\0" | u8 len | signer's name | u64 seconds | u8 len | origin
        | u64 0 | u64 size | root

*All* pinned keys of the log must have a line that verifies: accepting any one of them would let an
attacker strip the ML-DSA line. A line of a pinned custodian or witness may be missing, and then it
is not counted; one that does not verify makes the checkpoint false.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from verifier.errors import NotVerified, quote
from verifier.formats.merkle import EMPTY_ROOT
from verifier.formats.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    Note,
    SignatureLine,
    VerifierKey,
    decode_base64,
    is_name,
    parse_note,
)
from verifier.formats.policy import Policy

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_MAX_SIZE = _MAX_SECONDS = 2**53


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes


class Cosigned(NamedTuple):
    """A line that verified. The time is the signer's word."""

    key: VerifierKey
    seconds: int


class Cosigner(NamedTuple):
    """A name of the policy, all of whose keys signed."""

    name: str
    lines: tuple[Cosigned, ...]


class Opened(NamedTuple):
    checkpoint: Checkpoint
    log_lines: tuple[Cosigned, ...]
    """The log's own; one of type 01 has no time."""
    custodians: tuple[Cosigner, ...]
    witnesses: tuple[Cosigner, ...]
    provisional: bool
    """No ML-DSA-44 line of the log was checked."""


def parse_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] != "":
        raise _false("three lines: origin, size, root", f"{len(lines) - 1} lines")
    origin, digits, encoded, _ = lines
    if not is_name(origin) or len(origin.encode()) > 255:
        raise _false("an origin that is a key name of at most 255 bytes", quote(origin))
    if not _SIZE.fullmatch(digits) or int(digits) >= _MAX_SIZE:
        raise _false("a decimal size below 2^53", quote(digits))
    try:
        root = decode_base64(encoded)
    except ValueError:
        raise _false("a root in canonical base64", quote(encoded)) from None
    if len(root) != 32:
        raise _false("a root of 32 bytes", f"{len(root)} bytes")
    size = int(digits)
    if size == 0 and root != EMPTY_ROOT:
        raise _false("the empty tree's root at size 0", root.hex())
    return Checkpoint(origin, size, root)


def open_checkpoint(raw: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in a signed note, after every one of the log's `keys` verified on it."""
    return _open(parse_note(raw), keys)[0]


def open_under(raw: bytes, policy: Policy) -> Opened:
    """The checkpoint, and who of those that the policy names signed it."""
    note = parse_note(raw)
    checkpoint, own = _open(note, policy.log_keys)
    return Opened(
        checkpoint,
        own,
        _cosigners(note, checkpoint, policy.custodians),
        _cosigners(note, checkpoint, policy.witnesses),
        all(key.type != ML_DSA_44 for key in policy.log_keys),
    )


def _open(note: Note, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, tuple[Cosigned, ...]]:
    if not keys:
        raise ValueError("a checkpoint without a pinned key proves nothing")
    checkpoint, lines = parse_checkpoint(note.text), []
    for key in keys:
        if key.name != checkpoint.origin:
            raise _false(f"origin {quote(key.name)}, as the verifier key", quote(checkpoint.origin))
        line = _cosigned("checkpoint signature", note, checkpoint, key)
        if line is None:
            raise NotVerified("checkpoint signature", _one_line(key), "0 lines")
        lines.append(line)
    return checkpoint, tuple(lines)


def _cosigners(
    note: Note, checkpoint: Checkpoint, keys: Sequence[VerifierKey]
) -> tuple[Cosigner, ...]:
    by_name: dict[str, list[Cosigned | None]] = {}
    for key in keys:
        line = _cosigned("cosignature", note, checkpoint, key)
        by_name.setdefault(key.name, []).append(line)
    signed = []
    for name, lines in by_name.items():
        there = tuple(line for line in lines if line is not None)
        if len(there) == len(lines):
            signed.append(Cosigner(name, there))
    return tuple(signed)


def _cosigned(step: str, note: Note, checkpoint: Checkpoint, key: VerifierKey) -> Cosigned | None:
    """The key's one line, verified; None when there is none."""
    lines = [s for s in note.signatures if s.name == key.name and s.key_id == key.key_id]
    if not lines:
        return None
    if len(lines) > 1:
        raise NotVerified(step, _one_line(key), f"{len(lines)} lines")
    try:
        return Cosigned(key, _verified_seconds(note.text, checkpoint, key, lines[0]))
    except (InvalidSignature, ValueError):
        raise NotVerified(step, _one_line(key), "a signature that does not verify") from None


def _verified_seconds(
    text: str, checkpoint: Checkpoint, key: VerifierKey, line: SignatureLine
) -> int:
    """Raises InvalidSignature or ValueError. Type 01 has no time, hence 0."""
    if key.type == ED25519:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(line.signature, text.encode())
        return 0
    time, signature = line.signature[:8], line.signature[8:]
    seconds = int.from_bytes(time, "big")
    if seconds >= _MAX_SECONDS:
        raise ValueError("seconds of 2^53 or more")
    if key.type == COSIGNATURE:
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    else:
        message = _subtree_message(key.name, time, checkpoint)
        MLDSA44PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    return seconds


def _one_line(key: VerifierKey) -> str:
    return f"one {key.type_name} line of key {key.key_id.hex()}"


def _subtree_message(name: str, seconds: bytes, checkpoint: Checkpoint) -> bytes:
    def counted(text: str) -> bytes:
        encoded = text.encode()
        return len(encoded).to_bytes(1, "big") + encoded

    return (
        b"subtree/v1\n\0"
        + counted(name)
        + seconds
        + counted(checkpoint.origin)
        + (0).to_bytes(8, "big")
        + checkpoint.size.to_bytes(8, "big")
        + checkpoint.root
    )


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("checkpoint", expected, found)
