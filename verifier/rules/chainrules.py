"""What kind of chain a first leaf makes, what may follow on it, and how a leaf names the last one.

    log        genesis, succession        trust
    actor      actor (enrol)              actor (others)
    person     open                       record amend retract link unlink access erasure
    directory  record                     record amend retract erasure    id derived from its author
    batches    batch                      batch                           id derived from its author
    epochs     epoch                      epoch                           id derived from the log's

seq 0: prev hash zero, prev index 0. seq n: the hash and index of the chain's leaf n - 1. The first
leaf of a chain that has leaves in an earlier log of the line crosses over (version 0x81 or 0x82),
and no other does.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import (
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


FOLLOWERS = {
    ChainKind.LOG: frozenset({TRUST}),
    ChainKind.OLD_LOG: frozenset[int](),
    ChainKind.ACTOR: frozenset({ACTOR}),
    ChainKind.PERSON: frozenset({RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE}),
    ChainKind.DIRECTORY: frozenset({RECORD, AMEND, RETRACT, ERASURE}),
    ChainKind.BATCHES: frozenset({BATCH}),
    ChainKind.EPOCHS: frozenset({EPOCH}),
    ChainKind.FALSE: frozenset(KINDS),
}


class Link(NamedTuple):
    """What a leaf says about the one before it on its chain."""

    crosses: bool
    seq: int
    prev_hash: bytes
    prev_index: int


class Last(NamedTuple):
    """The last leaf of a chain."""

    seq: int
    leaf_hash: bytes
    leaf_index: int


def check_link(chain: bytes, link: Link, last: Last | None, in_this_log: bool) -> None:
    """`last` is None for a new chain; else it lies in this log or in an earlier one."""
    earlier = last is not None and not in_this_log
    if link.crosses != earlier:
        raise false_chain(
            f"a previous leaf in {'an earlier' if earlier else 'this'} log, or none",
            f"one in {'an earlier' if link.crosses else 'this'} log",
        )
    if last is None:
        if link.seq != 0 or link.prev_hash != ZERO or link.prev_index != 0:
            raise false_chain(
                "seq 0 without a previous leaf in a new chain",
                f"seq {link.seq}, prev index {link.prev_index} in unknown chain {chain.hex()}",
            )
        return
    if link.seq != last.seq + 1:
        raise false_chain(f"seq {last.seq + 1}", f"seq {link.seq}")
    if link.prev_hash != last.leaf_hash:
        raise false_chain(f"prev hash {last.leaf_hash.hex()}", link.prev_hash.hex())
    if link.prev_index != last.leaf_index:
        raise false_chain(f"prev index {last.leaf_index}", f"prev index {link.prev_index}")


def opened_by(kind: int, index: int, own: bool) -> ChainKind:
    """What a first leaf opens. `own`: the id is derived from the author, for this kind."""
    if kind in (GENESIS, SUCCESSION) and index == 0:
        return ChainKind.LOG
    if kind == ACTOR:
        return ChainKind.ACTOR
    if kind == OPEN:
        return ChainKind.PERSON
    if own and kind == RECORD:
        return ChainKind.DIRECTORY
    if own and kind == BATCH:
        return ChainKind.BATCHES
    if own and kind == EPOCH:
        return ChainKind.EPOCHS
    raise false_chain("a first leaf that opens its chain", f"kind {KINDS[kind].name}")


def check_follows(chain: ChainKind, kind: int) -> None:
    if kind not in FOLLOWERS[chain]:
        raise false_chain(
            f"a kind that continues a {chain.value} chain", f"kind {KINDS[kind].name}"
        )


def false_chain(expected: str, found: str) -> NotVerified:
    return NotVerified("chain", expected, found)
