"""Tile paths and entry bundles (c2sp.org/tlog-tiles).

    tile path    "tile/" L "/" N [".p/" W]            tile/0/x001/x234/067, tile/1/000.p/17
    bundle path  "tile/entries/" N [".p/" W]
    L  0 to 63        N  groups of three digits, all but the last with "x" before       W  1 to 255
    bundle       (u16 length ‖ entry)*                1 to 256 entries of at most 65,535 bytes
    tile         hash[32]*                            1 to 256 hashes

A tree of n leaves has floor(n / 256^L) hashes on level L; the last tile of a level is partial
(".p/W") when that is no multiple of 256. No tile is empty. Paths have no leading "/".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, Hash

FULL_WIDTH: Final = 256
MAX_LEVEL: Final = 63
MAX_ENTRY_SIZE: Final = 65_535

_PATH: Final = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A hash tile, or (``level`` None) an entry bundle. ``width`` 256 is a full one."""

    level: int | None
    index: int
    width: int = FULL_WIDTH

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= MAX_LEVEL:
            raise BadRequest(f"there is no tile level {self.level}")
        if not 0 <= self.index <= MAX_INTEGER:
            raise BadRequest("a tile index is not below 2^53")
        _check_width(self.width)

    def path(self) -> str:
        """Where a log serves it."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == FULL_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_grouped(self.index)}{partial}"


def parse_tile_path(path: str) -> Tile:
    """The tile or bundle under a path; there is one path for each."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise BadRequest("not the path of a tile")
    level, index, width = match.groups()
    tile = Tile(
        level=None if level == "entries" else int(level),
        index=int(index.replace("/", "").replace("x", "")),
        width=FULL_WIDTH if width is None else int(width),
    )
    # Leading zeros, empty groups in front and ".p/256" would be second paths for the same tile.
    if tile.path() != path:
        raise BadRequest("not the shortest path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a tree of ``size`` leaves, level by level; entry bundles are not among them."""
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, FULL_WIDTH)
        for index in range(full):
            yield Tile(level, index)
        if rest:
            yield Tile(level, full, rest)
        level, hashes = level + 1, full


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle of 1 to 256 entries."""
    _check_width(len(entries))
    if max(map(len, entries)) > MAX_ENTRY_SIZE:
        raise BadRequest(f"an entry is larger than {MAX_ENTRY_SIZE} bytes")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle."""
    _check_width(width)
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise BadRequest("a bundle is cut off within an entry")
        entries.append(data[start:at])
        if len(entries) > width:
            break
    if len(entries) != width:
        raise BadRequest(f"a bundle does not have {width} entries")
    return entries


def decode_tile(data: bytes, width: int) -> list[Hash]:
    """The ``width`` hashes of a tile."""
    _check_width(width)
    if len(data) != width * HASH_SIZE:
        raise BadRequest(f"a tile of {width} hashes has {len(data)} bytes")
    return [Hash(data[at : at + HASH_SIZE]) for at in range(0, len(data), HASH_SIZE)]


def _check_width(width: int) -> None:
    if not 1 <= width <= FULL_WIDTH:
        raise BadRequest(f"a tile or bundle has 1 to {FULL_WIDTH} items, not {width}")


def _grouped(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))
