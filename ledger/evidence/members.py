"""Members of a batch under its root: the multi-leaf proof over its member hashes.

A batch may have 4,096 members and a history one of each of many batches, so the ledger keeps the
upper part of each batch's tree. The root says whether that was right.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import BadEvidence, LedgerFault
from ledger.member_tree import GROUP, MemberNodes
from ledger.merkle import check_multi, multi_proof
from ledger.reader import Reader
from ledger.store.tables import DAMAGED
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import CLAIM_SIZE
from ledger.wire.ids import Hash


def batch_proof(log: Reader, batch: int, body: BatchBody, positions: Sequence[int]) -> list[Hash]:
    """Why the members at these positions, in order, are in the batch at leaf ``batch``. Raises
    LedgerFault when what is stored does not give its root.
    """
    if not positions:
        return []
    store, first = log.store, batch + 1

    def group(start: int, stop: int) -> list[Hash]:
        leaves = store.leaves(first + start, first + stop)
        return member_hashes(leaf[-CLAIM_SIZE:] for leaf in leaves)

    nodes = MemberNodes(store.batch_tree(batch), body.count, group)
    try:
        members = [nodes.members(at // GROUP)[at % GROUP] for at in positions]
        if not nodes.is_whole:
            raise BadEvidence("its tree", expected="all nodes", found="some")
        proof = multi_proof(positions, body.count, nodes)
        check_multi(positions, members, body.count, proof, body.root)
    except (BadEvidence, IndexError) as error:
        raise LedgerFault(f"store: batch {batch}: {error}", hint=DAMAGED) from error
    return proof
