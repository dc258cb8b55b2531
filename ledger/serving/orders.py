"""Orders: which content of a record is ordered to be erased, without walking its whole history at
every question.

An order counts from the moment it is in the log, though a key may still be there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final, NamedTuple

from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.resources.kept import Kept
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries, EraseRecord, decode_erasure
from ledger.wire.ids import ChainId, Hash, Position

REMEMBERED: Final = 16_384
"""Chains; those that nobody asked about for longest go first."""


class _Whole(NamedTuple):
    """An order about everything below it."""

    at: Position
    seq: int


@dataclass(frozen=True, slots=True)
class _Ordered:
    """By the first ``length`` leaves of a chain."""

    length: int = 0
    entries: tuple[tuple[Hash, Position], ...] = ()
    whole: _Whole | None = None


class Orders:
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._mutex = threading.Lock()
        self._known: Kept[ChainId, _Ordered] = Kept(REMEMBERED, REMEMBERED)

    def covering(self, entry: Entry) -> Position | None:
        """The order that an entry's content is under, if any."""
        ordered = self._upto_now(entry.leaf.claim.chain)
        if ordered.whole is not None and entry.leaf.seq < ordered.whole.seq:
            return ordered.whole.at
        hash_ = leaf_hash(entry.raw)
        return next((at for named, at in ordered.entries if named == hash_), None)

    def _upto_now(self, chain: ChainId) -> _Ordered:
        with self._mutex:
            ordered = self._known.get(chain) or _Ordered()
        length = ordered.length
        if self._reader.head(chain).length <= length:
            return ordered
        newer = takewhile(lambda one: one.leaf.seq >= length, self._reader.history(chain))
        for entry in list(newer)[::-1]:
            ordered = replace(_with(ordered, entry), length=entry.leaf.seq + 1)
        with self._mutex:
            self._known.keep(chain, ordered, 1)
        return ordered


def _with(ordered: _Ordered, entry: Entry) -> _Ordered:
    if entry.leaf.claim.kind is not Kind.ERASURE:
        return ordered
    match decode_erasure(entry.leaf.claim.body):
        case EraseEntries(hashes):
            named = tuple((one, entry.position) for one in hashes)
            return replace(ordered, entries=ordered.entries + named)
        case EraseRecord():
            return replace(ordered, whole=_Whole(entry.position, entry.leaf.seq))
    return ordered
