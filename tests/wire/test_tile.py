"""Tile paths and entry bundles: the vectors, both ways, random bytes."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire.ids import MAX_INTEGER
from ledger.wire.tile import (
    Tile,
    decode_bundle,
    decode_tile,
    encode_bundle,
    parse_tile_path,
    tiles_of,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "tile.json").read_text())


@pytest.mark.parametrize("case", VECTORS["paths"], ids=lambda case: case["path"])
def test_paths(case: dict[str, Any]) -> None:
    tile = Tile(case["level"], case["index"], case["width"])
    assert tile.path() == case["path"]
    assert parse_tile_path(case["path"]) == tile


def test_the_specification_s_example() -> None:
    assert Tile(0, 1_234_067).path() == "tile/0/x001/x234/067"


@pytest.mark.parametrize("path", VECTORS["bad_paths"])
def test_bad_paths(path: str) -> None:
    with pytest.raises(BadRequest):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, MAX_INTEGER + 1, 1), (0, 0, 0), (None, 0, 257)],
)
def test_no_such_tile(level: int | None, index: int, width: int) -> None:
    with pytest.raises(BadRequest):
        Tile(level, index, width)


@given(st.none() | st.integers(0, 63), st.integers(0, MAX_INTEGER), st.integers(1, 256))
def test_path_and_back(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_tile_path(tile.path()) == tile


@given(st.text(max_size=30) | st.text("tile/0123456789xp.entries", max_size=40))
@settings(max_examples=200)
def test_random_paths_are_refused_or_the_tile_s_only_one(path: str) -> None:
    for candidate in (path, "tile/0/" + path, "tile/entries/" + path):
        try:
            tile = parse_tile_path(candidate)
        except BadRequest:
            continue
        assert tile.path() == candidate


@pytest.mark.parametrize("case", VECTORS["tiles_of"], ids=lambda case: str(case["size"]))
def test_tiles_of_a_tree(case: dict[str, Any]) -> None:
    assert [tile.path() for tile in tiles_of(case["size"])] == case["paths"]


def test_tiles_of_70_000() -> None:
    tiles = list(tiles_of(70_000))
    assert len(tiles) == 273 + 1 + 1 + 1 + 1
    partial = [tile.path() for tile in tiles if tile.width < 256]
    assert partial == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]


@pytest.mark.parametrize("case", VECTORS["bundles"], ids=lambda case: case["name"])
def test_bundles(case: dict[str, Any]) -> None:
    entries = [b64decode(entry) for entry in case["entries"]]
    bundle = b64decode(case["bundle"])
    assert encode_bundle(entries) == bundle
    assert decode_bundle(bundle, len(entries)) == entries


@pytest.mark.parametrize("case", VECTORS["bad_bundles"], ids=lambda case: case["name"])
def test_bad_bundles(case: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        decode_bundle(b64decode(case["bundle"]), case["width"])


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]], ids=len)
def test_no_such_bundle(entries: list[bytes]) -> None:
    with pytest.raises(BadRequest):
        encode_bundle(entries)


def test_the_largest_entry() -> None:
    assert decode_bundle(encode_bundle([bytes(65_535)]), 1) == [bytes(65_535)]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
@settings(max_examples=50, deadline=None)
def test_bundle_and_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@given(st.binary(max_size=100), st.integers(1, 256))
@settings(max_examples=300)
def test_random_bytes_are_refused_or_the_only_bundle(data: bytes, width: int) -> None:
    try:
        entries = decode_bundle(data, width)
    except BadRequest:
        return
    assert encode_bundle(entries) == data


def test_tiles() -> None:
    assert decode_tile(bytes(32) + b"\x01" * 32, 2) == [bytes(32), b"\x01" * 32]
    for width in (1, 3):
        with pytest.raises(BadRequest):
            decode_tile(bytes(64), width)
