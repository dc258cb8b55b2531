"""The tree of a log, read from its hash tiles: roots of earlier sizes, and how they are continued.

A tile is believed by nobody: what comes of it is held against signed roots.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from verifier.errors import NotVerified, Unreadable
from verifier.formats.merkle import EMPTY_ROOT, check_consistency, join, perfect_root
from verifier.formats.tiles import TILE_BYTES, WIDTH, Source, tile_path

_TILE_HEIGHT = 8


class TileTree:
    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size
        self._tile = cache(self._read_tile)

    def root(self, size: int) -> bytes:
        """Of the first `size` leaves. Raises Unreadable when a tile is missing."""
        return self._range(0, size) if size else EMPTY_ROOT

    def consistency(self, old_size: int) -> list[bytes]:
        """The RFC 9162 proof from an earlier size, at least 1, to this one."""
        return [self._range(start, end) for start, end in _proof_ranges(old_size, self._size)]

    def proven_root(self, old_size: int, new_root: bytes) -> bytes:
        """The root at an earlier size, proven to lead to `new_root`. Raises NotVerified."""
        old_root = self.root(old_size)
        if old_size:
            proof = self.consistency(old_size)
            try:
                check_consistency(old_size, old_root, self._size, new_root, proof)
            except NotVerified:
                found = self.root(self._size).hex()
                raise NotVerified("tile", f"tiles under root {new_root.hex()}", found) from None
        return old_root

    def _range(self, start: int, end: int) -> bytes:
        return join(self._perfect(at, height) for at, height in _perfect_ranges(start, end))

    def _perfect(self, start: int, height: int) -> bytes:
        level, below = divmod(height, _TILE_HEIGHT)
        first = start >> (level * _TILE_HEIGHT)
        number, at = divmod(first, WIDTH)
        return perfect_root(self._tile(level, number)[at : at + (1 << below)])

    def _read_tile(self, level: int, number: int) -> list[bytes]:
        width = min(WIDTH, (self._size >> (level * _TILE_HEIGHT)) - number * WIDTH)
        path, count = tile_path(level, number, width), width
        raw = self._source.read(path, TILE_BYTES)
        if raw is None and width != WIDTH:
            path, count = tile_path(level, number), WIDTH
            raw = self._source.read(path, TILE_BYTES)
        if raw is None:
            raise Unreadable(f"there is no {path}", "the log may not have published it yet")
        if len(raw) != count * 32:
            raise NotVerified("tile", f"{count * 32} bytes in {path}", f"{len(raw)} bytes")
        return [raw[at : at + 32] for at in range(0, width * 32, 32)]


def _perfect_ranges(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Beginning and height of the perfect subtrees of a range, the largest first."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield start, height
        start += 1 << height


def _proof_ranges(old_size: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose roots are the proof, in its order."""
    start, end, whole = 0, size, True
    ranges: list[tuple[int, int]] = []
    while start + old_size < end:
        split = 1 << (end - start - 1).bit_length() - 1
        if old_size <= split:
            ranges.append((start + split, end))
            end = start + split
        else:
            ranges.append((start, start + split))
            start, old_size, whole = start + split, old_size - split, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]
