"""Published: the checkpoint that a log has published, and its tiles, for whoever hands them out
(c2sp.org/tlog-tiles). Any thread.

Every tile is checked against the tile above it, every bundle against its tile: nothing damaged goes
out. What the published checkpoint does not cover is not there yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import BadRequest, LedgerFault
from ledger.identity import Genesis
from ledger.merkle import leaf_hash, subtree_root
from ledger.store.store import Store
from ledger.store.tables import DAMAGED
from ledger.wire.checkpoint import cosignature_time, parse_checkpoint
from ledger.wire.ids import HASH_SIZE
from ledger.wire.note import parse_note, parse_vkey
from ledger.wire.tile import FULL_WIDTH, Tile, decode_bundle, decode_tile


@dataclass(frozen=True, slots=True)
class Published:
    """The newest published checkpoint."""

    note: bytes
    size: int
    signed_s: int
    """When the log signed it, unix seconds: its ML-DSA-44 line says so."""


def published(store: Store, genesis: Genesis) -> Published:
    """Every ledger has one from its founding on. Raises LedgerFault when it cannot be read."""
    note = store.published()
    if note is None:
        raise LedgerFault("store: no published checkpoint", hint=DAMAGED)
    return _taken_apart(note, genesis.checkpoint_keys)


def covers(size: int, tile: Tile) -> bool:
    """Whether a tree of that size has this tile, or had it at a smaller size."""
    hashes = size >> (8 * (tile.level or 0))
    return tile.index * FULL_WIDTH + tile.width <= hashes


def tile_bytes(store: Store, tile: Tile) -> bytes:
    """A hash tile, or the bundle of entries where ``level`` is None. Raises LedgerFault."""
    return _bundle(store, tile) if tile.level is None else _hashes(store, tile)


def _hashes(store: Store, tile: Tile) -> bytes:
    level = tile.level or 0
    data = store.read(level, tile.index, tile.width)[: tile.width * HASH_SIZE]
    if tile.width == FULL_WIDTH:
        above, at = divmod(tile.index, FULL_WIDTH)
        named = store.read(level + 1, above, at + 1)[at * HASH_SIZE : (at + 1) * HASH_SIZE]
        if subtree_root(decode_tile(data, FULL_WIDTH)) != named:
            raise LedgerFault(
                f"store: tile {level}/{tile.index} does not fit the tile above", hint=DAMAGED
            )
    return data


def _bundle(store: Store, tile: Tile) -> bytes:
    data = store.bundle(tile.index, tile.width)
    hashes = decode_tile(_hashes(store, Tile(0, tile.index, tile.width)), tile.width)
    for offset, leaf in enumerate(decode_bundle(data, tile.width)):
        if leaf_hash(leaf) != hashes[offset]:
            index = tile.index * FULL_WIDTH + offset
            raise LedgerFault(f"store: leaf {index} does not have its hash", hint=DAMAGED)
    return data


@lru_cache(maxsize=16)
def _taken_apart(note: bytes, vkeys: tuple[str, str]) -> Published:
    try:
        opened = parse_note(note)
        key = parse_vkey(vkeys[1])
        (line,) = [
            one for one in opened.signatures if (one.name, one.key_id) == (key.name, key.key_id)
        ]
        return Published(note, parse_checkpoint(opened.text).size, cosignature_time(line))
    except (BadRequest, ValueError) as error:
        raise LedgerFault("store: the published checkpoint is damaged", hint=DAMAGED) from error
