"""Proof files (c2sp.org/tlog-proof): an inclusion proof together with its checkpoint.

    c2sp.org/tlog-proof@v1
    extra aGVsbG8=                                      <- optional; not authenticated
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        <- 0 to 53 hashes, from the leaf up
                                                        <- empty line
    example.com/log ...                                 <- the checkpoint: a note, verbatim

Each line ends in 0A. Index: decimal, below 2^53. Extra: 1 to 65,535 bytes. File name:
``*.tlog-proof``.

To verify: open the checkpoint (``open_checkpoint``), then check the hashes from the leaf hash at
``index`` to the checkpoint's root (``check_inclusion``). Parsing alone verifies nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.ids import Hash, LeafIndex
from ledger.wire.lines import decode_base64, decode_hash, encode_base64, parse_decimal
from ledger.wire.note import MAX_NOTE_SIZE, parse_note

MAX_HASHES: Final = 53
"""No tree of fewer than 2^53 leaves needs more."""
MAX_EXTRA_SIZE: Final = 65_535
"""What a leaf may have."""

_HEADER: Final = b"c2sp.org/tlog-proof@v1"
# Base64 of the extra bytes and of the hashes, the words, the index: below 91,000 bytes.
_MAX_SIZE: Final = MAX_NOTE_SIZE + 91_000


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof file taken apart. ``checkpoint`` is the whole note; ``extra`` is not proved."""

    index: LeafIndex
    hashes: tuple[Hash, ...]
    checkpoint: bytes
    extra: bytes = b""


def render_proof(proof: TlogProof) -> bytes:
    """The bytes of a proof file."""
    if len(proof.hashes) > MAX_HASHES or len(proof.extra) > MAX_EXTRA_SIZE:
        raise BadRequest("a proof is too large for a proof file")
    lines = [_HEADER]
    if proof.extra:
        lines.append(b"extra " + encode_base64(proof.extra))
    lines.append(b"index %d" % proof.index)
    lines += [encode_base64(value) for value in proof.hashes]
    lines += [b"", proof.checkpoint]
    return b"\n".join(lines)


def parse_proof(data: bytes) -> TlogProof:
    """Take a proof file apart; its checkpoint must be well formed, too."""
    if len(data) > _MAX_SIZE:
        raise BadRequest(f"a proof file is larger than {_MAX_SIZE} bytes")
    head, empty_line, checkpoint = data.partition(b"\n\n")
    if not empty_line:
        raise BadRequest("a proof file has no empty line before its checkpoint")
    lines = head.split(b"\n")
    if lines.pop(0) != _HEADER:
        raise BadRequest("not a proof file: the first line is not c2sp.org/tlog-proof@v1")
    extra = _parse_extra(lines.pop(0)) if lines and lines[0].startswith(b"extra ") else b""
    if not lines or not lines[0].startswith(b"index "):
        raise BadRequest("a proof file has no index line")
    index = parse_decimal(lines.pop(0).removeprefix(b"index "), "index")
    if len(lines) > MAX_HASHES:
        raise BadRequest(f"a proof file has more than {MAX_HASHES} hashes")
    hashes = tuple(decode_hash(line, "proof hash") for line in lines)
    parse_checkpoint(parse_note(checkpoint).text)
    return TlogProof(LeafIndex(index), hashes, checkpoint, extra)


def _parse_extra(line: bytes) -> bytes:
    extra = decode_base64(line.removeprefix(b"extra "), "extra")
    if not 1 <= len(extra) <= MAX_EXTRA_SIZE:
        raise BadRequest(f"extra data does not have 1 to {MAX_EXTRA_SIZE} bytes")
    return extra
