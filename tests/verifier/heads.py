"""The heads index of a log that `logmaker` built, and epochs over it, from the specification."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.verifier.formats import EPOCH, Signer, leaf_hash, sha256, tree_root

if TYPE_CHECKING:
    from tests.verifier.logmaker import Log

PAGE_ROWS = 16


class Run(NamedTuple):
    to: int
    rows: list[bytes]

    @property
    def pages(self) -> list[bytes]:
        starts = range(0, len(self.rows), PAGE_ROWS)
        return [b"".join(self.rows[at : at + PAGE_ROWS]) for at in starts]

    @property
    def page_hashes(self) -> list[bytes]:
        return [sha256(b"\x00counterfoil/heads/page/v1" + page) for page in self.pages]

    @property
    def described(self) -> bytes:
        """As an epoch lists it."""
        return struct.pack(">QQ32s", self.to, len(self.rows), tree_root(self.page_hashes))


def claim_of(leaf: bytes) -> bytes:
    """The claim in a leaf, with its body."""
    if leaf[0] & 0x7F == 2:
        return leaf[69:]
    payload = 57 + 2 + 2 + leaf[57 + 3] + 1
    width = {0x58: 1, 0x59: 2}[leaf[payload]]
    start = payload + 1 + width
    return leaf[start : start + int.from_bytes(leaf[payload + 1 : start], "big")]


def chain_of(leaf: bytes) -> bytes:
    return claim_of(leaf)[34:50]


def blinded(log: Log, chain: bytes) -> bytes:
    return sha256(b"counterfoil/heads/v1" + log.id + chain)[:16]


def row(log: Log, index: int) -> bytes:
    """Of the chain whose head stands at this index."""
    leaf = log.leaves[index]
    chain, count = chain_of(leaf), int.from_bytes(leaf[1:9], "big") + 1
    head = chain + struct.pack(">QQ", count, index) + leaf_hash(leaf)
    return blinded(log, chain) + sha256(b"counterfoil/heads/head/v1" + head)


def run(log: Log, start: int, to: int) -> Run:
    heads = {chain_of(log.leaves[index]): index for index in range(start, to)}
    return Run(to, sorted(row(log, index) for index in heads.values()))


def ends(covered: int) -> list[int]:
    """The fewest runs that partition the leaves below."""
    found, at = [], 0
    while at < covered:
        width = 4096
        while at % (width * 16) == 0 and at + width * 16 <= covered:
            width *= 16
        at = min(at + width, covered)
        found.append(at)
    return found


def runs(log: Log, to: Sequence[int]) -> list[Run]:
    return [run(log, start, end) for start, end in zip([0, *to], to, strict=False)]


def add_epoch(
    log: Log,
    to: Sequence[int] | None = None,
    edit: Callable[[list[Run]], list[Run]] = lambda runs: runs,
    **change: Any,
) -> int:
    """An epoch over the runs that end there, over all leaves by default. `edit` changes the runs
    before they are described.
    """
    listed = edit(runs(log, ends(len(log.leaves)) if to is None else to))
    change.setdefault("body", b"".join(one.described for one in listed))
    chain = change.pop("chain", log.derived("epoch", log.chain))
    return log.add(EPOCH, chain, change.pop("by", Signer(log.chain, log.log_key)), **change)
