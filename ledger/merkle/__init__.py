"""The append-only Merkle tree (RFC 6962) over tiles: hashes, frontier, proofs. Pure: no I/O."""

from ledger.merkle.frontier import Frontier
from ledger.merkle.hashing import EMPTY_ROOT, leaf_hash, node_hash, subtree_root
from ledger.merkle.proofs import (
    MAX_PROOF_LEAVES,
    check_consistency,
    check_inclusion,
    check_multi,
    consistency_proof,
    inclusion_proof,
    multi_proof,
)
from ledger.merkle.renewed import renewed_root
from ledger.merkle.stored_tree import StoredTree, stored_tree, stored_tree_size
from ledger.merkle.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    TileNodes,
    TileReader,
    complete_tile,
    root_at,
)

__all__ = [
    "EMPTY_ROOT",
    "MAX_PROOF_LEAVES",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "Frontier",
    "StoredTree",
    "TileNodes",
    "TileReader",
    "check_consistency",
    "check_inclusion",
    "check_multi",
    "complete_tile",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "multi_proof",
    "node_hash",
    "renewed_root",
    "root_at",
    "stored_tree",
    "stored_tree_size",
    "subtree_root",
]
