"""Folding: something that follows from a chain's leaves, known without walking all of them at every
question. Only leaves that came since are looked at.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile
from typing import Final, Generic, TypeVar

from ledger.reader import Entry, Reader
from ledger.wire.ids import ChainId

REMEMBERED: Final = 16_384
"""Chains; those that nobody asked about for longest go first."""
S = TypeVar("S")


class Folding(Generic[S]):
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader, empty: S, step: Callable[[S, Entry], S]) -> None:
        """``step`` takes in the next entry of a chain and returns a new state."""
        self._reader, self._empty, self._step = reader, empty, step
        self._mutex = threading.Lock()
        self._known: OrderedDict[ChainId, tuple[int, S]] = OrderedDict()

    def upto_now(self, chain: ChainId) -> S:
        """What follows from the chain's leaves; of a chain without leaves what follows from
        none.
        """
        head = self._reader.find_head(chain)
        if head is None:
            return self._empty
        with self._mutex:
            length, state = self._known.get(chain, (0, self._empty))
        if head.length <= length:
            return state
        walk = takewhile(lambda one: one.leaf.seq >= length, self._reader.history(chain))
        for entry in list(walk)[::-1]:
            state, length = self._step(state, entry), entry.leaf.seq + 1
        with self._mutex:
            self._known[chain] = length, state
            self._known.move_to_end(chain)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return state
