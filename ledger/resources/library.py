"""Library: every record and every institution's directory as shelves of resources, kept in memory
as long as nothing but accesses came.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.fhir import Identifier
from ledger.heads import ChainType
from ledger.linkage import Linkage
from ledger.linkage.aliases import is_record
from ledger.linkage.standing import RegistryStanding
from ledger.linkage.target import Target
from ledger.record.joined import joined_records
from ledger.record.model import Document, Opened, Timeline, Viewer
from ledger.record.views import timeline
from ledger.resources.index import MOST_ENTRIES, ChainIndex
from ledger.resources.kept import Kept
from ledger.resources.leads import Leads
from ledger.resources.naming import place_of
from ledger.resources.opened import PURPOSE, Indexed
from ledger.resources.relations import NONE, Relation, relations
from ledger.resources.shelf import Binding, Shelf, Viewed
from ledger.vault.door import MOST
from ledger.wire import cbor
from ledger.wire.ids import ActorId, ChainId, Position

_KEPT: Final = 2_000
"""Records whose shelves are kept."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a record and those that are joined with it."""

    changes: dict[ChainId, int]
    """Of every chain that was looked at."""
    contests: int
    """Of the registry: one puts in doubt what was written on any chain."""
    joined: tuple[ChainId, ...]
    entries: tuple[Opened, ...]
    indexed: dict[Position, Indexed]
    relations: dict[ActorId, Relation]
    viewed: Viewed


class Library:
    """Any thread may ask."""

    def __init__(
        self,
        log: Target,
        index: ChainIndex | None = None,
        gateway: ActorId | None = None,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        """``gateway`` is the service's own author, who signs on behalf of all callers.
        ``most_entries`` are kept of chains, of records, and of shelves.
        """
        self._log = log
        self._gateway = gateway
        self._index = ChainIndex(log, most_entries) if index is None else index
        self._standing = RegistryStanding(log.reader)
        self._mutex = threading.Lock()
        self._reads: Kept[ChainId, _Read] = Kept(_KEPT, most_entries)
        self._shelves: Kept[tuple[ChainId, Viewer], tuple[_Read, int | None, Shelf]] = Kept(
            _KEPT, most_entries
        )

    def chain_of(self, identity: str) -> ChainId | None:
        """On whose chain the document with a public id stands: a record, or a directory."""
        place = place_of(self._log.reader, identity)
        if place is None:
            return None
        return self._log.reader.entry(*place).leaf.claim.chain

    def find(self, identifier: Identifier) -> ChainId | None:
        """The record that an identifier is linked to."""
        return Linkage(self._log.reader, self._log.vault.tag).find(identifier)

    def is_directory(self, chain: ChainId) -> bool:
        """Whether it holds an institution's own resources, which belong to no person."""
        head = self._log.reader.find_head(chain)
        return head is not None and head.type is ChainType.DIRECTORY

    def directories(self) -> list[ChainId]:
        """The directories that have entries."""
        registry = self._log.reader.registry
        chains = (registry.directory_chain(actor) for actor in list(registry.actors))
        return [chain for chain in chains if self.is_directory(chain)]

    def is_record(self, chain: ChainId) -> bool:
        """Whether it is a person's record."""
        return is_record(self._log.reader, chain)

    def relation(self, record: ChainId, institution: ActorId | None) -> Relation:
        """What an institution has to do with a record."""
        return NONE if institution is None else self._read(record).relations.get(institution, NONE)

    def shelf(self, chain: ChainId, viewer: Viewer = Viewer.INSTITUTION) -> Shelf:
        """The resources of a record, or of a directory, as they are now."""
        read, now = self._read(chain), time.time_ns() // 1_000_000
        with self._mutex:
            kept = self._shelves.get((chain, viewer))
            if kept is not None and kept[0] is read and (kept[1] is None or now < kept[1]):
                return kept[2]
        newest = max((one.received_ms for one in read.entries), default=0)
        seen = timeline(chain, read.entries, self._standing, viewer, max(now, newest))
        binding = Binding(self._log.reader, read.indexed, self.leads(read.joined), read.viewed)
        shelf = binding.shelf(seen)
        with self._mutex:
            kept = (read, _next_approval(seen), shelf)
            self._shelves.keep((chain, viewer), kept, len(read.entries))
        return shelf

    def headers(self, places: Sequence[Position]) -> dict[Position, dict[str, cbor.Decoded]]:
        """Sealed headers of entries, opened for the service's own use."""
        found = {}
        for at in range(0, len(places), MOST):
            group = places[at : at + MOST]
            for place, stream in zip(group, self._log.vault.use_all(group, PURPOSE), strict=True):
                if not isinstance(stream, BadRequest):
                    found[place] = stream.header
        return found

    def joined(self, record: ChainId) -> tuple[ChainId, ...]:
        """The record and those joined with it."""
        return self._read(record).joined

    def leads(self, records: Collection[ChainId]) -> Leads:
        """What references in these records lead to."""
        return Leads(self._log, self._index, records)

    def accesses(self, record: ChainId) -> list[Position]:
        """The access entries of a record and of those joined with it, newest first."""
        found: list[Position] = []
        for chain in self._read(record).joined:
            with self._index.open(chain) as opened:
                found += opened.accesses
        return sorted(found, key=lambda one: one.order, reverse=True)

    def _read(self, record: ChainId) -> _Read:
        """The record and those joined with it as they are now."""
        changes: dict[ChainId, int] = {}
        contests = self._log.reader.registry.contests
        queue = [record]
        while queue:
            chain = queue.pop()
            if chain not in changes:
                with self._index.open(chain) as opened:
                    changes[chain] = opened.changes
                    queue += [one for one in opened.linked if self.is_record(one)]
        with self._mutex:
            kept = self._reads.get(record)
        if kept is not None and (kept.changes, kept.contests) == (changes, contests):
            return kept
        read = self._read_anew(record, changes, contests, {} if kept is None else kept.viewed)
        with self._mutex:
            self._reads.keep(record, read, len(read.entries))
        return read

    def _read_anew(
        self, record: ChainId, changes: dict[ChainId, int], contests: int, viewed: Viewed
    ) -> _Read:
        entries: list[Opened] = []
        indexed: dict[Position, Indexed] = {}
        for chain in changes:
            with self._index.open(chain) as opened:
                entries += opened.entries
                indexed |= opened.resources
        joined = joined_records(record, entries)
        entries = [one for one in entries if one.chain in set(joined)]
        registry = self._log.reader.registry
        related = relations(entries, registry, self._standing, self._gateway)
        # What was erased since must not stay.
        viewed = {at: one for at, one in viewed.items() if at in indexed}
        return _Read(changes, contests, joined, tuple(entries), indexed, related, viewed)


def _next_approval(seen: Timeline) -> int | None:
    """When the next document is approved by time alone; the view changes then."""
    times = [
        version.approve_at_ms
        for item in seen.items
        if isinstance(item, Document)
        for version in item.versions
        if version.approve_at_ms is not None and version.approve_at_ms > seen.as_of_ms
    ]
    return min(times, default=None)
