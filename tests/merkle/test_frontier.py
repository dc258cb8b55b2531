"""The frontier against the naive reference: roots, tile hashes, copies, restarts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_at, subtree_root
from ledger.wire.ids import Hash
from tests.merkle import reference


def hashes(start: int, end: int) -> list[Hash]:
    return [Hash(reference.leaf(index)) for index in range(start, end)]


def tile_hashes(size: int) -> list[list[bytes]]:
    """What every tile level holds for a tree of ``size`` leaves."""
    levels = []
    width = 1
    while size // width:
        count = size // width
        levels.append([reference.root(i * width, (i + 1) * width) for i in range(count)])
        width *= 256
    return levels


def test_hash_prefixes() -> None:
    assert leaf_hash(b"leaf 0") == reference.leaf(0)
    assert node_hash(reference.leaf(0), reference.leaf(1)) == reference.root(0, 2)


def test_every_size_to_300_has_the_reference_root() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT == subtree_root([])
    for size in range(1, 301):
        frontier.append(Hash(reference.leaf(size - 1)))
        assert frontier.size == size
        assert frontier.root() == reference.root(0, size) == subtree_root(hashes(0, size))


@given(st.lists(st.integers(0, 700), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_runs_give_the_same_tree_and_tiles(runs: list[int]) -> None:
    frontier = Frontier()
    levels: list[list[Hash]] = [[], []]
    for run in runs:
        start = frontier.size
        added = frontier.extend(hashes(start, start + run))
        for level, new in enumerate(added):
            assert len(levels[level]) == start >> (8 * level)
            levels[level] += new
    size = sum(runs)
    assert frontier.size == size
    assert frontier.root() == reference.root(0, size)
    assert [level for level in levels if level] == tile_hashes(size)


def test_tile_level_two_appears_at_65_536_leaves() -> None:
    leaves = [Hash(index.to_bytes(32, "big")) for index in range(65_537)]
    frontier = Frontier()
    added = frontier.extend(leaves[:65_535])
    assert [len(level) for level in added] == [65_535, 255]
    added = frontier.extend(leaves[65_535:])
    assert [len(level) for level in added] == [2, 1, 1]
    assert added[2] == [subtree_root(leaves[:65_536])]
    assert frontier.root() == node_hash(added[2][0], leaves[65_536])


def test_a_copy_is_independent() -> None:
    frontier = Frontier()
    frontier.extend(hashes(0, 77))
    working = frontier.copy()
    working.extend(hashes(77, 400))
    assert (frontier.size, frontier.root()) == (77, reference.root(0, 77))
    assert (working.size, working.root()) == (400, reference.root(0, 400))
    frontier.extend(hashes(77, 400))
    assert frontier.root() == working.root()


def test_the_caller_s_list_stays_as_it_was() -> None:
    frontier = Frontier()
    leaves = hashes(0, 3)
    added = frontier.extend(leaves)
    leaves.clear()
    assert len(added[0]) == 3


@given(st.integers(0, 1200), st.integers(0, 600))
@settings(max_examples=40, deadline=None)
def test_from_tiles_goes_on_like_the_original(size: int, more: int) -> None:
    tiles = reference.Tiles()
    frontier = Frontier()
    tiles.store(0, [list(level) for level in frontier.extend(hashes(0, size))])
    again = Frontier.from_tiles(size, tiles)
    assert again.root() == frontier.root() == root_at(size, tiles)
    fresh = hashes(size, size + more)
    assert again.extend(fresh) == frontier.extend(fresh)
    assert again.root() == frontier.root()
