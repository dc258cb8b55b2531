"""History written anew, by whoever has the log's keys and nobody else's.

Authors sign what they say, not where it stands: headers, links, times, epochs and the checkpoint
are the log's. So an entry can be dropped or moved, and everything behind it made to fit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from tests.verifier import heads
from tests.verifier.evidencemaker import kind_of
from tests.verifier.evidenceworld import World
from tests.verifier.formats import EPOCH, leaf, member_leaf


def rewritten(log: World, order: Sequence[int]) -> World:
    """The log of these leaves in this order, every link, epoch and proof true to it."""
    new = copy.copy(log)
    new.leaves, new.hashes, new.heads = [], [], {}
    moved: dict[int, int] = {}
    for at, time in zip(order, _times(log, order), strict=True):
        raw, chain = log.leaves[at], heads.chain_of(log.leaves[at])
        if kind_of(raw) == EPOCH:
            new.now = time - 1000
            moved[at] = heads.add_epoch(new)
            continue
        place = new.place(chain, {"received": time})
        if raw[0] == 2:
            batch, position = (int.from_bytes(raw[a:b], "big") for a, b in ((57, 65), (65, 69)))
            raw = member_leaf(place, moved[batch], position, raw[69:])
        else:
            raw = leaf(*place, raw[57:])
        moved[at] = new.put(raw, chain, place[0])
    new.now = max(new.now, log.now)
    new.epoch = moved.get(log.epoch, 0)
    return new


def without(log: World, *gone: int) -> World:
    return rewritten(log, [at for at in range(len(log.leaves)) if at not in gone])


def with_moved(log: World, at: int, to: int) -> World:
    """The leaf that stands at one index, at another."""
    order = [index for index in range(len(log.leaves)) if index != at]
    order.insert(to, at)
    return rewritten(log, order)


def _times(log: World, order: Sequence[int]) -> list[int]:
    """As late as they were, but no later than what stands behind them."""
    times, latest = [], received(log.leaves[-1])
    for at in reversed(order):
        latest = min(latest, received(log.leaves[at]))
        times.append(latest)
    return times[::-1]


def received(raw: bytes) -> int:
    return int.from_bytes(raw[49:57], "big")
