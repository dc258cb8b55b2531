"""Inclusion, consistency and multi-leaf proofs: ``*_proof`` builds, ``check_*`` verifies or raises.

Level h of a tree of n leaves has ceil(n / 2^h) nodes; node i covers the leaves
[i·2^h, (i + 1)·2^h), cut off at n. Its sibling is node i xor 1, where that exists; a node without
one (the odd last of its level) goes up as it is and takes nothing from a proof.

Inclusion (RFC 6962 section 2.1.1): the siblings on the way up from the leaf, lowest first.

Consistency (RFC 6962 section 2.1.2) from old size m > 0: with 2^s the largest power of two that
divides m, the node of level s that ends at m (left out when m = 2^s: the old root is that node),
then its siblings on the way up in the new tree, lowest first. Empty when the sizes are equal. From
size 0 the only proof is the empty one, and the old root must be the empty root: so the C2SP witness
protocol has it. Others (transparency-dev/merkle) refuse every proof from size 0.

Multi-leaf: for leaf indexes in strictly increasing order (1 to 100,000), level by level from the
leaves, left to right within a level: the sibling of every node on a leaf's way up, unless the
sibling is on another leaf's way up and so follows from the leaves. That is the least set of nodes
that gives the root; for a single leaf it is the inclusion proof.

The checks read nothing but their arguments. They raise BadEvidence for whatever does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from ledger.errors import BadEvidence, BadRequest
from ledger.merkle.hashing import EMPTY_ROOT, node_hash
from ledger.merkle.tiles import TILE_HEIGHT, Nodes, TileNodes, TileReader, as_nodes
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, Hash

MAX_PROOF_LEAVES: Final = 100_000


def inclusion_proof(index: int, size: int, reader: TileReader | TileNodes) -> list[Hash]:
    """Why leaf ``index`` is in the tree of ``size`` leaves."""
    if not 0 <= index < size:
        raise BadRequest(f"there is no leaf {index} in a tree of {size}")
    return as_nodes(reader).siblings(0, index, size)


def check_inclusion(
    index: int, leaf: bytes, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that the leaf with the hash ``leaf`` stands at ``index`` under ``root``."""
    step = "inclusion proof"
    _check_size(step, size)
    if not 0 <= index < size:
        raise BadEvidence(f"{step} index", expected=f"below the size {size}", found=str(index))
    _check_hashes(step, [leaf, root, *proof])
    _check_length(step, _siblings_count(0, index, size), len(proof))
    node = leaf
    last = size - 1
    at = 0
    while last:
        if index & 1:
            node = node_hash(proof[at], node)
            at += 1
        elif index != last:
            node = node_hash(node, proof[at])
            at += 1
        index >>= 1
        last >>= 1
    _check_root(step, root, node)


def consistency_proof(old: int, new: int, reader: TileReader | TileNodes) -> list[Hash]:
    """Why the tree of ``new`` leaves starts with the tree of ``old`` leaves."""
    if not 0 <= old <= new:
        raise BadRequest(f"a tree of {new} leaves does not extend one of {old}")
    if old in (0, new):
        return []
    nodes = as_nodes(reader)
    height = (old & -old).bit_length() - 1
    position = (old >> height) - 1
    seed = [nodes.node(height, position, new)] if position else []
    return [*seed, *nodes.siblings(height, position, new)]


def check_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the tree under ``new_root`` starts with the one under ``old_root``."""
    step = "consistency proof"
    _check_size(step, new)
    if not 0 <= old <= new:
        raise BadEvidence(f"{step} sizes", expected=f"old at most {new}", found=str(old))
    _check_hashes(step, [old_root, new_root, *proof])
    for size, root in ((old, old_root), (new, new_root)):
        if size == 0:
            _check_root(f"{step} of an empty tree", EMPTY_ROOT, root)
    if old in (0, new):
        _check_length(step, 0, len(proof))
        if old:
            _check_root(f"{step} between equal sizes", old_root, new_root)
        return
    _check_growth(step, old, old_root, new, new_root, proof)


def _check_growth(
    step: str, old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    height = (old & -old).bit_length() - 1
    position = (old >> height) - 1
    seeds = 1 if position else 0
    _check_length(step, seeds + _siblings_count(height, position, new), len(proof))
    old_node = new_node = proof[0] if seeds else old_root
    last = (new - 1) >> height
    at = seeds
    while last:
        if position & 1:
            # Left siblings are all of the old tree: they count for both roots.
            old_node = node_hash(proof[at], old_node)
            new_node = node_hash(proof[at], new_node)
            at += 1
        elif position != last:
            new_node = node_hash(new_node, proof[at])
            at += 1
        position >>= 1
        last >>= 1
    _check_root(f"{step} old root", old_root, old_node)
    _check_root(f"{step} new root", new_root, new_node)


def multi_proof(indexes: Sequence[int], size: int, reader: TileReader | Nodes) -> list[Hash]:
    """Why all these leaves are in the tree of ``size`` leaves."""
    _check_indexes(indexes)
    if indexes[0] < 0 or indexes[-1] >= size:
        raise BadRequest(f"a leaf index is not in a tree of {size}")
    wanted = _wanted(indexes, size)
    nodes = reader if isinstance(reader, Nodes) else as_nodes(reader)
    # Tile by tile, not level by level: kept nodes are then used before their tile is dropped.
    in_tile_order = sorted(wanted, key=lambda at: (at[0] // TILE_HEIGHT, at[1] << at[0]))
    found = {(height, at): nodes.node(height, at, size) for height, at in in_tile_order}
    return [found[at] for at in wanted]


def _wanted(indexes: Sequence[int], size: int) -> list[tuple[int, int]]:
    """The (height, position) of each node of a multi-leaf proof, in the order of the proof."""
    wanted: list[tuple[int, int]] = []
    positions = list(indexes)
    height = 0
    last = size - 1
    while last:
        known = set(positions)
        siblings = [position ^ 1 for position in positions]
        wanted += [(height, at) for at in siblings if at not in known and at <= last]
        positions = sorted({position >> 1 for position in positions})
        height += 1
        last >>= 1
    return wanted


def check_multi(
    indexes: Sequence[int], leaves: Sequence[bytes], size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that the leaf hashes ``leaves`` stand at ``indexes`` under ``root``."""
    step = "multi-leaf proof"
    _check_size(step, size)
    _check_indexes(indexes)
    if indexes[0] < 0 or indexes[-1] >= size:
        raise BadEvidence(
            f"{step} index", expected=f"below the size {size}", found=str(indexes[-1])
        )
    if len(leaves) != len(indexes):
        raise BadRequest(f"{len(indexes)} indexes for {len(leaves)} leaves")
    _check_hashes(step, [root, *leaves, *proof])
    level = list(zip(indexes, leaves, strict=True))
    rest = iter(proof)
    last = size - 1
    while last:
        level = _level_above(level, last, rest)
        last >>= 1
    unused = sum(1 for _ in rest)
    _check_length(step, len(proof) - unused, len(proof))
    _check_root(step, root, level[0][1])


def _level_above(
    level: list[tuple[int, bytes]], last: int, rest: Iterator[bytes]
) -> list[tuple[int, bytes]]:
    """The known nodes one level up; takes the siblings that are not known from ``rest``."""
    above: list[tuple[int, bytes]] = []
    known = iter(level)
    ahead = next(known, None)
    while ahead is not None:
        position, node = ahead
        ahead = next(known, None)
        if ahead is not None and ahead[0] == position ^ 1:
            node = node_hash(node, ahead[1])
            ahead = next(known, None)
        elif position % 2:
            node = node_hash(_next_hash(rest), node)
        elif position != last:
            node = node_hash(node, _next_hash(rest))
        above.append((position >> 1, node))
    return above


def _next_hash(rest: Iterator[bytes]) -> bytes:
    for value in rest:
        return value
    raise BadEvidence("multi-leaf proof length", expected="more hashes", found="the end")


def _siblings_count(height: int, position: int, size: int) -> int:
    """How many hashes ``TileNodes.siblings`` gives.

    Below the level where the way of ``position`` meets the way of the last node, every node has a
    sibling; above it only those that are right children.
    """
    last = (size - 1) >> height
    meeting = (position ^ last).bit_length()
    return meeting + (position >> meeting).bit_count()


def _check_indexes(indexes: Sequence[int]) -> None:
    if not 1 <= len(indexes) <= MAX_PROOF_LEAVES:
        raise BadRequest(f"a multi-leaf proof is for 1 to {MAX_PROOF_LEAVES} leaves")
    if any(left >= right for left, right in pairwise(indexes)):
        raise BadRequest("leaf indexes are not strictly increasing")


def _check_size(step: str, size: int) -> None:
    if not 0 <= size <= MAX_INTEGER:
        raise BadEvidence(f"{step} size", expected="below 2^53", found=str(size))


def _check_hashes(step: str, hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise BadEvidence(f"{step} hash", expected="32 bytes", found=str(len(value)))


def _check_length(step: str, expected: int, found: int) -> None:
    if found != expected:
        raise BadEvidence(f"{step} length", expected=str(expected), found=str(found))


def _check_root(step: str, expected: bytes, found: bytes) -> None:
    if found != expected:
        raise BadEvidence(f"{step} root", expected=expected.hex(), found=found.hex())
