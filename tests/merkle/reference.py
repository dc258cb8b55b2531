"""RFC 6962 section 2.1, word for word: slow, recursive, and shared with no other code."""

from __future__ import annotations

from functools import cache
from hashlib import sha256


def leaf(index: int) -> bytes:
    """The hash of the test tree's leaf ``index``."""
    return sha256(b"\x00" + b"leaf %d" % index).digest()


def split(count: int) -> int:
    """The largest power of two below ``count``."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


@cache
def root(start: int, end: int) -> bytes:
    """MTH(D[start:end])"""
    if start == end:
        return sha256(b"").digest()
    if end - start == 1:
        return leaf(start)
    middle = start + split(end - start)
    return sha256(b"\x01" + root(start, middle) + root(middle, end)).digest()


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(index, D[start:end]), ``index`` counted from 0."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), root(middle, end)]
    return [*path(index, middle, end), root(start, middle)]


def proof(old: int, new: int) -> list[bytes]:
    """PROOF(old, D[0:new])"""
    return _subproof(old, 0, new, True)


def _subproof(old: int, start: int, end: int, complete: bool) -> list[bytes]:
    if old == end:
        return [] if complete else [root(start, end)]
    middle = start + split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, complete), root(middle, end)]
    return [*_subproof(old, middle, end, False), root(start, middle)]


def multi(indexes: list[int], size: int) -> list[bytes]:
    """The siblings that do not follow from the leaves: lowest level first, left to right."""
    found: list[tuple[int, int, bytes]] = []
    _collect(indexes, 0, size, found)
    return [node for _, _, node in sorted(found)]


def _collect(indexes: list[int], start: int, end: int, found: list[tuple[int, int, bytes]]) -> int:
    """Gathers (height, start, hash); returns the height of the subtree."""
    height = (end - start - 1).bit_length()
    if end - start == 1:
        return height
    middle = start + split(end - start)
    inside = [any(a <= index < b for index in indexes) for a, b in ((start, middle), (middle, end))]
    for known, (a, b) in zip(inside, ((start, middle), (middle, end)), strict=True):
        if known:
            _collect(indexes, a, b, found)
        elif any(inside):
            # Both children of a node stand one level below it, also a right one that is not full.
            found.append((height - 1, a, root(a, b)))
    return height


class Tiles:
    """Tiles in memory, filled from what ``Frontier.extend`` hands out."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], bytes] = {}
        self.reads = 0

    def store(self, old_size: int, added: list[list[bytes]]) -> None:
        for level, hashes in enumerate(added):
            first = old_size >> (8 * level)
            for number, value in enumerate(hashes, first):
                at = level, number >> 8
                self.levels[at] = self.levels.get(at, b"") + value

    def read(self, level: int, index: int, width: int) -> bytes:
        self.reads += 1
        tile = self.levels[level, index]
        assert 1 <= width <= len(tile) // 32
        return tile
