"""What makes a receipt of an old log outlive its keys: a `*.succession` file.

    counterfoil/succession@v1
    old <n>
    <base64 hash>             consistency proof from size n to where the old log ends, at most 63
                              an empty line
    <receipt of leaf 0 of the log that took over>

The newer log's first leaf names the old log's size and root. A checkpoint of the old log that these
continue needs no signature any more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from verifier.errors import NotVerified, quote
from verifier.formats.bodies import Predecessor
from verifier.formats.checkpoint import Checkpoint, parse_checkpoint
from verifier.formats.merkle import check_consistency
from verifier.formats.note import decode_base64, parse_note

MAX_SUCCESSION_BYTES = 1_048_576
_HEADER = "counterfoil/succession@v1"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")
_MAX_HASHES = 63


class SuccessionFile(NamedTuple):
    old_size: int
    hashes: tuple[bytes, ...]
    receipt: bytes


class Seam(NamedTuple):
    """Where a log ended that another took over from, and how an older state of it leads there."""

    predecessor: Predecessor
    old_size: int
    hashes: tuple[bytes, ...]

    def open(self, note: bytes) -> Checkpoint:
        """The old checkpoint in a note, whose signatures are not looked at."""
        checkpoint = parse_checkpoint(parse_note(note).text)
        end = self.predecessor
        if checkpoint.origin != end.origin:
            raise _false(f"a checkpoint of {quote(end.origin)}", quote(checkpoint.origin))
        if checkpoint.size != self.old_size:
            raise _false(f"a checkpoint of size {self.old_size}", str(checkpoint.size))
        check_consistency(checkpoint.size, checkpoint.root, end.size, end.root, self.hashes)
        return checkpoint


def parse_succession_file(raw: bytes) -> SuccessionFile:
    if len(raw) > MAX_SUCCESSION_BYTES:
        raise _false(f"at most {MAX_SUCCESSION_BYTES} bytes", "more")
    top, empty_line, receipt = raw.partition(b"\n\n")
    try:
        lines = top.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _false("ASCII before the receipt", "other bytes") from None
    if not empty_line:
        raise _false("an empty line before the receipt", "none")
    if lines.pop(0) != _HEADER:
        raise _false(f"the line {_HEADER}", quote(raw[:40].decode("ascii", "replace")))
    old = _OLD.fullmatch(lines.pop(0)) if lines else None
    if old is None or int(old[1]) >= 2**53:
        raise _false("a line 'old <n>', n below 2^53", "none")
    if len(lines) > _MAX_HASHES:
        raise _false(f"at most {_MAX_HASHES} hashes", str(len(lines)))
    return SuccessionFile(int(old[1]), tuple(_hash(line) for line in lines), receipt)


def _hash(line: str) -> bytes:
    try:
        value = decode_base64(line)
    except ValueError:
        raise _false("canonical base64", quote(line)) from None
    if len(value) != 32:
        raise _false("hashes of 32 bytes", f"{len(value)} bytes")
    return value


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("succession", expected, found)
