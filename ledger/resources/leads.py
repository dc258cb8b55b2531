"""Leads: what a reference in somebody's text leads to.

It is looked for in the space of whom the text is from, and what is found there is named by its
public id. It may stand in the same record, or in an institution's directory; never in the record
of somebody else.
"""

from __future__ import annotations

from collections.abc import Collection

from ledger.heads import ChainType
from ledger.identity import Registry
from ledger.linkage.target import Target
from ledger.resources.index import ChainIndex
from ledger.resources.naming import public_id
from ledger.resources.relations import institution_of
from ledger.resources.spaces import local_tag
from ledger.wire.ids import ActorId, ChainId


def space_of(registry: Registry, actor: ActorId) -> ActorId:
    """In whose space an actor's names are: its institution's, else its own."""
    return institution_of(registry, actor) or actor


class Leads:
    """For one answer, or one look at a record: each reference is looked up once."""

    def __init__(self, log: Target, index: ChainIndex, records: Collection[ChainId]) -> None:
        """``records``: the record and those joined with it."""
        self._log = log
        self._index = index
        self._records = frozenset(records)
        self._known: dict[tuple[ActorId, str], str | None] = {}

    def of(self, writer: ActorId, reference: str) -> str | None:
        """``Type/id``, or None where it leads nowhere by a name of the writer's space."""
        key = (space_of(self._log.reader.registry, writer), reference)
        if key not in self._known:
            self._known[key] = self._look_up(*key)
        return self._known[key]

    def _look_up(self, space: ActorId, reference: str) -> str | None:
        reader = self._log.reader
        place = reader.find_tag(local_tag(self._log.vault.tag, space, reference))
        if place is None:
            return None
        chain = reader.entry(*place).leaf.claim.chain
        if chain not in self._records and reader.head(chain).type is not ChainType.DIRECTORY:
            return None
        with self._index.open(chain) as opened:
            known = opened.resources.get(place)
        return None if known is None else f"{known.type}/{public_id(reader, place)}"
