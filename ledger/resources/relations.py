"""Relations: for whom an actor acts, and what an institution has to do with a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.identity import Registry
from ledger.record.contents import LinkedIdentifier
from ledger.record.joined import ended_links
from ledger.record.model import Opened, Standing
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId

_ORGANISATION: Final = "organisation"
_SUBJECTS: Final = frozenset({"person", "proxy", "guardian"})
_WRITES: Final = frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT})


@dataclass(frozen=True, slots=True)
class Relation:
    """What an institution has to do with a record."""

    identifiers: frozenset[LinkedIdentifier] = frozenset()
    """Those of its patient that it has linked to the record itself, where the link stands."""
    last_activity_ms: int | None = None
    """When its newest entry about the person's health was received."""

    @property
    def linked(self) -> bool:
        """Whether it has linked any."""
        return bool(self.identifiers)


NONE: Final = Relation()


def institution_of(registry: Registry, actor: ActorId) -> ActorId | None:
    """The organisation that an actor acts for: itself, or the nearest one that enrolled it or its
    enroller. None for persons, proxies and guardians, for what a person enrolled, for those whom
    only the governors enrolled, and for whom this log does not know.
    """
    known = registry.actors.get(actor)
    while known is not None and known.role not in _SUBJECTS:
        if known.role == _ORGANISATION:
            return known.id
        known = None if known.enroller is None else registry.actors.get(known.enroller)
    return None


def relations(
    entries: Iterable[Opened], registry: Registry, standing: Standing
) -> dict[ActorId, Relation]:
    """By institution, from the entries of a record. What was written on behalf of somebody is that
    one's, and what stands in doubt counts for nobody.
    """
    entries = list(entries)
    ended = ended_links(entries)
    linked: dict[ActorId, set[LinkedIdentifier]] = {}
    active: dict[ActorId, int] = {}
    for one in entries:
        writer = one.leaf.claim.author
        if one.header is not None and one.header.on_behalf_of is not None:
            writer = one.header.on_behalf_of
        institution = institution_of(registry, writer)
        if institution is None or one.header is None or standing.is_contested(writer, one.position):
            continue
        if one.kind is Kind.LINK and isinstance(one.linked, LinkedIdentifier):
            if one.hash not in ended:
                linked.setdefault(institution, set()).add(one.linked)
        elif one.kind in _WRITES:
            active[institution] = max(active.get(institution, 0), one.leaf.received_ms)
    return {
        institution: Relation(frozenset(linked.get(institution, ())), active.get(institution))
        for institution in linked.keys() | active.keys()
    }
