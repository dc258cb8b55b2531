"""Does one signed state of a log continue another? If not, the two notes convict the log's keys.

Two checkpoints of one size must have one root. For two sizes the tiles of the larger tree show what
its root was at the smaller size; they count only when they lead to the larger one's signed root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.errors import NotVerified, Unreadable, quote
from verifier.evidence.container import MAGIC, parse_evidence
from verifier.formats.checkpoint import Checkpoint, Opened, open_under
from verifier.formats.merkle import EMPTY_ROOT, check_consistency
from verifier.formats.note import decode_base64
from verifier.formats.policy import Policy
from verifier.formats.tiles import Source
from verifier.proof import PROOF_HEADER, parse_proof
from verifier.states.tiletree import TileTree

_MAX_HASHES = 63
MAX_HASH_FILE_BYTES = _MAX_HASHES * 45


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that verified, and its note."""

    note: bytes
    opened: Opened

    @property
    def checkpoint(self) -> Checkpoint:
        return self.opened.checkpoint


class Forked(NotVerified):
    """Two states of one log, both signed, that cannot both be true."""

    def __init__(self, first: Signed, second: Signed, expected: bytes, found: bytes) -> None:
        size = first.checkpoint.size
        super().__init__(
            "split view", f"one root at size {size}, {expected.hex()}", f"another, {found.hex()}"
        )
        self.first = first
        self.second = second


def open_signed(note: bytes, policy: Policy) -> Signed:
    return Signed(note, open_under(note, policy))


def checkpoint_in(raw: bytes) -> bytes:
    """The checkpoint that somebody kept: as such, in a receipt or proof, or in an evidence file."""
    if raw.startswith(PROOF_HEADER.encode()):
        return parse_proof(raw).checkpoint
    if raw.startswith(MAGIC):
        return parse_evidence(raw).checkpoint
    return raw


def check_continues(old: Signed, new: Signed, tiles: Source | None) -> None:
    """`tiles` are those of the newer one. Raises Forked, or NotVerified where tiles are wrong."""
    before, after = old.checkpoint, new.checkpoint
    if before.size > after.size:
        raise NotVerified("consistency", f"a size of at least {before.size}", str(after.size))
    if before.size == after.size:
        found = after.root
    elif before.size == 0:
        found = EMPTY_ROOT
    elif tiles is None:
        raise Unreadable(
            f"nothing here leads from size {before.size} to {after.size}",
            "give the tiles of the larger one with --source",
        )
    else:
        found = TileTree(tiles, after.size).proven_root(before.size, after.root)
    if found != before.root:
        raise Forked(old, new, before.root, found)


def check_hashes(old: Signed, new: Signed, hashes: Sequence[bytes]) -> None:
    """The same, with a proof that somebody made."""
    before, after = old.checkpoint, new.checkpoint
    if before.size == 0 or before.size == after.size:
        check_continues(old, new, None)
    else:
        check_consistency(before.size, before.root, after.size, after.root, hashes)


def parse_hashes(raw: bytes) -> list[bytes]:
    """A proof as text: one hash in base64 on each line."""
    try:
        lines = raw.decode("ascii").split("\n")
        if lines.pop() or len(lines) > _MAX_HASHES:
            raise ValueError("not ended, or too long")
        hashes = [decode_base64(line) for line in lines]
    except ValueError:
        raise _bad_hashes(raw) from None
    if any(len(item) != 32 for item in hashes):
        raise _bad_hashes(raw)
    return hashes


def _bad_hashes(raw: bytes) -> NotVerified:
    return NotVerified(
        "consistency",
        f"at most {_MAX_HASHES} lines, a hash in base64 on each",
        quote(raw[:40].decode("ascii", "replace")),
    )
