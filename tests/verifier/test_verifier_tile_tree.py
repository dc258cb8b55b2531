"""Roots and proofs out of tiles, against the definition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.formats import consistency, sha256, tile_path, tree_root
from tests.verifier.logmaker import Memory
from verifier.errors import NotVerified, Unreadable
from verifier.tiletree import TileTree

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


def test_tiles_that_are_wrong(large: dict[str, bytes]) -> None:
    root = tree_root(HASHES[:600])
    files = tiles(600)
    for path in files:
        damaged = files | {path: bytes(32) + files[path][32:]}
        with pytest.raises(NotVerified):
            TileTree(Memory(damaged), 600).proven_root(1, root)
        with pytest.raises(NotVerified):
            TileTree(Memory(files | {path: files[path][1:]}), 600).proven_root(1, root)
        with pytest.raises(Unreadable):
            TileTree(Memory({k: v for k, v in files.items() if k != path}), 600).proven_root(
                1, root
            )
