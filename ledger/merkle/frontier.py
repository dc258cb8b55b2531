"""The right edge of an append-only tree: all that appending needs.

For every bit that is set in the size there is one full subtree, and the frontier holds its root: at
most 53 hashes. ``extend`` adds leaf hashes and hands out the hashes to append to the tiles of each
tile level (see ``ledger.merkle.tiles``). It hashes level by level over the whole run, in all about
once for each leaf.

    working = frontier.copy()              # a batch can still fail
    added = working.extend(leaf_hashes)    # added[0]: tile level 0, added[1]: tile level 1, ...
    ... store the tiles, sign working.root() ...
    frontier = working                     # only once everything is stored

Level L of ``added`` starts at hash number floor(old size / 256^L) of that level.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.merkle.hashing import EMPTY_ROOT, node_hash, parents
from ledger.merkle.tiles import TILE_HEIGHT, TileNodes, TileReader, as_nodes
from ledger.wire.ids import Hash, TreeSize


class Frontier:
    """An appendable tree without its inside. Owned by one thread."""

    __slots__ = ("_roots", "_size")

    def __init__(self) -> None:
        self._size = 0
        # _roots[h]: root of the full subtree of 2^h leaves; stale while bit h of the size is 0
        self._roots: list[Hash] = []

    @classmethod
    def from_tiles(cls, size: int, reader: TileReader | TileNodes) -> Frontier:
        """The frontier of the first ``size`` leaves."""
        nodes = as_nodes(reader)
        frontier = cls()
        frontier._size = size
        for height in range(size.bit_length()):
            is_set = size >> height & 1
            position = (size >> height) - 1
            frontier._roots.append(nodes.node(height, position, size) if is_set else EMPTY_ROOT)
        return frontier

    @property
    def size(self) -> TreeSize:
        """Number of leaves."""
        return TreeSize(self._size)

    def copy(self) -> Frontier:
        """An independent frontier of the same tree; drop it to abort what was appended to it."""
        twin = Frontier()
        twin._size = self._size
        twin._roots = self._roots.copy()
        return twin

    def append(self, leaf: Hash) -> list[list[Hash]]:
        """Add one leaf hash; returns what ``extend`` does."""
        return self.extend([leaf])

    def extend(self, leaves: Sequence[Hash]) -> list[list[Hash]]:
        """Add leaf hashes; returns the new hashes of each tile level, the leaves first."""
        return self.extend_rows(leaves)[::TILE_HEIGHT]

    def extend_rows(self, leaves: Sequence[Hash]) -> list[list[Hash]]:
        """Add leaf hashes; returns the new nodes of each height, height 0 (the leaves) first.

        Those of height h are the full subtrees from number floor(old size / 2^h) on. Every
        eighth height is a tile level; the others are inner nodes of tiles.
        """
        added: list[list[Hash]] = []
        nodes = list(leaves)
        height = 0
        while nodes:
            added.append(nodes)
            if self._size >> height & 1:
                nodes = [self._roots[height], *nodes]
            if len(nodes) % 2:
                self._keep(height, nodes[-1])
            nodes = parents(nodes)
            height += 1
        self._size += len(leaves)
        return added

    def root(self) -> Hash:
        """The RFC 6962 root of all leaves."""
        root: Hash | None = None
        for height in range(self._size.bit_length()):
            if self._size >> height & 1:
                left = self._roots[height]
                root = left if root is None else node_hash(left, root)
        return EMPTY_ROOT if root is None else root

    def _keep(self, height: int, node: Hash) -> None:
        missing = height + 1 - len(self._roots)
        if missing > 0:
            self._roots.extend([EMPTY_ROOT] * missing)
        self._roots[height] = node
