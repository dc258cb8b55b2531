"""Every leaf continues exactly one chain, and the first leaf decides what kind of chain it is.

    log        genesis                    nothing else yet
    actor      actor (enrol)              actor (revoke)
    person     open                       record amend retract link access     id not derived
    directory  record                     record amend retract        id derived from its author
    batches    batch                      batch                       id derived from its author

seq 0: prev hash zero, prev index 0. seq n: the hash and index of the chain's leaf n - 1. An
amended leaf is an earlier record or amend of the same chain.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from verifier.claim import (
    ACCESS,
    ACTOR,
    AMEND,
    BATCH,
    GENESIS,
    KINDS,
    LINK,
    OPEN,
    RECORD,
    RETRACT,
    ZERO,
)
from verifier.errors import NotVerified
from verifier.leaf import Leaf
from verifier.registry import Actor


class ChainKind(Enum):
    LOG = "log"
    ACTOR = "actor"
    PERSON = "person"
    DIRECTORY = "directory"
    BATCHES = "batch"
    FALSE = "falsely opened"
    """Reported at its first leaf; what follows is not reported again."""


_FOLLOWERS = {
    ChainKind.LOG: frozenset[int](),
    ChainKind.ACTOR: frozenset({ACTOR}),
    ChainKind.PERSON: frozenset({RECORD, AMEND, RETRACT, LINK, ACCESS}),
    ChainKind.DIRECTORY: frozenset({RECORD, AMEND, RETRACT}),
    ChainKind.BATCHES: frozenset({BATCH}),
    ChainKind.FALSE: frozenset(KINDS),
}


class Head(NamedTuple):
    kind: ChainKind
    seq: int
    leaf_hash: bytes
    leaf_index: int


class Chains:
    """Heads of all chains, and the leaves that may be amended: memory grows with the log."""

    def __init__(self) -> None:
        self.derived: set[bytes] = set()
        """Chain ids that belong to enrolled actors; told by the registry."""
        self._heads: dict[bytes, Head] = {}
        self._amendable: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def __contains__(self, chain: bytes) -> bool:
        return chain in self._heads

    def extend(self, index: int, hashed: bytes, leaf: Leaf, author: Actor | None) -> None:
        """Check the leaf's place in its chain.

        The chain moves on also when the leaf is false, so that one lie is reported once.
        """
        claim = leaf.claim
        head = self._heads.get(claim.chain)
        kind = ChainKind.FALSE
        try:
            if head is None:
                reserved = claim.chain in self.derived
                kind = _first(index, leaf, author, reserved)
            else:
                kind = _next(head, leaf, author)
            if claim.amended != ZERO and self._amendable.get(claim.amended) != claim.chain:
                raise NotVerified(
                    "amended",
                    "the hash of an earlier record or amend of this chain",
                    claim.amended.hex(),
                )
        finally:
            kept = kind if head is None else head.kind
            self._heads[claim.chain] = Head(kept, leaf.seq, hashed, index)
            if claim.kind in (RECORD, AMEND):
                self._amendable[hashed] = claim.chain


def _first(index: int, leaf: Leaf, author: Actor | None, reserved: bool) -> ChainKind:
    claim = leaf.claim
    if leaf.seq != 0 or leaf.prev_hash != ZERO or leaf.prev_index != 0:
        raise _false(
            "seq 0 without a previous leaf in a new chain",
            f"seq {leaf.seq}, prev index {leaf.prev_index} in unknown chain {claim.chain.hex()}",
        )
    if claim.kind == GENESIS and index == 0:
        return ChainKind.LOG
    if claim.kind in (ACTOR, OPEN) and reserved:
        raise _false("a chain id of its own", "the derived chain id of an actor")
    if claim.kind == ACTOR:
        return ChainKind.ACTOR
    if claim.kind == OPEN:
        return ChainKind.PERSON
    if claim.kind == RECORD and author is not None and claim.chain == author.directory_chain:
        return ChainKind.DIRECTORY
    if claim.kind == BATCH and author is not None and claim.chain == author.batch_chain:
        return ChainKind.BATCHES
    raise _false("a first leaf that opens its chain", f"kind {KINDS[claim.kind].name}")


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
