"""Roots and proofs out of tiles, against the definition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.formats import consistency, sha256, tile_path, tree_root
from tests.verifier.logmaker import Memory
from verifier.errors import NotVerified, Unreadable
from verifier.states.tiletree import TileTree

HASHES = [sha256(b"%d" % number) for number in range(66_000)]


def tiles(size: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    level, row = 0, HASHES[:size]
    while row:
        for start in range(0, len(row), 256):
            part = row[start : start + 256]
            files[tile_path(level, start // 256, len(part))] = b"".join(part)
        row = [tree_root(row[256 * at : 256 * at + 256]) for at in range(len(row) // 256)]
        level += 1
    return files


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_small_trees(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    old = data.draw(st.integers(1, size))
    tree = TileTree(Memory(tiles(size)), size)
    assert tree.root(old) == tree_root(HASHES[:old])
    assert tree.consistency(old) == consistency(old, HASHES[:size])
    assert tree.proven_root(old, tree_root(HASHES[:size])) == tree_root(HASHES[:old])


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    return tiles(len(HASHES))


@pytest.mark.parametrize("old", [1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000])
def test_three_levels(large: dict[str, bytes], old: int) -> None:
    tree = TileTree(Memory(large), len(HASHES))
    assert tree.proven_root(old, tree_root(HASHES)) == tree_root(HASHES[:old])


def test_a_full_tile_in_place_of_a_partial_one(large: dict[str, bytes]) -> None:
    files = {path: raw for path, raw in large.items() if "/" in path and ".p/" not in path}
    assert TileTree(Memory(files), 300).root(300) == tree_root(HASHES[:300])


NEEDED = {"tile/0/000": 1, "tile/0/001": 300, "tile/0/002.p/88": 1, "tile/1/000.p/2": 1}
"""Tiles of size 600, and an earlier size for which each is read."""


@pytest.mark.parametrize("path", NEEDED)
def test_tiles_that_are_wrong(path: str) -> None:
    files, root = tiles(600), tree_root(HASHES[:600])
    assert files.keys() == NEEDED.keys()
    fewer = {other: raw for other, raw in files.items() if other != path}
    for tree, error in (
        (files | {path: bytes(len(files[path]))}, NotVerified),
        (files | {path: files[path][1:]}, NotVerified),
        (fewer, Unreadable),
    ):
        with pytest.raises(error):
            TileTree(Memory(tree), 600).proven_root(NEEDED[path], root)
