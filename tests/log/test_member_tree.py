"""What is kept of a batch's tree gives the proofs that the whole tree gives."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.member_tree import GROUP, MemberNodes, member_tree
from ledger.merkle import StoredTree, check_multi, multi_proof, stored_tree, subtree_root
from ledger.wire.ids import Hash


def hashes_of(count: int) -> list[Hash]:
    return [Hash(sha256(b"%d" % number).digest()) for number in range(count)]


@given(st.data())
def test_proofs_are_those_of_the_whole_tree(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 300))
    hashes = hashes_of(count)
    positions = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=12)))
    kept, root = member_tree(hashes)
    assert root == subtree_root(hashes)
    asked: list[tuple[int, int]] = []

    def group(start: int, stop: int) -> list[Hash]:
        asked.append((start, stop))
        return hashes[start:stop]

    nodes = MemberNodes(kept, count, group)
    assert nodes.is_whole
    members = [nodes.members(at // GROUP)[at % GROUP] for at in positions]
    proof = multi_proof(positions, count, nodes)
    whole = StoredTree(stored_tree(hashes), 0, count)
    assert proof == multi_proof(positions, count, whole)
    check_multi(positions, members, count, proof, root)
    # Nothing but the groups of these members was looked at, each once.
    assert sorted(asked) == [
        (at * GROUP, min((at + 1) * GROUP, count))
        for at in sorted({at // GROUP for at in positions})
    ]


@pytest.mark.parametrize("change", [-32, -1, 32])
def test_a_tree_of_another_size_is_noticed(change: int) -> None:
    kept, _ = member_tree(hashes_of(100))
    other = kept[:change] if change < 0 else kept + bytes(change)
    assert not MemberNodes(other, 100, lambda *_: []).is_whole
