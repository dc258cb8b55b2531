"""The tiles of a log (c2sp.org/tlog-tiles): paths, entry bundles, and the tree recomputed from the
leaves.

    checkpoint      tile/<L>/<N>[.p/<W>]      tile/entries/<N>[.p/<W>]
    N in groups of three digits, all but the last prefixed with x:  1234067 -> x001/x234/067

A full tile is 256 hashes; tile n of level l holds the roots of 256^l leaves each. A bundle is (u16
length | entry)*, as many entries as its tile of level 0 has hashes. A partial tile may be gone
once the full one exists; then the full one's beginning counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from verifier.errors import NotVerified
from verifier.formats.merkle import EMPTY_ROOT, join, perfect_root, perfect_subtrees

WIDTH = 256
TILE_BYTES = WIDTH * 32
MAX_BUNDLE_BYTES = WIDTH * (2 + 65_535)


class Source(Protocol):
    """Where a log's files are: a directory or a server."""

    def read(self, path: str, limit: int) -> bytes | None:
        """The file, None when there is none; never more than limit + 1 bytes of it."""


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.append(f"x{number % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def _read(
    source: Source, level: int | str, number: int, width: int, limit: int
) -> tuple[bytes | None, int]:
    """The file and the number of entries it must hold."""
    raw = source.read(tile_path(level, number, width), limit)
    if raw is None and width != WIDTH:
        return source.read(tile_path(level, number), limit), WIDTH
    return raw, width


def read_bundle(source: Source, number: int, width: int) -> list[bytes]:
    """The first `width` entries of a bundle."""
    first = number * WIDTH
    raw, count = _read(source, "entries", number, width, MAX_BUNDLE_BYTES)
    if raw is None:
        path = tile_path("entries", number, width)
        raise NotVerified("bundle", f"the entries in {path}", "no such file", first)
    return decode_bundle(raw, count, first)[:width]


def decode_bundle(raw: bytes, count: int, first: int = 0) -> list[bytes]:
    """Exactly `count` entries; `first` is the index of the first."""
    size = len(raw)
    if size > MAX_BUNDLE_BYTES:
        raise NotVerified("bundle", f"at most {MAX_BUNDLE_BYTES} bytes", "more", first)
    entries = []
    at = 0
    for i in range(count):
        start = at + 2
        end = start + int.from_bytes(raw[at:start], "big")
        if start > size or end > size:
            raise NotVerified("bundle", f"entry {i} of {count}", "the end of the bundle", first + i)
        entries.append(raw[start:end])
        at = end
    if at != size:
        raise NotVerified(
            "bundle", f"{count} entries, {at} bytes", f"{size - at} more bytes", first + count - 1
        )
    return entries


def compare_tile(source: Source, level: int, number: int, row: Sequence[bytes]) -> None:
    """The stored hash tile against what the leaves give."""
    width = len(row)
    path = tile_path(level, number, width)
    raw, count = _read(source, level, number, width, TILE_BYTES)
    if raw is None:
        raise NotVerified("tile", f"hashes in {path}", "no such file")
    if len(raw) != count * 32:
        found = f"{len(raw)} bytes" if len(raw) <= TILE_BYTES else "more"
        raise NotVerified("tile", f"{count * 32} bytes in {path}", found)
    if raw[: width * 32] != b"".join(row):
        at = next(i for i in range(width) if raw[32 * i : 32 * i + 32] != row[i])
        found = raw[32 * at : 32 * at + 32].hex()
        index = (number * WIDTH + at) * WIDTH**level
        raise NotVerified("tile", f"{row[at].hex()} as hash {at} of {path}", found, index)


class Tree:
    """Takes the roots of full bundles and the leaf hashes behind them, in order, and compares each
    stored hash tile above the full bundles on the way.
    """

    def __init__(self, source: Source, report: Callable[[NotVerified], None]) -> None:
        self._source = source
        self._report = report
        self._open: list[list[bytes]] = [[]]
        """Per level, the hashes of the tile that is not yet full."""
        self._full: list[int] = [0]
        """Per level, the number of full tiles."""

    def add(self, bundles: Sequence[bytes], rest: Sequence[bytes] = ()) -> None:
        """`rest`: the leaf hashes of the last bundle, where it is short."""
        for root in bundles:
            self._add(1, root)
        self._full[0] += len(bundles)
        self._open[0] += rest

    def root(self) -> bytes:
        """Compare the partial tiles and return the root. Call once, at the end."""
        subtrees: list[bytes] = []
        for level in range(len(self._open) - 1, -1, -1):
            if self._open[level]:
                self._compare(level)
                subtrees += perfect_subtrees(self._open[level])
        return join(subtrees) if subtrees else EMPTY_ROOT

    def _add(self, level: int, root: bytes) -> None:
        if level == len(self._open):
            self._open.append([])
            self._full.append(0)
        row = self._open[level]
        row.append(root)
        if len(row) == WIDTH:
            self._compare(level)
            self._full[level] += 1
            self._open[level] = []
            self._add(level + 1, perfect_root(row))

    def _compare(self, level: int) -> None:
        try:
            compare_tile(self._source, level, self._full[level], self._open[level])
        except NotVerified as error:
            self._report(error)
