"""What is kept of each leaf of a span, in columns, and how its chains run through it.

Each leaf continues the leaf before it on its chain, where that is here. What is left of a chain is
its *segment*: where it enters the span and where it leaves it. What needs more than the span is in
`chains`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable

from verifier.audit.spans import AUTHOR, CROSSES, SEGMENT, kind_of, kinds_bit
from verifier.errors import NotVerified
from verifier.formats.leaf import Leaf
from verifier.rules.chainrules import Last, Link, check_link

_NO_CHAIN, _NO_HASH = bytes(16), bytes(32)


class Columns:
    def __init__(self, first: int, report: Callable[[NotVerified, int], None]) -> None:
        self.first = first
        self.hashes: list[bytes] = []
        """Of whole bundles: ahead of the other columns."""
        self.chains: list[bytes] = []
        self.seqs: list[int] = []
        self.prev_hashes: list[bytes] = []
        self.prev_indexes: list[int] = []
        self.codes = bytearray()
        self.authors: list[bytes] = []
        self.ids: list[bytes] = []
        self.entered: dict[bytes, int] = {}
        """By chain: its first leaf here, as an offset."""
        self.left: dict[bytes, int] = {}
        """By chain: its last leaf here."""
        self.later_kinds: dict[bytes, int] = {}
        """By chain: kinds of its leaves behind the first: see `kinds_bit`."""
        self._crossing: set[int] = set()
        self._report = report

    def add(self, leaf: Leaf, code: int) -> None:
        """The chain moves on also when the leaf is false, so that one lie is reported once."""
        at, claim = len(self.chains), leaf.claim
        chain = claim.chain
        before = self.left.get(chain)
        if before is None:
            self.entered[chain] = at
            if leaf.crosses:
                self._crossing.add(at)
        else:
            self._check_link(at, before, leaf)
            self.later_kinds[chain] = self.later_kinds.get(chain, 0) | kinds_bit(code)
        self.left[chain] = at
        self._put(chain, leaf.seq, leaf.prev_hash, leaf.prev_index, code)
        self.authors.append(claim.author)
        index = self.first + at
        self.ids.append(claim.author + claim.entry_id + index.to_bytes(8, "big"))

    def skip(self) -> None:
        """A leaf that cannot be read."""
        self._put(_NO_CHAIN, 0, _NO_HASH, 0, 0)
        self.authors.append(_NO_CHAIN)

    def author(self, at: int) -> bytes:
        return self.authors[at]

    def _put(self, chain: bytes, seq: int, prev_hash: bytes, prev_index: int, code: int) -> None:
        self.chains.append(chain)
        self.seqs.append(seq)
        self.prev_hashes.append(prev_hash)
        self.prev_indexes.append(prev_index)
        self.codes.append(code)

    def _check_link(self, at: int, before: int, leaf: Leaf) -> None:
        link = Link(leaf.crosses, leaf.seq, leaf.prev_hash, leaf.prev_index)
        last = Last(self.seqs[before], self.hashes[before], self.first + before)
        try:
            check_link(leaf.claim.chain, link, last, in_this_log=True)
        except NotVerified as error:
            self._report(error, self.first + at)

    def segment_rows(
        self, key_of: Callable[[bytes], bytes], flags_of: Callable[[bytes, int], int]
    ) -> list[bytes]:
        """`flags_of`: those that need a chain's first leaf, named by its offset."""
        rows = []
        first, pack, later = self.first, SEGMENT.pack, self.later_kinds.get
        seqs, codes, hashes = self.seqs, self.codes, self.hashes
        prev_hashes, prev_indexes, left = self.prev_hashes, self.prev_indexes, self.left
        for chain, at in self.entered.items():
            end = left[chain]
            flags = flags_of(chain, at) | (CROSSES if at in self._crossing else 0)
            row = (
                key_of(chain), chain, first + at, seqs[at], prev_hashes[at], prev_indexes[at],
                codes[at], flags, later(chain, 0), first + end, seqs[end], hashes[end],
            )  # fmt: skip
            rows.append(pack(*row))
        return rows

    def kinds(self) -> Counter[int]:
        counted: Counter[int] = Counter()
        for code, count in Counter(self.codes).items():
            if code:
                counted[kind_of(code)] += count
        return counted

    def sections(self) -> dict[str, bytes]:
        """Those that say the same of each leaf."""
        seqs = array("Q", self.seqs)
        seqs.byteswap()
        authors = Counter(self.authors)
        del authors[_NO_CHAIN]
        return {
            "hashes": b"".join(self.hashes),
            "chains": b"".join(self.chains),
            "seqs": seqs.tobytes(),
            "codes": bytes(self.codes),
            "authors": b"".join([AUTHOR.pack(*row) for row in authors.items()]),
        }
