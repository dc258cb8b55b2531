"""Chains in memory: those that were asked for lately, up to a number of entries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ledger.linkage.target import Target
from ledger.resources.kept import Kept
from ledger.resources.opened import OpenedChain
from ledger.wire.ids import ChainId

MOST_ENTRIES: Final = 25_000
"""About 3.5 KB each, with what ``library`` makes of them."""
_ACCESSES: Final = 16
"""Accesses that weigh as much as one entry: of them only the places are kept."""

_Locked = tuple[OpenedChain, threading.RLock]


class ChainIndex:
    """Any thread may ask."""

    def __init__(self, log: Target, most: int = MOST_ENTRIES) -> None:
        self._log = log
        self._mutex = threading.Lock()
        self._kept: Kept[ChainId, _Locked] = Kept(most, most)

    @contextmanager
    def open(self, chain: ChainId) -> Iterator[OpenedChain]:
        """The chain as it is now, nobody else's as long as this lasts. Whoever has one open keeps
        it, also when others push it out of the memory.
        """
        if self._log.reader.find_head(chain) is None:
            # Whoever asks for chains that are not there must not fill the memory with them.
            yield OpenedChain(chain)
            return
        locked = opened, lock = self._locked(chain)
        with lock:
            opened.refresh(self._log)
            with self._mutex:
                weight = len(opened.entries) + len(opened.accesses) // _ACCESSES
                self._kept.keep(chain, locked, weight)
            yield opened

    def _locked(self, chain: ChainId) -> _Locked:
        with self._mutex:
            found = self._kept.get(chain)
            if found is None:
                found = OpenedChain(chain), threading.RLock()
                self._kept.keep(chain, found, 0)
            return found

    @property
    def held(self) -> int:
        """Weight of what is in memory, in entries."""
        with self._mutex:
            return self._kept.weight

    @property
    def chains(self) -> int:
        """Chains in memory."""
        with self._mutex:
            return len(self._kept)
