"""A batch: one signature for the members that follow it directly.

A batch leaf at index b with count n and root r is followed by exactly n leaves of version 2, at
b+1 … b+n, with batch index b and positions 0 … n-1, of the batch's member kind, author and time,
and r = RFC 6962 root over SHA-256(00 | "counterfoil/batch-member/v1" | claim). No checkpoint falls
between.

Members are taken in groups that are alike, and a log is read in spans: what a span's first leaves,
its *lead*, belong to is known when the span before has been read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from verifier.errors import NotVerified
from verifier.formats.bodies import MAX_MEMBERS, Batch
from verifier.formats.claim import KINDS, Claim
from verifier.formats.leaf import Membership
from verifier.formats.merkle import root

_PREFIX = b"\x00counterfoil/batch-member/v1"


@dataclass(slots=True)
class Members:
    """Members that follow each other, with one batch index, author, kind and time."""

    first: int
    batch_index: int
    position: int
    received_ms: int
    kind: int
    author: bytes
    hashes: list[bytes] = field(default_factory=list)

    def takes(self, member: Membership, claim: Claim, received_ms: int) -> bool:
        return (
            member.batch_index == self.batch_index
            and member.position == self.position + len(self.hashes)
            and received_ms == self.received_ms
            and claim.kind == self.kind
            and claim.author == self.author
        )


@dataclass(slots=True)
class Opened:
    """A batch whose members are being read."""

    index: int
    author: bytes
    received_ms: int
    batch: Batch
    hashes: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Lead:
    """The members that a span begins with."""

    groups: list[Members] = field(default_factory=list)
    ended_at: int | None = None
    """The leaf behind them, None where the span holds nothing else."""


def member_hash(claim_bytes: bytes) -> bytes:
    return sha256(_PREFIX + claim_bytes).digest()


class Batches:
    """Checks batches as their leaves come, in order."""

    def __init__(self, report: Callable[[NotVerified], None]) -> None:
        self.opened: Opened | None = None
        self._report = report
        self._reported_to = -1
        """Last index of what was already reported broken."""

    def start(self, index: int, author: bytes, received_ms: int, batch: Batch) -> None:
        self.opened = Opened(index, author, received_ms, batch)

    def resume(self, opened: Opened | None) -> None:
        """Behind what was read elsewhere."""
        self.opened = opened

    def unreadable(self, index: int) -> None:
        """A leaf that may have been anything, and is reported as such."""
        self.not_a_member(index)
        self._reported_to = index + MAX_MEMBERS

    def not_a_member(self, index: int) -> None:
        opened = self.opened
        if opened is not None:
            self._break(
                opened,
                f"member {len(opened.hashes)} of {opened.batch.count} of the batch at leaf "
                f"{opened.index}",
                "a leaf that is none",
                index,
            )

    def members(self, group: Members) -> None:
        opened = self.opened
        if opened is None:
            self._lone(group.first, len(group.hashes))
            return
        position = len(opened.hashes)
        if group.batch_index != opened.index or group.position != position:
            self._break(
                opened,
                f"position {position} of batch {opened.index}",
                f"position {group.position} of batch {group.batch_index}",
                group.first,
            )
            return
        taken = min(opened.batch.count - position, len(group.hashes))
        opened.hashes += group.hashes[:taken]
        self._check_alike(opened, group)
        if len(opened.hashes) == opened.batch.count:
            self._close(opened)
            if taken < len(group.hashes):
                self._lone(group.first + taken, len(group.hashes) - taken)

    def end(self, size: int) -> None:
        """The checkpoint's size must not lie inside a batch."""
        if self.opened is not None:
            try:
                check_outside(self.opened.index, self.opened.batch.count, size)
            except NotVerified as error:
                self._report(error)

    def _close(self, opened: Opened) -> None:
        self.opened = None
        found = root(opened.hashes)
        if found != opened.batch.root:
            self._false(f"member root {opened.batch.root.hex()}", found.hex(), opened.index)

    def _check_alike(self, opened: Opened, group: Members) -> None:
        batch, index = opened.batch, group.first
        if group.received_ms != opened.received_ms:
            self._false(f"received at {opened.received_ms}", str(group.received_ms), index)
        if group.kind != batch.member_kind:
            wanted = f"kind {KINDS[batch.member_kind].name}"
            self._false(wanted, KINDS[group.kind].name, index)
        if group.author != opened.author:
            self._false(f"author {opened.author.hex()}", group.author.hex(), index)

    def _lone(self, index: int, count: int) -> None:
        if index > self._reported_to:
            self._false("a batch that this member follows", "none", index)
        self._reported_to = max(self._reported_to, index + count)

    def _break(self, opened: Opened, expected: str, found: str, index: int) -> None:
        self.opened = None
        self._reported_to = opened.index + opened.batch.count
        self._false(expected, found, index)

    def _false(self, expected: str, found: str, index: int) -> None:
        self._report(NotVerified("batch", expected, found, index))


def join_lead(
    opened: Opened | None, lead: Lead, report: Callable[[NotVerified], None]
) -> Opened | None:
    """The lead of a span, behind what the span before left open. Returns what is still open."""
    batches = Batches(report)
    batches.resume(opened)
    for group in lead.groups:
        batches.members(group)
    if lead.ended_at is not None:
        batches.not_a_member(lead.ended_at)
    return batches.opened


def check_outside(batch_index: int, count: int, size: int) -> None:
    """A checkpoint of this size must not lie inside the batch."""
    if batch_index < size <= batch_index + count:
        raise NotVerified(
            "batch", f"a checkpoint size over {batch_index + count}", str(size), batch_index
        )
