"""Right edge: what must be in order before anything is read or appended.

The newest checkpoint and its signature, the tiles along the edge and their root, the last bundle
against its hashes, the registry with every signature in it. What lies deeper is not looked at
here: ``ledger.check`` re-derives everything from the leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.identity import End, Registry, check_leaf, found_registry, succeeded_registry
from ledger.layout import Layout
from ledger.merkle import TILE_WIDTH, Frontier, TileNodes, leaf_hash, subtree_root
from ledger.store.store import Store
from ledger.store.tables import DAMAGED
from ledger.wire.checkpoint import Checkpoint, checkpoint_verifier, open_checkpoint
from ledger.wire.ids import HASH_SIZE, Hash
from ledger.wire.leaf import Leaf, decode_leaf


@dataclass(slots=True)
class RightEdge:
    """A store whose right edge was verified, without anything that only a writer needs."""

    store: Store
    size: int
    checkpoint: Checkpoint
    registry: Registry
    frontier: Frontier


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a log of the line left to the one that takes over: its registry, and how it ended."""

    registry: Registry
    end: End


def verify_right_edge(layout: Layout, store: Store, earlier: Earlier | None = None) -> RightEdge:
    """Checkpoint, tiles, last bundle and registry. Raises LedgerFault naming what does not fit."""
    state = store.state()
    if not state.size:
        raise LedgerFault(
            "the ledger holds no genesis: its making was cut short", hint="init it anew"
        )
    try:
        registry = load_registry(store, earlier)
        vkey = checkpoint_verifier(registry.genesis.checkpoint_keys[0])
        opened = open_checkpoint(store.checkpoint(), layout.origin, [vkey]).checkpoint
    except (BadEvidence, BadRequest) as error:
        raise LedgerFault(f"store: {error}", hint=DAMAGED) from error
    if opened.size != state.size:
        raise LedgerFault(
            f"store: the checkpoint is of size {opened.size}, the state of {state.size}",
            hint=DAMAGED,
        )
    nodes = TileNodes(store)
    frontier = Frontier.from_tiles(state.size, nodes)
    if frontier.root() != opened.root:
        raise LedgerFault("store: the tiles do not give the root of the checkpoint", hint=DAMAGED)
    _check_edge_tiles(store, state.size)
    _check_last_bundle(store, state.size, state.received_ms)
    return RightEdge(store, state.size, opened, registry, frontier)


def _check_edge_tiles(store: Store, size: int) -> None:
    """The newest hash of each tile level must be the root of the tile below it."""
    level, count = 1, size // TILE_WIDTH
    while count:
        below = _hashes(store.read(level - 1, count - 1, TILE_WIDTH))
        tile, last = divmod(count - 1, TILE_WIDTH)
        above = _hashes(store.read(level, tile, last + 1))
        if subtree_root(below) != above[last]:
            raise LedgerFault(
                f"store: tile {level - 1}/{count - 1} does not fit the tile above", hint=DAMAGED
            )
        level, count = level + 1, count // TILE_WIDTH


def _hashes(tile: bytes) -> list[Hash]:
    end = min(len(tile), TILE_WIDTH * HASH_SIZE)
    return [Hash(tile[at : at + HASH_SIZE]) for at in range(0, end, HASH_SIZE)]


def _check_last_bundle(store: Store, size: int, received_ms: int) -> None:
    """Leaves of the last bundle against their hashes, and the newest leaf against state and ids."""
    *_, (_, last, _) = verified_leaves(store, (size - 1) // TILE_WIDTH * TILE_WIDTH, size)
    leaf = decode_leaf(last)
    if leaf.received_ms != received_ms:
        raise LedgerFault(
            "store: the newest leaf does not have the time of the state", hint=DAMAGED
        )
    if store.index_of(leaf.claim.entry_id + leaf.claim.author) != size - 1:
        raise LedgerFault("store: the newest entry is not among the ids", hint=DAMAGED)


def verified_leaf(store: Store, index: int) -> bytes:
    """A leaf whose hash is the one in its tile."""
    ((_, leaf, _),) = verified_leaves(store, index, index + 1)
    return leaf


def verified_leaves(store: Store, start: int, stop: int) -> Iterator[tuple[int, bytes, Hash]]:
    """Index, leaf and hash of [start, stop), each hash being the one in its tile. LedgerFault."""
    hashes = b""
    for index, leaf in enumerate(store.leaves(start, stop), start):
        tile, offset = divmod(index, TILE_WIDTH)
        if not offset or not hashes:
            width = min(stop - tile * TILE_WIDTH, TILE_WIDTH)
            hashes = store.read(0, tile, width)
        hash_ = leaf_hash(leaf)
        if hash_ != hashes[offset * HASH_SIZE : (offset + 1) * HASH_SIZE]:
            raise LedgerFault(f"store: leaf {index} does not have its hash", hint=DAMAGED)
        yield index, leaf, hash_


def begun_registry(leaf: Leaf, hash_: Hash, earlier: Earlier | None) -> Registry:
    """The registry that a log's first leaf founds. Raises BadRequest or BadEvidence."""
    if earlier is None:
        return found_registry(leaf, hash_)
    return succeeded_registry(leaf, hash_, earlier.registry, earlier.end)


def load_registry(store: Store, earlier: Earlier | None) -> Registry:
    """Fold genesis, trust and actor entries, each verified. Raises LedgerFault, BadRequest or
    BadEvidence.
    """
    indexes = store.registry_indexes()
    if not indexes or indexes[0] != 0:
        raise LedgerFault("store: the genesis is not listed in the registry table", hint=DAMAGED)
    raw = verified_leaf(store, 0)
    registry = begun_registry(decode_leaf(raw), leaf_hash(raw), earlier)
    for index in indexes[1:]:
        leaf = decode_leaf(verified_leaf(store, index))
        check_leaf(registry, leaf, index)
        registry.apply(leaf.claim, index)
    return registry
