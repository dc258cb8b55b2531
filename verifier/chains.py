"""Every leaf continues exactly one chain, and the first leaf decides what kind of chain it is.

    log        genesis, succession        trust
    actor      actor (enrol)              actor (others)
    person     open                       record amend retract link unlink access erasure
    directory  record                     record amend retract erasure    id derived from its author
    batches    batch                      batch                           id derived from its author
    epochs     epoch                      epoch                           id derived from the log's

seq 0: prev hash zero, prev index 0. seq n: the hash and index of the chain's leaf n - 1. The first
leaf of a chain that has leaves in an earlier log of the line crosses over (version 0x81 or 0x82),
and no other does. What an entry names by hash is in `references`, for the whole line.
"""

from __future__ import annotations

from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from verifier.claim import (
    ACCESS,
    ACTOR,
    AMEND,
    BATCH,
    EPOCH,
    ERASURE,
    GENESIS,
    KINDS,
    LINK,
    OPEN,
    RECORD,
    RETRACT,
    SUCCESSION,
    TRUST,
    UNLINK,
    ZERO,
)
from verifier.erasure import parse_erasure
from verifier.errors import NotVerified
from verifier.leaf import Leaf
from verifier.references import References
from verifier.registry import Actor, Question


class ChainKind(Enum):
    LOG = "log"
    OLD_LOG = "earlier log's"
    ACTOR = "actor"
    PERSON = "person"
    DIRECTORY = "directory"
    BATCHES = "batch"
    EPOCHS = "epoch"
    FALSE = "falsely opened"
    """Reported at its first leaf; what follows is not reported again."""


_FOLLOWERS = {
    ChainKind.LOG: frozenset({TRUST}),
    ChainKind.OLD_LOG: frozenset[int](),
    ChainKind.ACTOR: frozenset({ACTOR}),
    ChainKind.PERSON: frozenset({RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE}),
    ChainKind.DIRECTORY: frozenset({RECORD, AMEND, RETRACT, ERASURE}),
    ChainKind.BATCHES: frozenset({BATCH}),
    ChainKind.EPOCHS: frozenset({EPOCH}),
    ChainKind.FALSE: frozenset(KINDS),
}


class Head(NamedTuple):
    kind: ChainKind
    chain: bytes
    seq: int
    leaf_hash: bytes
    leaf_index: int


class Chains:
    """Heads of all chains of a line of logs: memory grows with the logs."""

    def __init__(self) -> None:
        self.derived: Container[bytes] = ()
        """Chain ids that belong to enrolled actors or the log; told by the registry."""
        self.epoch_chain = b""
        """Of the log that is read; told by the registry."""
        self._heads: dict[bytes, Head] = {}
        self._earlier: dict[bytes, Head] = {}
        """Of chains whose last leaf lies in an earlier log."""
        self._references = References()

    def __len__(self) -> int:
        """Chains with a leaf in this log."""
        return len(self._heads)

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

        The chain moves on also when the leaf is false, so that one lie is reported once.
        """
        claim = leaf.claim
        head = self._heads.get(claim.chain)
        crosses = False
        if head is None:
            head = self._earlier.get(claim.chain)
            crosses = head is not None
        kind = ChainKind.FALSE
        try:
            if leaf.crosses != crosses:
                raise _false(
                    f"a previous leaf in {'an earlier' if crosses else 'this'} log, or none",
                    f"one in {'an earlier' if leaf.crosses else 'this'} log",
                )
            if head is None:
                kind = self._first(index, leaf, author)
            else:
                kind = _next(head, leaf, author)
            if claim.amended != ZERO:
                self._references.check_amended(claim)
            if claim.kind == ERASURE:
                self._check_erasure(hashed, leaf, kind)
        finally:
            kept, chain = (kind, claim.chain) if head is None else (head.kind, head.chain)
            self._heads[chain] = Head(kept, chain, leaf.seq, hashed, index)
            self._references.add(hashed, claim, chain)

    def _first(self, index: int, leaf: Leaf, author: Actor | None) -> ChainKind:
        claim = leaf.claim
        if leaf.seq != 0 or leaf.prev_hash != ZERO or leaf.prev_index != 0:
            raise _false(
                "seq 0 without a previous leaf in a new chain",
                f"seq {leaf.seq}, prev index {leaf.prev_index} in unknown chain "
                f"{claim.chain.hex()}",
            )
        if claim.kind in (GENESIS, SUCCESSION, ACTOR, OPEN) and claim.chain in self.derived:
            raise _false("a chain id of its own", "the derived chain id of an actor or the log")
        if claim.kind in (GENESIS, SUCCESSION) and index == 0:
            return ChainKind.LOG
        if claim.kind == ACTOR:
            return ChainKind.ACTOR
        if claim.kind == OPEN:
            return ChainKind.PERSON
        if claim.kind == RECORD and author is not None and claim.chain == author.directory_chain:
            return ChainKind.DIRECTORY
        if claim.kind == BATCH and author is not None and claim.chain == author.batch_chain:
            return ChainKind.BATCHES
        if claim.kind == EPOCH and claim.chain == self.epoch_chain:
            return ChainKind.EPOCHS
        raise _false("a first leaf that opens its chain", f"kind {KINDS[claim.kind].name}")

    def _check_erasure(self, hashed: bytes, leaf: Leaf, kind: ChainKind) -> None:
        erasure, chain = parse_erasure(leaf.body), leaf.claim.chain
        if erasure.order is None:
            self._references.add_order(hashed, chain)
        if erasure.whole_record and kind is not ChainKind.PERSON:
            raise NotVerified("erasure", "scope record on a person's chain", kind.value)
        self._references.check_erasure(erasure, chain)


def _next(head: Head, leaf: Leaf, author: Actor | None) -> ChainKind:
    if leaf.seq != head.seq + 1:
        raise _false(f"seq {head.seq + 1}", f"seq {leaf.seq}")
    if leaf.prev_hash != head.leaf_hash:
        raise _false(f"prev hash {head.leaf_hash.hex()}", leaf.prev_hash.hex())
    if leaf.prev_index != head.leaf_index:
        raise _false(f"prev index {head.leaf_index}", f"prev index {leaf.prev_index}")
    claim = leaf.claim
    if claim.kind not in _FOLLOWERS[head.kind]:
        raise _false(
            f"a kind that continues a {head.kind.value} chain", f"kind {KINDS[claim.kind].name}"
        )
    if head.kind is ChainKind.DIRECTORY:
        _owned(author is not None and claim.chain == author.directory_chain, claim.author)
    elif head.kind is ChainKind.BATCHES:
        _owned(author is not None and claim.chain == author.batch_chain, claim.author)
    return head.kind


def _owned(by_author: bool, author: bytes) -> None:
    if not by_author:
        raise _false("the author whose chain it is", f"author {author.hex()}")


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("chain", expected, found)
