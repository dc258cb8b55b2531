"""Proofs against the naive reference: every size to 300, beyond at random, and mutated."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.merkle import (
    EMPTY_ROOT,
    MAX_PROOF_LEAVES,
    Frontier,
    TileNodes,
    check_consistency,
    check_inclusion,
    check_multi,
    consistency_proof,
    inclusion_proof,
    multi_proof,
    root_at,
)
from ledger.wire.ids import MAX_INTEGER, Hash
from tests.merkle import reference

LARGE = 70_000


@cache
def nodes(size: int) -> TileNodes:
    """Kept nodes over a tree of the reference's leaves."""
    return TileNodes(tiles(size))


@cache
def tiles(size: int) -> reference.Tiles:
    store = reference.Tiles()
    leaves = [Hash(reference.leaf(index)) for index in range(size)]
    store.store(0, [list(level) for level in Frontier().extend(leaves)])
    return store


@pytest.mark.parametrize("block", range(4))
def test_inclusion_for_every_size_to_300(block: int) -> None:
    for size in range(1 + block, 301, 4):
        root = reference.root(0, size)
        for index in range(size):
            proof = inclusion_proof(index, size, nodes(300))
            assert proof == reference.path(index, 0, size)
            check_inclusion(index, reference.leaf(index), size, proof, root)


@pytest.mark.parametrize("block", range(4))
def test_consistency_for_every_pair_to_300(block: int) -> None:
    for new in range(1 + block, 301, 4):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, nodes(300))
            assert proof == reference.proof(old, new)
            check_consistency(old, reference.root(0, old), new, reference.root(0, new), proof)


@given(st.integers(1, LARGE), st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_in_large_trees(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    kept = nodes(LARGE)
    root = reference.root(0, size)
    assert root_at(size, kept) == root
    assert inclusion_proof(index, size, kept) == reference.path(index, 0, size)
    proof = consistency_proof(index + 1, size, kept)
    assert proof == reference.proof(index + 1, size)
    check_consistency(index + 1, reference.root(0, index + 1), size, root, proof)


@given(st.integers(1, 900), st.data())
@settings(max_examples=100, deadline=None)
def test_multi_leaf_proofs(size: int, data: st.DataObject) -> None:
    picked = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=40))
    indexes = sorted(picked)
    proof = multi_proof(indexes, size, nodes(900))
    assert proof == reference.multi(indexes, size)
    leaves = [reference.leaf(index) for index in indexes]
    check_multi(indexes, leaves, size, proof, reference.root(0, size))


def test_multi_leaf_proof_of_one_leaf_is_its_inclusion_proof() -> None:
    for index in range(300):
        assert multi_proof([index], 300, nodes(300)) == inclusion_proof(index, 300, nodes(300))


def test_multi_leaf_proof_of_all_leaves_is_empty() -> None:
    every = list(range(300))
    assert multi_proof(every, 300, nodes(300)) == []
    leaves = [reference.leaf(index) for index in every]
    check_multi(every, leaves, 300, [], reference.root(0, 300))


def test_multi_leaf_proof_reads_each_tile_once() -> None:
    store = tiles(LARGE)
    before = store.reads
    multi_proof(list(range(0, LARGE, 97)), LARGE, TileNodes(store, capacity=8))
    # 274 tiles of leaves, 2 of level 1, 1 of level 2; nodes that are cut off at the size return.
    assert store.reads - before <= 290


@pytest.mark.parametrize("kept", [True, False])
def test_nodes_may_be_kept_while_the_tree_grows(kept: bool) -> None:
    store, frontier = reference.Tiles(), Frontier()
    growing = TileNodes(store, capacity=3 if kept else 1)
    while frontier.size < 1500:
        start = frontier.size
        end = start + 37
        leaves = [Hash(reference.leaf(index)) for index in range(start, end)]
        store.store(start, [list(level) for level in frontier.extend(leaves)])
        for index in (0, start // 2, end - 1):
            assert inclusion_proof(index, end, growing) == reference.path(index, 0, end)


def test_a_short_tile_is_the_reader_s_fault() -> None:
    class Short:
        def read(self, level: int, index: int, width: int) -> bytes:
            return bytes(32 * width - 1)

    with pytest.raises(LedgerFault):
        inclusion_proof(3, 10, Short())


def test_from_size_0_only_the_empty_proof_from_the_empty_root() -> None:
    """As in the C2SP witness protocol; transparency-dev/merkle refuses this one as well."""
    root = reference.root(0, 5)
    assert consistency_proof(0, 5, nodes(300)) == []
    check_consistency(0, EMPTY_ROOT, 5, root, [])
    check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    for old_root, proof in ((root, []), (EMPTY_ROOT, [root])):
        with pytest.raises(BadEvidence):
            check_consistency(0, old_root, 5, root, proof)
    with pytest.raises(BadEvidence):
        check_consistency(0, EMPTY_ROOT, 0, root, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(BadRequest):
        inclusion_proof(index, size, nodes(300))
    with pytest.raises(BadRequest):
        multi_proof([index], size, nodes(300))
    with pytest.raises(BadEvidence):
        check_inclusion(index, EMPTY_ROOT, size, [], EMPTY_ROOT)
    with pytest.raises(BadEvidence):
        check_multi([index], [EMPTY_ROOT], size, [], EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_no_proof_between_sizes_that_do_not_grow(old: int, new: int) -> None:
    with pytest.raises(BadRequest):
        consistency_proof(old, new, nodes(300))
    with pytest.raises(BadEvidence):
        check_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, [])


@pytest.mark.parametrize(
    "indexes", [[], [1, 1], [2, 1], list(range(MAX_PROOF_LEAVES + 1))], ids=len
)
def test_multi_leaf_indexes_are_sorted_distinct_and_capped(indexes: list[int]) -> None:
    size = 2 * MAX_PROOF_LEAVES
    with pytest.raises(BadRequest):
        multi_proof(indexes, size, nodes(300))
    with pytest.raises(BadRequest):
        check_multi(indexes, [EMPTY_ROOT] * len(indexes), size, [], EMPTY_ROOT)


def test_sizes_stay_below_2_to_the_53() -> None:
    for size in (MAX_INTEGER + 1, 2**70, -1):
        with pytest.raises(BadEvidence):
            check_inclusion(0, EMPTY_ROOT, size, [], EMPTY_ROOT)
        with pytest.raises(BadEvidence):
            check_consistency(0, EMPTY_ROOT, size, EMPTY_ROOT, [])
        with pytest.raises(BadEvidence):
            check_multi([0], [EMPTY_ROOT], size, [], EMPTY_ROOT)
    with pytest.raises(BadRequest):
        root_at(-1, nodes(300))


def mutated(proof: list[bytes], choice: random.Random) -> list[bytes]:
    """``proof`` with one change that must not go unnoticed."""
    extra = choice.randbytes(32)
    changes = [[*proof, extra], [extra, *proof], [*proof, proof[0] if proof else extra]]
    if proof:
        at = choice.randrange(len(proof))
        one = bytearray(proof[at])
        one[choice.randrange(32)] ^= 1 << choice.randrange(8)
        changes += [
            [*proof[:at], *proof[at + 1 :]],
            [*proof[:at], bytes(one), *proof[at + 1 :]],
            [*proof[:at], proof[at] + b"\0", *proof[at + 1 :]],
            [*proof[:at], proof[at][:-1], *proof[at + 1 :]],
        ]
    if len(proof) > 1:
        changes.append([*proof[1:], proof[0]])
    return choice.choice(changes)


@given(st.integers(2, 300), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_a_mutated_proof_is_refused(size: int, choice: random.Random) -> None:
    index = choice.randrange(size)
    root, leaf = reference.root(0, size), reference.leaf(index)
    path = mutated(reference.path(index, 0, size), choice)
    with pytest.raises(BadEvidence):
        check_inclusion(index, leaf, size, path, root)
    old = choice.randrange(1, size)
    grown = mutated(reference.proof(old, size), choice)
    with pytest.raises(BadEvidence):
        check_consistency(old, reference.root(0, old), size, root, grown)
    indexes = sorted(choice.sample(range(size), choice.randrange(1, size + 1)))
    leaves = [reference.leaf(at) for at in indexes]
    many = mutated(reference.multi(indexes, size), choice)
    with pytest.raises(BadEvidence):
        check_multi(indexes, leaves, size, many, root)


@given(st.integers(2, 300), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_another_leaf_index_or_root_is_refused(size: int, choice: random.Random) -> None:
    index = choice.randrange(size)
    other = (index + choice.randrange(1, size)) % size
    root, path = reference.root(0, size), reference.path(index, 0, size)
    false_claims = [
        (other, reference.leaf(index), root),
        (index, reference.leaf(other), root),
        (index, reference.leaf(index), reference.root(0, size + 1)),
        (index, reference.leaf(index), root[:-1]),
    ]
    for at, leaf, claimed in false_claims:
        with pytest.raises(BadEvidence):
            check_inclusion(at, leaf, size, path, claimed)
        with pytest.raises(BadEvidence):
            check_multi([at], [leaf], size, path, claimed)


@given(
    st.integers(-2, 2**54),
    st.integers(-2, 2**54),
    st.lists(st.binary(min_size=30, max_size=33), max_size=60),
    st.binary(max_size=33),
)
@settings(max_examples=200, deadline=None)
def test_checks_raise_nothing_but_bad_evidence(
    first: int, second: int, proof: list[bytes], root: bytes
) -> None:
    with pytest.raises(BadEvidence):
        check_inclusion(first, root, second, [*proof, root], EMPTY_ROOT)
    with pytest.raises(BadEvidence):
        check_consistency(first, root, second, EMPTY_ROOT, [*proof, root])
    with pytest.raises(BadEvidence):
        check_multi([first], [root], second, [*proof, root], EMPTY_ROOT)
