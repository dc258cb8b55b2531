"""Orders: which content of a record is ordered to be erased.

An order counts from the moment it is in the log, though a key may still be there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.serving.folding import Folding
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries, EraseRecord, decode_erasure
from ledger.wire.ids import Hash, Position


class _Whole(NamedTuple):
    """An order about everything below it."""

    at: Position
    seq: int


@dataclass(frozen=True, slots=True)
class _Ordered:
    entries: tuple[tuple[Hash, Position], ...] = ()
    whole: _Whole | None = None


class Orders:
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader) -> None:
        self._orders = Folding(reader, _Ordered(), _with)

    def covering(self, entry: Entry) -> Position | None:
        """The order that an entry's content is under, if any."""
        ordered = self._orders.upto_now(entry.leaf.claim.chain)
        if ordered.whole is not None and entry.leaf.seq < ordered.whole.seq:
            return ordered.whole.at
        hash_ = leaf_hash(entry.raw)
        return next((at for named, at in ordered.entries if named == hash_), None)


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
