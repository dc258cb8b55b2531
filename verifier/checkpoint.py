"""Checkpoints (c2sp.org/tlog-checkpoint) and the log's own signatures on them.

    text = "<origin>\\n<size>\\n<base64 root>\\n"    size decimal, no leading zero; nothing else

    01  Ed25519 over the text
    06  u64 seconds, below 2^53 | ML-DSA-44 over
        "subtree/v1\\n\\0" | u8 len | signer's name | u64 seconds | u8 len | origin
        | u64 0 | u64 size | root

*All* keys that were pinned must have a line that verifies: accepting any one of them would let an
attacker strip the ML-DSA line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from verifier.errors import NotVerified, quote
from verifier.merkle import EMPTY_ROOT
from verifier.note import ED25519, Note, VerifierKey, decode_base64, is_name, parse_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_MAX_SIZE = _MAX_SECONDS = 2**53


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes


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
    """The checkpoint in a signed note, after every one of `keys` verified its line on it."""
    if not keys:
        raise ValueError("a checkpoint without a pinned key proves nothing")
    note = parse_note(raw)
    checkpoint = parse_checkpoint(note.text)
    for key in keys:
        if key.name != checkpoint.origin:
            raise _false(f"origin {quote(key.name)}, as the verifier key", quote(checkpoint.origin))
        _check_line(note, checkpoint, key)
    return checkpoint


def _check_line(note: Note, checkpoint: Checkpoint, key: VerifierKey) -> None:
    step = "checkpoint signature"
    lines = [s for s in note.signatures if s.name == key.name and s.key_id == key.key_id]
    wanted = f"one {key.type_name} line of key {key.key_id.hex()}"
    if len(lines) != 1:
        raise NotVerified(step, wanted, f"{len(lines)} lines")
    signature = lines[0].signature
    try:
        if key.type == ED25519:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, note.text.encode())
        else:
            seconds, signature = signature[:8], signature[8:]
            if int.from_bytes(seconds, "big") >= _MAX_SECONDS:
                raise ValueError("seconds of 2^53 or more")
            message = _subtree_message(key.name, seconds, checkpoint)
            MLDSA44PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NotVerified(step, wanted, "a signature that does not verify") from None


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
