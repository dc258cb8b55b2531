"""A chain, opened for the service's own use: headers, and of FHIR contents what a search asks for.

Headers and contents are opened through the vault's ``use``, which its journal says. What is kept is
in memory only, holds no content, and goes with an order of erasure or with the process.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.author import FHIR_JSON
from ledger.erasing import erased_by
from ledger.errors import BadRequest
from ledger.fhir.jsontext import parse
from ledger.fhir.searching import Values, extract
from ledger.large import Stream
from ledger.linkage.opening import is_erased, with_header, without_header
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.joined import linked_records
from ledger.record.model import Opened
from ledger.vault.door import MOST
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Hash, Position
from ledger.wire.sealed import MAX_CONTENT, Content

PURPOSE: Final = "search index"
_RESOURCES: Final = frozenset({Kind.RECORD, Kind.AMEND})


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is known of a FHIR content."""

    type: str
    size: int
    """Bytes of the sealed blob."""
    values: Values


class OpenedChain:
    """One chain as far as it was read. Whoever holds its lock may ask."""

    def __init__(self, chain: ChainId) -> None:
        self.chain = chain
        self.length = 0
        """Entries that were taken in."""
        self.entries: list[Opened] = []
        """All but accesses, in order."""
        self.accesses: list[Position] = []
        self.resources: dict[Position, Indexed] = {}
        self.linked: frozenset[ChainId] = frozenset()
        """The records that links on it name."""
        self.changes = 0
        """Length of the chain up to its newest entry that is no access: the log alone says it, so
        it means the same however often the chain was read.
        """

    def refresh(self, log: Target) -> None:
        """Take in what came since. Raises LedgerFault."""
        head = log.reader.find_head(self.chain)
        if head is None or head.length == self.length:
            return
        fresh = []
        for entry in log.reader.history(self.chain):
            if entry.leaf.seq < self.length:
                break
            fresh.append(entry)
        fresh.reverse()
        gone: dict[Hash, Position] = {}
        if any(entry.leaf.claim.kind is Kind.ERASURE for entry in fresh):
            # Begin anew, so that nothing is left of what was ordered to be erased.
            self._clear()
            newest_first = list(log.reader.history(self.chain))
            fresh, gone = newest_first[::-1], erased_by(newest_first)
        self._take_in(log, fresh, gone)
        self.length = fresh[-1].leaf.seq + 1 if fresh else self.length

    def _clear(self) -> None:
        self.entries, self.accesses, self.resources = [], [], {}

    def _take_in(self, log: Target, fresh: Sequence[Entry], gone: Container[Hash]) -> None:
        others = [one for one in fresh if one.leaf.claim.kind is not Kind.ACCESS]
        if others:
            self._open_all(log, others, gone)
        # Last: what fails above is taken in again.
        self.accesses += [one.position for one in fresh if one.leaf.claim.kind is Kind.ACCESS]

    def _open_all(self, log: Target, others: Sequence[Entry], gone: Container[Hash]) -> None:
        sealed = [
            one
            for one in others
            if one.leaf.claim.blob_size
            and leaf_hash(one.raw) not in gone
            and not is_erased(log, one)
        ]
        found: dict[Position, Opened] = {}
        for at in range(0, len(sealed), MOST):
            group = sealed[at : at + MOST]
            streams = log.vault.use_all([one.position for one in group], PURPOSE)
            for entry, stream in zip(group, streams, strict=True):
                found[entry.position] = self._open(entry, stream)
        self.entries += [found.get(one.position) or without_header(one) for one in others]
        self.linked = frozenset(linked_records(self.entries))
        self.changes = others[-1].leaf.seq + 1

    def _open(self, entry: Entry, stream: Stream | BadRequest) -> Opened:
        if isinstance(stream, BadRequest):
            return without_header(entry, malformed=True)
        large = stream.size > MAX_CONTENT
        content = Content(stream.header, b"" if large else b"".join(stream.pieces))
        if entry.leaf.claim.kind in _RESOURCES and content.media_type == FHIR_JSON and not large:
            indexed = _indexed(content.content, entry.leaf.claim.blob_size)
            if indexed is not None:
                self.resources[entry.position] = indexed
        return with_header(entry, content)


def _indexed(content: bytes, size: int) -> Indexed | None:
    """None for what is no resource: an author can seal anything."""
    try:
        parsed = parse(content)
    except BadRequest:
        return None
    kind = parsed.get("resourceType") if isinstance(parsed, dict) else None
    if not isinstance(kind, str):
        return None
    return Indexed(kind, size, extract(kind, parsed))
