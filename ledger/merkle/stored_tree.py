"""A tree that is written once, with all its full nodes in a row: every proof out of a file, and
nothing hashed again but at a cut right edge.

    rows    height 0 (the leaf hashes), height 1, … each with the roots of its full subtrees only

``ledger.merkle.proofs`` takes it in place of tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from mmap import mmap

from ledger.merkle.hashing import parents
from ledger.merkle.tiles import root_over
from ledger.wire.ids import HASH_SIZE, Hash


def stored_tree(leaves: Sequence[Hash]) -> bytes:
    """The rows over these leaf hashes, joined."""
    rows = []
    row: Sequence[Hash] = leaves
    while row:
        rows.append(b"".join(row))
        row = parents(row)
    return b"".join(rows)


def stored_tree_size(leaves: int) -> int:
    """Bytes of the rows over so many leaves."""
    return sum(leaves >> height for height in range(leaves.bit_length())) * HASH_SIZE


class StoredTree:
    """The nodes of a tree of ``size`` leaves, whose rows begin at ``offset`` of ``data``."""

    __slots__ = ("_data", "_rows", "size")

    def __init__(self, data: bytes | mmap, offset: int, size: int) -> None:
        self._data = data
        self.size = size
        self._rows: list[int] = []
        for height in range(size.bit_length()):
            self._rows.append(offset)
            offset += (size >> height) * HASH_SIZE

    def root(self) -> Hash:
        """The RFC 6962 root."""
        return self.node(self.size.bit_length(), 0, self.size)

    def node(self, height: int, position: int, size: int) -> Hash:
        """See ``Nodes``; ``size`` is the tree's own."""
        start = position << height
        if start + (1 << height) <= size:
            return self._full(height, position)
        return root_over(start, size, self._full)

    def _full(self, height: int, position: int) -> Hash:
        at = self._rows[height] + position * HASH_SIZE
        return Hash(self._data[at : at + HASH_SIZE])
