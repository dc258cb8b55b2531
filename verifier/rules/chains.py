"""Every leaf continues exactly one chain: the rules of `chainrules`, leaf by leaf, in memory.

What an entry names by hash is in `references`, for the whole line.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import (
    ACTOR,
    BATCH,
    EPOCH,
    ERASURE,
    GENESIS,
    OPEN,
    SUCCESSION,
    ZERO,
    Claim,
)
from verifier.formats.erasure import parse_erasure
from verifier.formats.leaf import Leaf
from verifier.rules.chainrules import (
    ChainKind,
    Last,
    Link,
    check_follows,
    check_link,
    false_chain,
    opened_by,
)
from verifier.rules.references import References
from verifier.rules.registered import Actor, Question


class Head(NamedTuple):
    kind: ChainKind
    chain: bytes
    seq: int
    leaf_hash: bytes
    leaf_index: int


class Chains:
    """Heads of chains of a line of logs: memory grows with their number."""

    def __init__(self) -> None:
        self.derived: Container[bytes] = ()
        """Chain ids that belong to enrolled actors or the log; told by the registry."""
        self.epoch_chain = b""
        """Of the log that is read; told by the registry."""
        self._heads: dict[bytes, Head] = {}
        self._earlier: dict[bytes, Head] = {}
        """Of chains whose last leaf lies in an earlier log."""
        self._references = References()

    def __contains__(self, chain: bytes) -> bool:
        return chain in self._heads or chain in self._earlier

    def head(self, chain: bytes) -> Head | None:
        return self._heads.get(chain) or self._earlier.get(chain)

    def is_person(self, chain: bytes) -> bool:
        head = self.head(chain)
        return head is not None and head.kind is ChainKind.PERSON

    def cross_over(self, log_chain: bytes) -> None:
        """The log ends, and with it its own chain; all others may go on in the next."""
        self._earlier.update(self._heads)
        self._heads = {}
        for ended in (log_chain, self.epoch_chain):
            if ended in self._earlier:
                self._earlier[ended] = self._earlier[ended]._replace(kind=ChainKind.OLD_LOG)

    def answer(self, question: Question) -> None:
        """What an enrolment needs of other chains, as they are now."""
        chain = question.chain
        if question.is_person:
            if not self.is_person(chain):
                raise NotVerified("actor", "a record that was opened before", chain.hex())
        elif chain in self:
            raise NotVerified("actor", "own chains that are new", f"{chain.hex()}, opened")

    def extend(self, index: int, hashed: bytes, leaf: Leaf, author: Actor | None) -> None:
        """Check the leaf's place in its chain, and what it names.

        The chain moves on also when the leaf is false.
        """
        claim = leaf.claim
        head = self.head(claim.chain)
        kind = ChainKind.FALSE
        try:
            link = Link(leaf.crosses, leaf.seq, leaf.prev_hash, leaf.prev_index)
            last = None if head is None else Last(*head[2:])
            check_link(claim.chain, link, last, claim.chain in self._heads)
            if head is None:
                kind = self._first(index, claim, author)
            else:
                check_follows(head.kind, claim.kind)
                self._check_owner(head.kind, claim, author)
                kind = head.kind
            if claim.amended != ZERO:
                self._references.check_amended(claim)
            if claim.kind == ERASURE:
                self._check_erasure(hashed, leaf, kind)
        finally:
            kept, chain = (kind, claim.chain) if head is None else (head.kind, head.chain)
            self._heads[chain] = Head(kept, chain, leaf.seq, hashed, index)
            self._references.add(hashed, claim, chain)

    def _first(self, index: int, claim: Claim, author: Actor | None) -> ChainKind:
        if claim.kind in (GENESIS, SUCCESSION, ACTOR, OPEN) and claim.chain in self.derived:
            raise false_chain(
                "a chain id of its own", "the derived chain id of an actor or the log"
            )
        return opened_by(claim.kind, index, self._is_own(claim, author))

    def _is_own(self, claim: Claim, author: Actor | None) -> bool:
        if claim.kind == EPOCH:
            return claim.chain == self.epoch_chain
        if author is None:
            return False
        own = author.batch_chain if claim.kind == BATCH else author.directory_chain
        return claim.chain == own

    def _check_owner(self, kind: ChainKind, claim: Claim, author: Actor | None) -> None:
        derived = kind in (ChainKind.DIRECTORY, ChainKind.BATCHES)
        if derived and not self._is_own(claim, author):
            raise false_chain("the author whose chain it is", f"author {claim.author.hex()}")

    def _check_erasure(self, hashed: bytes, leaf: Leaf, kind: ChainKind) -> None:
        erasure, chain = parse_erasure(leaf.body), leaf.claim.chain
        if erasure.order is None:
            self._references.add_order(hashed, chain)
        if erasure.whole_record and kind is not ChainKind.PERSON:
            raise NotVerified("erasure", "scope record on a person's chain", kind.value)
        self._references.check_erasure(erasure, chain)
