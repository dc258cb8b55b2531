"""Chains inside one span: each leaf continues the leaf before it on its chain, where that is here.

What is left of a chain is its *segment*: where it enters the span and where it leaves it. What
needs more than the span is in `chains`.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.audit.spans import CROSSES, SEGMENT, kinds_bit
from verifier.chainrules import Last, Link, check_link
from verifier.errors import NotVerified
from verifier.leaf import Leaf


class Segment:
    """A chain's leaves in this span."""

    __slots__ = (
        "author",
        "code",
        "first_index",
        "first_seq",
        "flags",
        "last_hash",
        "last_index",
        "last_seq",
        "later_kinds",
        "prev_hash",
        "prev_index",
    )  # fmt: skip

    def __init__(self, index: int, hashed: bytes, leaf: Leaf, code: int) -> None:
        self.first_index = self.last_index = index
        self.first_seq = self.last_seq = leaf.seq
        self.prev_hash = leaf.prev_hash
        self.prev_index = leaf.prev_index
        self.author = leaf.claim.author
        self.code = code
        self.flags = CROSSES if leaf.crosses else 0
        self.later_kinds = 0
        """A bit for each kind behind the first leaf: see `kinds_bit`."""
        self.last_hash = hashed

    def row(self, key: bytes, chain: bytes) -> bytes:
        return SEGMENT.pack(
            key,
            chain,
            self.first_index,
            self.first_seq,
            self.prev_hash,
            self.prev_index,
            self.code,
            self.flags,
            self.later_kinds,
            self.last_index,
            self.last_seq,
            self.last_hash,
        )


class Links:
    def __init__(self, report: Callable[[NotVerified, int], None]) -> None:
        self.segments: dict[bytes, Segment] = {}
        self._report = report

    def add(self, index: int, hashed: bytes, leaf: Leaf, code: int) -> None:
        """The chain moves on also when the leaf is false, so that one lie is reported once."""
        chain = leaf.claim.chain
        segment = self.segments.get(chain)
        if segment is None:
            self.segments[chain] = Segment(index, hashed, leaf, code)
            return
        if (
            leaf.prev_hash != segment.last_hash
            or leaf.seq != segment.last_seq + 1
            or leaf.prev_index != segment.last_index
            or leaf.crosses
        ):
            self._check(index, leaf, segment)
        segment.later_kinds |= kinds_bit(code)
        segment.last_seq = leaf.seq
        segment.last_hash = hashed
        segment.last_index = index

    def _check(self, index: int, leaf: Leaf, segment: Segment) -> None:
        link = Link(leaf.crosses, leaf.seq, leaf.prev_hash, leaf.prev_index)
        last = Last(segment.last_seq, segment.last_hash, segment.last_index)
        try:
            check_link(leaf.claim.chain, link, last, in_this_log=True)
        except NotVerified as error:
            self._report(error, index)
