"""Members of a batch under its root: the multi-leaf proof over all its member hashes.

A batch may have 4,096 members and a history a few of each of many batches, so members are sliced
out of what is stored without being taken apart: all of them have one size. The root says whether
that was right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ledger.errors import BadEvidence, LedgerFault
from ledger.merkle import StoredTree, check_multi, multi_proof, stored_tree
from ledger.reader import Reader
from ledger.store.store import Store, split_piece
from ledger.store.tables import DAMAGED
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import CLAIM_SIZE
from ledger.wire.ids import Hash
from ledger.wire.leaf import MEMBER_HEADER

_STORED: Final = 2 + MEMBER_HEADER.size + CLAIM_SIZE
"""A member with its length, as a bundle holds it."""


def batch_proof(log: Reader, batch: int, body: BatchBody, positions: Sequence[int]) -> list[Hash]:
    """Why the members at these positions, in order, are in the batch at leaf ``batch``. Raises
    LedgerFault when the members do not give its root.
    """
    if not positions:
        return []
    start = batch + 1
    hashes = member_hashes(_claims(log.store, start, start + body.count))
    tree = StoredTree(stored_tree(hashes), 0, len(hashes))
    try:
        if len(hashes) != body.count:
            raise BadEvidence("members", expected=str(body.count), found=str(len(hashes)))
        proof = multi_proof(positions, body.count, tree)
        check_multi(positions, [hashes[at] for at in positions], body.count, proof, body.root)
    except BadEvidence as error:
        raise LedgerFault(f"store: batch {batch}: {error}", hint=DAMAGED) from error
    return proof


def _claims(store: Store, start: int, stop: int) -> Iterator[bytes]:
    for first, piece in store.pieces(start, stop):
        if first < start:
            # The batch's own leaf stands in front of the first member.
            for leaf in split_piece(piece, first, skip=start - first, most=stop - first):
                yield leaf[-CLAIM_SIZE:]
        else:
            ends = range(_STORED, min(len(piece), (stop - first) * _STORED) + 1, _STORED)
            yield from [piece[end - CLAIM_SIZE : end] for end in ends]
