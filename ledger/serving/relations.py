"""Relations: what ties an institution to a record, as the leaves alone tell it.

An institution is linked as long as a link stands that one of its actors signed. What a gateway
signed on behalf of somebody is the gateway's here: on whose behalf is sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.serving.folding import Folding
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash

_WRITTEN: Final = frozenset({Kind.RECORD, Kind.AMEND})


class Relation(NamedTuple):
    """Of one institution to one record."""

    linked: bool
    last_activity_ms: int | None
    """received_ms of its newest record entry or amendment there."""


@dataclass(frozen=True, slots=True)
class _Ties:
    links: Mapping[Hash, ActorId] = field(default_factory=dict)
    """Links that stand, by their leaf hash, and who signed them."""
    written_ms: Mapping[ActorId, int] = field(default_factory=dict)


class Relations:
    """Of one open ledger. Any thread may ask."""

    def __init__(self, reader: Reader, institution_of: Callable[[ActorId], ActorId | None]) -> None:
        """``institution_of`` an actor is the one that it acts for now."""
        self._ties = Folding(reader, _Ties(), _with)
        self._institution_of = institution_of

    def of(self, record: ChainId, institution: ActorId) -> Relation:
        """What ties them by now."""
        ties, whose = self._ties.upto_now(record), self._institution_of
        linked = any(whose(author) == institution for author in ties.links.values())
        times = [at for author, at in ties.written_ms.items() if whose(author) == institution]
        return Relation(linked, max(times, default=None))


def _with(ties: _Ties, entry: Entry) -> _Ties:
    claim = entry.leaf.claim
    if claim.kind is Kind.LINK:
        return replace(ties, links={**ties.links, Hash(leaf_hash(entry.raw)): claim.author})
    if claim.kind is Kind.UNLINK:
        links = {hash_: who for hash_, who in ties.links.items() if hash_ != claim.amended}
        return replace(ties, links=links)
    if claim.kind in _WRITTEN:
        written = {**ties.written_ms, claim.author: entry.leaf.received_ms}
        return replace(ties, written_ms=written)
    return ties
