"""Chains in memory: those that were asked for lately, up to a number of entries."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ledger.linkage.target import Target
from ledger.resources.opened import OpenedChain
from ledger.wire.ids import ChainId

MOST_ENTRIES: Final = 50_000
"""About 2 KB each."""


class ChainIndex:
    """Any thread may ask."""

    def __init__(self, log: Target, most: int = MOST_ENTRIES) -> None:
        self._log = log
        self._most = most
        self._mutex = threading.Lock()
        self._chains: OrderedDict[ChainId, tuple[OpenedChain, threading.RLock]] = OrderedDict()
        self._held = 0

    @contextmanager
    def open(self, chain: ChainId) -> Iterator[OpenedChain]:
        """The chain as it is now, nobody else's as long as this lasts."""
        if self._log.reader.find_head(chain) is None:
            # Whoever asks for chains that are not there must not fill the memory with them.
            yield OpenedChain(chain)
            return
        with self._mutex:
            opened, lock = self._chains.setdefault(chain, (OpenedChain(chain), threading.RLock()))
            self._chains.move_to_end(chain)
        with lock:
            before = len(opened.entries)
            opened.refresh(self._log)
            self._count(len(opened.entries) - before)
            yield opened

    def _count(self, more: int) -> None:
        """Drop the chains that were not asked for longest. Whoever has one open keeps it."""
        with self._mutex:
            self._held += more
            while self._held > self._most and len(self._chains) > 1:
                _, (dropped, _) = self._chains.popitem(last=False)
                self._held -= len(dropped.entries)
