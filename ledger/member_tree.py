"""The tree over a batch's members, as far as it is kept: one member's proof then takes eight
hashes, not those of 4,096.

    groups   of eight members each, the last the rest; the group's root is a node of the tree
    kept     the rows of a ``StoredTree`` over the roots of the groups
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ledger.merkle import StoredTree, stored_tree, stored_tree_size, subtree_root
from ledger.wire.ids import Hash

HEIGHT: Final = 3
GROUP: Final = 1 << HEIGHT


def member_tree(hashes: Sequence[Hash]) -> tuple[bytes, Hash]:
    """What is kept of the tree over member hashes, and its root."""
    groups = [subtree_root(hashes[at : at + GROUP]) for at in range(0, len(hashes), GROUP)]
    kept = stored_tree(groups)
    return kept, StoredTree(kept, 0, len(groups)).root()


class MemberNodes:
    """All nodes of a batch's tree, the lowest made again from the members of their group."""

    def __init__(self, kept: bytes, count: int, group: Callable[[int, int], list[Hash]]) -> None:
        """``group`` gives the member hashes of positions [start, stop)."""
        self._count = count
        self._groups = StoredTree(kept, 0, -(-count // GROUP))
        self._group = group
        self._known: dict[int, list[Hash]] = {}
        self.is_whole = len(kept) == stored_tree_size(self._groups.size)

    def node(self, height: int, position: int, size: int) -> Hash:
        """See ``ledger.merkle.Nodes``; ``size`` is the batch's count."""
        if height >= HEIGHT:
            return self._groups.node(height - HEIGHT, position, self._groups.size)
        at = (position << height) % GROUP
        return subtree_root(self.members(position << height >> HEIGHT)[at : at + (1 << height)])

    def members(self, number: int) -> list[Hash]:
        """The member hashes of a group."""
        if number not in self._known:
            start = number * GROUP
            self._known[number] = self._group(start, min(start + GROUP, self._count))
        return self._known[number]
