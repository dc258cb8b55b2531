"""Tree nodes out of tiles (C2SP tlog-tiles).

Tile ``index`` of tile level ``level`` holds up to 256 hashes of 32 bytes; hash ``i`` of it is the
root of the full subtree over the leaves
[(256·index + i)·256^level, (256·index + i + 1)·256^level). A tree of ``size`` leaves has
floor(size / 256^level) hashes on a level; the last tile of a level may be partial, none is empty.

Tiles hold every eighth level of the tree; the levels between are hashed again. ``TileNodes`` keeps
what it hashed: the first proof through a full tile costs 255 hashes, the next ones none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Protocol, runtime_checkable

from ledger.errors import BadRequest, LedgerFault
from ledger.merkle.hashing import EMPTY_ROOT, node_hash, parents
from ledger.wire.ids import HASH_SIZE, Hash

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
_ROW_STARTS: Final = [
    sum(TILE_WIDTH >> above for above in range(row)) * HASH_SIZE for row in range(TILE_HEIGHT + 1)
]
_ROW_BOUNDS: Final = tuple(pairwise(_ROW_STARTS))
COMPLETE_TILE: Final = _ROW_STARTS[-1]
"""Bytes of a full tile with its inner nodes; four pages of LMDB hold it with nothing to spare."""
KEPT_TILES: Final = 256
"""At most 16 KiB each."""


class TileReader(Protocol):
    """Where the tiles come from."""

    def read(self, level: int, index: int, width: int) -> bytes:
        """At least ``width`` hashes (1 to 256) from the start of a tile.

        A full tile may be followed by its inner nodes (see ``complete_tile``): nothing is hashed
        again then.

        ``width`` is the width the tile has in the tree that is asked about. What was handed out
        once must never change: a reader shows committed leaves only.
        """
        ...


@runtime_checkable
class Nodes(Protocol):
    """A tree whose nodes can be asked for, wherever they come from."""

    def node(self, height: int, position: int, size: int) -> Hash:
        """Node ``position`` of the level ``height`` in a tree of ``size`` leaves.

        It covers the leaves [position·2^height, (position + 1)·2^height), cut off at ``size``.
        """
        ...


class TileNodes:
    """The nodes of a tree, read through tiles and kept (least recently used tiles go first).

    Owned by one thread. May be kept while the tree grows, as long as it only grows.
    """

    __slots__ = ("_capacity", "_reader", "_tiles")

    def __init__(self, reader: TileReader, capacity: int = KEPT_TILES) -> None:
        self._reader = reader
        self._capacity = capacity
        # (level, index) -> the tile's 9 rows; row k: the roots over 2^k neighbouring hashes, joined
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def node(self, height: int, position: int, size: int) -> Hash:
        """See ``Nodes``."""
        start = position << height
        if start + (1 << height) <= size:
            return self._full(height, position, size)
        return self._cut(start, size)

    def siblings(self, height: int, position: int, size: int) -> list[Hash]:
        """The nodes beside the way from a node up to the root of a tree of ``size`` leaves.

        A node and its sibling lie in one tile, so each tile on the way is looked up once.
        """
        found: list[Hash] = []
        last = (size - 1) >> height
        rows: list[bytes] = []
        while last:
            row = height % TILE_HEIGHT
            if not rows or row == 0:
                level, tile = height // TILE_HEIGHT, position >> (TILE_HEIGHT - row)
                width = min((size >> (TILE_HEIGHT * level)) - (tile << TILE_HEIGHT), TILE_WIDTH)
                rows = self._rows(level, tile, width) if width > 0 else [b""] * TILE_HEIGHT
            sibling = position ^ 1
            if (sibling + 1) << height <= size:
                at = (sibling & ((TILE_WIDTH >> row) - 1)) * HASH_SIZE
                found.append(Hash(rows[row][at : at + HASH_SIZE]))
            elif sibling <= last:
                found.append(self._cut(sibling << height, size))
            position >>= 1
            last >>= 1
            height += 1
        return found

    def _full(self, height: int, position: int, size: int) -> Hash:
        level, row = divmod(height, TILE_HEIGHT)
        first = position << row
        tile, offset = first >> TILE_HEIGHT, first % TILE_WIDTH
        width = min((size >> (TILE_HEIGHT * level)) - (tile << TILE_HEIGHT), TILE_WIDTH)
        at = (offset >> row) * HASH_SIZE
        return Hash(self._rows(level, tile, width)[row][at : at + HASH_SIZE])

    def _cut(self, start: int, size: int) -> Hash:
        return root_over(start, size, lambda height, at: self._full(height, at, size))

    def _rows(self, level: int, index: int, width: int) -> list[bytes]:
        rows = self._tiles.pop((level, index), None)
        if rows is None:
            rows = [b""] * (TILE_HEIGHT + 1)
        self._tiles[level, index] = rows
        if len(rows[0]) < width * HASH_SIZE:
            self._grow(rows, level, index, width)
        if len(self._tiles) > self._capacity:
            del self._tiles[next(iter(self._tiles))]
        return rows

    def _grow(self, rows: list[bytes], level: int, index: int, width: int) -> None:
        tile = self._reader.read(level, index, width)
        if len(tile) < width * HASH_SIZE:
            raise LedgerFault(f"tile {index} of level {level} holds fewer than {width} hashes")
        if len(tile) == COMPLETE_TILE:
            rows[:TILE_HEIGHT] = [tile[start:stop] for start, stop in _ROW_BOUNDS]
            return
        rows[0] = tile[: width * HASH_SIZE]
        for row in range(TILE_HEIGHT):
            fresh = rows[row][2 * len(rows[row + 1]) :]
            rows[row + 1] += b"".join(parents(_split(fresh)))


def root_over(start: int, size: int, full: Callable[[int, int], Hash]) -> Hash:
    """The root over [start, size) from full subtrees; size - start is below a power of two that
    divides start.
    """
    root: Hash | None = None
    rest, end = size - start, size
    while rest:
        height = (rest & -rest).bit_length() - 1
        end -= 1 << height
        left = full(height, end >> height)
        root = left if root is None else node_hash(left, root)
        rest &= rest - 1
    return EMPTY_ROOT if root is None else root


def complete_tile(
    level: int, index: int, hashes: Sequence[bytes], nodes: Sequence[Sequence[Hash]], old_size: int
) -> bytes:
    """A full tile with its inner nodes behind it: rows of 256, 128, … 2 hashes, 16,320 bytes.

    ``nodes`` is what ``Frontier.extend_rows`` gave when the tree grew from ``old_size``; rows that
    began before that are hashed again.
    """
    rows: list[Sequence[bytes]] = [hashes]
    for row in range(1, TILE_HEIGHT):
        height = level * TILE_HEIGHT + row
        first = (index << (TILE_HEIGHT - row)) - (old_size >> height)
        count = TILE_WIDTH >> row
        fresh = nodes[height][first : first + count] if first >= 0 and height < len(nodes) else ()
        rows.append(fresh if len(fresh) == count else parents(rows[-1]))
    return b"".join([hash_ for row in rows for hash_ in row])


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]


def root_at(size: int, reader: TileReader | TileNodes) -> Hash:
    """The root of the tree's first ``size`` leaves."""
    if size < 0:
        raise BadRequest(f"there is no tree of {size} leaves")
    return as_nodes(reader).node(size.bit_length(), 0, size)


def as_nodes(reader: TileReader | TileNodes) -> TileNodes:
    """``reader`` itself when the caller keeps nodes, else fresh nodes over it."""
    return reader if isinstance(reader, TileNodes) else TileNodes(reader)
