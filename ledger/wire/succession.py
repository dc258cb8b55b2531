"""Succession files: what lets an old log's receipt be checked with the newest log's keys.

    counterfoil/succession@v1
    old 53                                              <- size of the old receipt's checkpoint
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        <- 0 to 63 hashes: consistency proof to
                                                           the size at which the old log ended
                                                        <- empty line
    c2sp.org/tlog-proof@v1 ...                          <- receipt of the new log's first leaf

Specification: docs/spec/succession.md. File name: ``*.succession``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.ids import Hash, TreeSize
from ledger.wire.lines import decode_hash, encode_base64, parse_decimal
from ledger.wire.receipt import Receipt, parse_receipt, render_receipt

MAX_HASHES: Final = 63
MAX_SIZE: Final = 1 << 20
_HEADER: Final = b"counterfoil/succession@v1"


@dataclass(frozen=True, slots=True)
class SuccessionProof:
    """A succession file taken apart."""

    old_size: TreeSize
    hashes: tuple[Hash, ...]
    receipt: Receipt


def render_succession(proof: SuccessionProof) -> bytes:
    """The bytes of a succession file."""
    lines = [_HEADER, b"old %d" % proof.old_size, *map(encode_base64, proof.hashes)]
    return b"\n".join([*lines, b"", render_receipt(proof.receipt)])


def parse_succession(data: bytes) -> SuccessionProof:
    """Take a succession file apart; this verifies nothing. Raises BadRequest."""
    if len(data) > MAX_SIZE:
        raise BadRequest(f"a succession file is larger than {MAX_SIZE} bytes")
    head, empty_line, receipt = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if lines.pop(0) != _HEADER or not empty_line:
        raise BadRequest(f"not a succession file: the first line is not {_HEADER.decode()}")
    if not lines or not lines[0].startswith(b"old "):
        raise BadRequest("a succession file has no line that names the old size")
    size = parse_decimal(lines.pop(0).removeprefix(b"old "), "old size")
    if len(lines) > MAX_HASHES:
        raise BadRequest(f"a succession file has more than {MAX_HASHES} hashes")
    hashes = tuple(decode_hash(line, "consistency hash") for line in lines)
    return SuccessionProof(TreeSize(size), hashes, parse_receipt(receipt))
