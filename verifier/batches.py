"""A batch: one signature for the members that follow it directly.

A batch leaf at index b with count n and root r is followed by exactly n leaves of version 2, at
b+1 … b+n, with batch index b and positions 0 … n-1, of the batch's member kind, author and time,
and r = RFC 6962 root over SHA-256(00 | "counterfoil/batch-member/v1" | claim). No checkpoint falls
between.
"""

from __future__ import annotations

from hashlib import sha256

from verifier.bodies import Batch
from verifier.claim import KINDS
from verifier.errors import NotVerified
from verifier.leaf import Leaf
from verifier.merkle import root

_PREFIX = b"\x00counterfoil/batch-member/v1"


def member_hash(claim: bytes) -> bytes:
    return sha256(_PREFIX + claim).digest()


class Batches:
    """The batch whose members are being read, if any."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        self._index = -1
        self._author = b""
        self._received_ms = 0
        self._members: list[bytes] = []
        self._reported_to = -1
        """Last index of a batch that was already reported broken."""

    def start(self, index: int, author: bytes, received_ms: int, batch: Batch) -> None:
        self._batch, self._index, self._author, self._members = batch, index, author, []
        self._received_ms = received_ms

    def not_a_member(self, index: int) -> None:
        """Called for a leaf that is no member, and for one that cannot be read."""
        batch, position = self._batch, len(self._members)
        if batch is not None:
            self._break(batch)
            raise NotVerified(
                "batch",
                f"member {position} of {batch.count} of the batch at leaf {self._index}",
                "a leaf that is none",
                index,
            )

    def member(self, index: int, leaf: Leaf) -> None:
        batch, member = self._batch, leaf.member
        if member is None:
            raise ValueError("not a member")
        if batch is None:
            if index > self._reported_to:
                raise NotVerified("batch", "a batch that this member follows", "none", index)
            return
        position = len(self._members)
        if member.batch_index != self._index or member.position != position:
            self._break(batch)
            raise NotVerified(
                "batch",
                f"position {position} of batch {self._index}",
                f"position {member.position} of batch {member.batch_index}",
                index,
            )
        self._members.append(member_hash(leaf.claim_bytes))
        if len(self._members) == batch.count:
            self._batch = None
            found = root(self._members)
            if found != batch.root:
                raise NotVerified(
                    "batch", f"member root {batch.root.hex()}", found.hex(), self._index
                )
        if leaf.received_ms != self._received_ms:
            raise NotVerified(
                "batch", f"received at {self._received_ms}", str(leaf.received_ms), index
            )
        if leaf.claim.kind != batch.member_kind:
            raise NotVerified(
                "batch", f"kind {KINDS[batch.member_kind].name}", KINDS[leaf.claim.kind].name, index
            )
        if leaf.claim.author != self._author:
            raise NotVerified(
                "batch", f"author {self._author.hex()}", leaf.claim.author.hex(), index
            )

    def end(self, size: int) -> None:
        """The checkpoint's size must not lie inside a batch."""
        if self._batch is not None:
            check_outside(self._index, self._batch.count, size)

    def _break(self, batch: Batch) -> None:
        self._batch = None
        self._reported_to = self._index + batch.count


def check_outside(batch_index: int, count: int, size: int) -> None:
    if batch_index < size <= batch_index + count:
        raise NotVerified(
            "batch", f"a checkpoint size over {batch_index + count}", str(size), batch_index
        )
