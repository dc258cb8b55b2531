"""Orders: which content of a record is ordered to be erased, known without walking its whole
history at every read.

An order counts from the moment it is in the log, though a key may still be there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, NamedTuple

from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries, EraseRecord, decode_erasure
from ledger.wire.ids import ChainId, Hash, Position

REMEMBERED: Final = 65_536
"""Chains; about 500 bytes each."""


class _Whole(NamedTuple):
    """An order about everything below it."""

    at: Position
    seq: int


@dataclass(frozen=True, slots=True)
class _Known:
    """The orders among the first ``length`` leaves of a chain."""

    length: int = 0
    entries: tuple[tuple[Hash, Position], ...] = ()
    whole: _Whole | None = None


class Orders:
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._mutex = threading.Lock()
        self._known: OrderedDict[ChainId, _Known] = OrderedDict()

    def covering(self, entry: Entry) -> Position | None:
        """The order that an entry's content is under, if any."""
        known = self._upto_now(entry.leaf.claim.chain)
        if known.whole is not None and entry.leaf.seq < known.whole.seq:
            return known.whole.at
        return dict(known.entries).get(Hash(leaf_hash(entry.raw)))

    def _upto_now(self, chain: ChainId) -> _Known:
        with self._mutex:
            known = self._known.get(chain, _Known())
        length = self._reader.head(chain).length
        if length > known.length:
            walk = self._reader.history(chain)
            newer = takewhile(lambda entry: entry.leaf.seq >= known.length, walk)
            known = _with(known, length, newer)
        with self._mutex:
            self._known[chain] = known
            self._known.move_to_end(chain)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known


def _with(known: _Known, length: int, newer: Iterable[Entry]) -> _Known:
    """What is known, and what these entries order, newest first."""
    entries, whole = list(known.entries), known.whole
    for entry in newer:
        claim, seq = entry.leaf.claim, entry.leaf.seq
        if claim.kind is not Kind.ERASURE:
            continue
        match decode_erasure(claim.body):
            case EraseEntries(hashes):
                entries += [(one, entry.position) for one in hashes]
            case EraseRecord() if whole is None or whole.seq < seq:
                whole = _Whole(entry.position, seq)
    return _Known(length, tuple(entries), whole)
