"""One entry's proof (c2sp.org/tlog-proof), checked against a checkpoint.

    c2sp.org/tlog-proof@v1
    extra <base64>            optional, unauthenticated; in a receipt: the leaf
    index <n>
    <base64 hash>             from leaf to root, at most 63
                              an empty line
    <checkpoint, verbatim>

1. checkpoint: the note, and a valid line of every pinned key
2. inclusion of the leaf at `index`
3. leaf, statement and claim layout, and what index and arrival say about them

A single proof carries neither the registry nor the chain, so the author's key and signature stay
unchecked (but for a log's first leaf, which brings its own). For an entry of a log that another
took over from, a succession file stands in for the old keys: see `succession`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.errors import NotVerified, Problem, quote
from verifier.formats.actors import parse_actor
from verifier.formats.bodies import Predecessor, parse_batch, parse_trust
from verifier.formats.checkpoint import Checkpoint, Opened, open_under
from verifier.formats.claim import (
    ACTOR,
    BATCH,
    ERASURE,
    GENESIS,
    SUCCESSION,
    TRUST,
    check_times,
)
from verifier.formats.erasure import parse_erasure
from verifier.formats.keys import verifies
from verifier.formats.leaf import MAX_LEAF_BYTES, Leaf, check_position, parse_leaf
from verifier.formats.merkle import check_inclusion, leaf_hash
from verifier.formats.note import MAX_NOTE_BYTES, VerifierKey, decode_base64
from verifier.formats.policy import Policy
from verifier.formats.succession import Seam, parse_succession_file
from verifier.rules.batches import check_outside
from verifier.rules.founding import open_genesis, parse_founding

MAX_PROOF_BYTES = MAX_NOTE_BYTES + 91_000
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_MAX_HASHES = 53


@dataclass(frozen=True, slots=True)
class Proof:
    extra: bytes | None
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


class Succeeded(NamedTuple):
    """A log that took over: what its first leaf says about the one before is believed."""

    checkpoint: Checkpoint
    log_id: bytes
    predecessor: Predecessor


@dataclass(slots=True)
class ProofReport:
    opened: Opened | None = None
    """What the policy's keys signed: the checkpoint, or that of the log that took over last."""
    checkpoint: Checkpoint | None = None
    index: int | None = None
    leaf_hash: bytes | None = None
    leaf: Leaf | None = None
    successions: list[Succeeded] = field(default_factory=list)
    """From the log whose keys were pinned to the one that the entry is in."""
    problems: list[Problem] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        return not self.problems


def parse_proof(raw: bytes) -> Proof:
    if len(raw) > MAX_PROOF_BYTES:
        raise _false(f"at most {MAX_PROOF_BYTES} bytes", "more")
    top, empty_line, checkpoint = raw.partition(b"\n\n")
    try:
        lines = top.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _false("ASCII before the checkpoint", "other bytes") from None
    if not empty_line:
        raise _false("an empty line before the checkpoint", "none")
    if lines.pop(0) != PROOF_HEADER:
        raise _false(f"the line {PROOF_HEADER}", quote(raw[:40].decode("ascii", "replace")))
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _base64(lines.pop(0).removeprefix("extra "))
        if not 0 < len(extra) <= MAX_LEAF_BYTES:
            raise _false(f"1 to {MAX_LEAF_BYTES} bytes of extra data", f"{len(extra)} bytes")
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None:
        raise _false("a line 'index <n>'", "none")
    if len(lines) > _MAX_HASHES:
        raise _false(f"at most {_MAX_HASHES} hashes", str(len(lines)))
    hashes = tuple(_base64(line) for line in lines)
    if any(len(item) != 32 for item in hashes):
        raise _false("hashes of 32 bytes", "another length")
    return Proof(extra, int(index[1]), hashes, checkpoint)


def check_proof(
    raw: bytes,
    policy: Policy,
    entry: bytes | None = None,
    successions: Sequence[bytes] = (),
) -> ProofReport:
    """Check the proof for `entry`, or for the leaf that it carries itself. Does not raise.

    `successions` are files that lead from the log of the policy back to that of the proof.
    """
    report = ProofReport()
    try:
        anchor: Policy | Seam = policy
        for file in successions:
            anchor = _take_over(file, anchor, report)
        _check(raw, anchor, entry, report)
    except NotVerified as error:
        problem = error.problem
        report.problems.append(problem if report.index is None else error.at(report.index))
    return report


def _take_over(file: bytes, anchor: Policy | Seam, report: ProofReport) -> Seam:
    taken = parse_succession_file(file)
    first = ProofReport()
    try:
        _check(taken.receipt, anchor, None, first)
    except NotVerified as error:
        problem = error.problem
        raise NotVerified(f"succession {problem.step}", problem.expected, problem.found) from None
    report.opened = report.opened or first.opened
    leaf, checkpoint, log = first.leaf, first.checkpoint, first.leaf_hash
    before = None
    if leaf is not None and leaf.claim.kind == SUCCESSION:
        before = parse_founding(leaf).predecessor
    if before is None or checkpoint is None or log is None:
        raise NotVerified("succession", "the receipt of a succession", "another leaf's")
    report.successions.append(Succeeded(checkpoint, log, before))
    return Seam(before, taken.old_size, taken.hashes)


def _check(raw: bytes, anchor: Policy | Seam, entry: bytes | None, report: ProofReport) -> None:
    proof = parse_proof(raw)
    if isinstance(anchor, Policy):
        report.opened = open_under(proof.checkpoint, anchor)
        checkpoint = report.opened.checkpoint
    else:
        checkpoint = anchor.open(proof.checkpoint)
    report.checkpoint = checkpoint
    index = report.index = proof.index
    if entry is None:
        if proof.extra is None:
            raise _false("the leaf in an extra line, or given apart", "neither")
        entry = proof.extra
    hashed = report.leaf_hash = leaf_hash(entry)
    check_inclusion(index, checkpoint.size, hashed, proof.hashes, checkpoint.root)
    leaf = report.leaf = parse_leaf(entry)
    check_position(index, leaf)
    check_times(leaf.claim, leaf.received_ms)
    if isinstance(anchor, Policy):
        _check_content(index, leaf, checkpoint, anchor.log_keys)
    else:
        _check_content(index, leaf, checkpoint, ())
        log = anchor.predecessor.log
        if (leaf.claim.log if index else hashed) != log:
            raise NotVerified("log", f"{log.hex()}, which the succession names", "another")
    report.not_checked += _not_checked(leaf, isinstance(anchor, Seam))


def _check_content(
    index: int, leaf: Leaf, checkpoint: Checkpoint, keys: Sequence[VerifierKey]
) -> None:
    kind, statement = leaf.claim.kind, leaf.statement
    if kind == BATCH:
        check_outside(index, parse_batch(leaf.body).count, checkpoint.size)
    elif kind in _BODIES:
        _BODIES[kind](leaf.body)
    elif kind in (GENESIS, SUCCESSION) and statement is not None:
        governors = open_genesis(leaf, checkpoint.origin, keys).governors
        key = governors.members[0].key
        if statement.kid != key.kid:
            raise NotVerified("key", "the first governor's key", f"kid {statement.kid.hex()}")
        if not verifies(key.load(), statement.signature, statement.signed):
            raise NotVerified("signature", "the governor's signature", "one that does not verify")


_BODIES: dict[int, Callable[[bytes], object]] = {
    ACTOR: parse_actor,
    ERASURE: parse_erasure,
    TRUST: parse_trust,
}


def _not_checked(leaf: Leaf, is_old: bool) -> list[str]:
    unchecked = []
    if is_old:
        unchecked = [
            "the signatures on the old checkpoint: the succession speaks for it",
            "the old governors' approvals of the succession: they need the old log",
            "whether the old log went on behind the size where it was taken over",
        ]
    elif leaf.claim.kind == SUCCESSION:
        unchecked = ["the log before it: its end, and its governors' approvals"]
    if leaf.claim.kind in (GENESIS, SUCCESSION):
        return unchecked
    if leaf.member is not None:
        signed = "the author's signature: it stands on the batch, another leaf"
    else:
        signed = "the author's key, its revocation and signature: the registry is in other leaves"
    unchecked += [
        signed,
        "the chain: that the previous leaf is in the log and no leaf is left out",
    ]
    if not is_old:
        unchecked.append("the log id in the claim: the genesis is another leaf")
    return [*unchecked, "the entry id: that the author used it once"]


def _base64(line: str) -> bytes:
    try:
        return decode_base64(line)
    except ValueError:
        raise _false("canonical base64", quote(line)) from None


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("proof", expected, found)
