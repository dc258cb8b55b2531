"""Which leaves an evidence file needs, in every log of the line.

Beside what is claimed: the log's own chain and the epoch; for a member its batch; the chain of
every author of a leaf that is here, of whoever enrolled that author, and of the custodians that
signed. Those chains have authors of their own, so it goes on until nothing new comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from ledger.errors import BadRequest, LedgerFault
from ledger.evidence.cuts import Cut
from ledger.heads import Head
from ledger.lookups import LastLeaf
from ledger.merkle import leaf_hash
from ledger.reader import Reader
from ledger.store.tables import DAMAGED
from ledger.wire.claim import CLAIM_STRUCT
from ledger.wire.evidence import MAX_LEAVES, EvidenceClaim, What
from ledger.wire.ids import ActorId, ChainId, Hash
from ledger.wire.leaf import CONTINUES, HEADER, MEMBER, MEMBER_HEADER, claim_bytes


class Gathered(NamedTuple):
    """A leaf with its hash."""

    raw: bytes
    hash: Hash


class Gathering:
    """The leaves of every log, by index, and the pages of each run of its epoch that show the heads
    of all chains that are whole here.
    """

    def __init__(self, cuts: list[Cut]) -> None:
        self.cuts = cuts
        self.leaves: list[dict[int, Gathered]] = [{} for _ in cuts]
        self.pages: list[dict[int, set[int]]] = [defaultdict(set) for _ in cuts]
        self._whole: set[ChainId] = set()
        self._actors = cuts[0].log.registry.actors
        self._authors: list[ActorId] = []
        self._count = 0

    def gather(self, claim: EvidenceClaim, custodians: Iterable[ActorId]) -> None:
        """All that shows a claim. Raises BadRequest when it is more than a file holds, LedgerFault
        when a chain is damaged.
        """
        for back, cut in enumerate(self.cuts):
            self._one(back, cut.epoch_at)
            self._chain(back, cut.log.registry.log_chain)
        if claim.what is What.ENTRY:
            self._one(claim.back, claim.at)
            self._authors.append(ActorId(claim.chain))
        else:
            self._everywhere(claim.chain)
        self._authors += custodians
        while self._authors:
            self._author(self._authors.pop())

    def _author(self, author: ActorId) -> None:
        actor = self._actors.get(author)
        # Governors and the log itself sign too, and are no actors.
        if actor is None or ChainId(author) in self._whole:
            return
        self._everywhere(ChainId(author))
        if actor.enroller is not None:
            self._authors.append(actor.enroller)

    def _everywhere(self, chain: ChainId) -> None:
        self._whole.add(chain)
        for back in range(len(self.cuts)):
            self._chain(back, chain)

    def _chain(self, back: int, chain: ChainId) -> None:
        cut = self.cuts[back]
        head, looked_at = cut.index.find(chain)
        for number, pages in looked_at:
            self.pages[back][number].update(pages)
        for index, leaf in _back_from(cut.log, head):
            self._take(back, index, leaf)

    def _one(self, back: int, index: int) -> None:
        if index in self.leaves[back]:
            return
        raw = self.cuts[back].log.store.leaf(index)
        self._take(back, index, Gathered(raw, leaf_hash(raw)))

    def _take(self, back: int, index: int, leaf: Gathered) -> None:
        leaves = self.leaves[back]
        if index in leaves:
            return
        leaves[index] = leaf
        self._count += 1
        if self._count > MAX_LEAVES:
            raise BadRequest(
                f"the evidence would hold more than {MAX_LEAVES} entries",
                hint="an evidence file cannot hold a longer history",
            )
        claim = CLAIM_STRUCT.unpack_from(claim_bytes(leaf.raw))
        self._authors.append(ActorId(claim[4]))
        if leaf.raw[0] & ~CONTINUES == MEMBER:
            self._one(back, MEMBER_HEADER.unpack_from(leaf.raw)[5])


def newer_in(log: Reader, chain: ChainId, upto: int) -> int:
    """How many leaves of a chain stand at an index or behind it."""
    chain_of = _back_from(log, log.heads.get(chain))
    return sum(1 for _ in takewhile(lambda placed: placed[0] >= upto, chain_of))


def _back_from(log: Reader, head: Head | LastLeaf | None) -> Iterator[tuple[int, Gathered]]:
    """A chain's leaves in one log, newest first, each checked against the link that led to it."""
    if head is None:
        return
    index, seq, hash_ = head.at, head.length - 1, head.hash
    while True:
        raw = log.store.leaf(index)
        version, found, prev_hash, prev_index, _ = HEADER.unpack_from(raw)
        if found != seq or leaf_hash(raw) != hash_:
            raise LedgerFault(f"store: leaf {index} is not number {seq} of its chain", hint=DAMAGED)
        yield index, Gathered(raw, hash_)
        if seq == 0 or version & CONTINUES:
            return
        index, seq, hash_ = prev_index, seq - 1, prev_hash
