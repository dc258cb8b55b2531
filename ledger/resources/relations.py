"""Relations: for whom an actor acts, and what an institution has to do with a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.identity import Registry
from ledger.identity.roles import RECORD_ROLES
from ledger.record.contents import LinkedIdentifier
from ledger.record.joined import ended_links
from ledger.record.model import Opened, Standing
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId

_ORGANISATION: Final = "organisation"
_GATEWAY: Final = "gateway"
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
    while known is not None and known.role not in RECORD_ROLES:
        if known.role == _ORGANISATION:
            return known.id
        known = None if known.enroller is None else registry.actors.get(known.enroller)
    return None


def may_act_for(registry: Registry, author: ActorId, principal: ActorId) -> bool:
    """Whether it counts when an author says that it signs on behalf of somebody: of its own
    institution, or of anybody where it is a gateway of none.
    """
    known, own = registry.actors.get(author), institution_of(registry, author)
    if own is None:
        return known is not None and known.role == _GATEWAY
    return institution_of(registry, principal) == own


def relations(
    entries: Iterable[Opened],
    registry: Registry,
    standing: Standing,
    gateway: ActorId | None = None,
) -> dict[ActorId, Relation]:
    """By institution, from the entries of a record. What was written on behalf of somebody is that
    one's where its author may act for it; ``gateway``, the service's own, may for all. What stands
    in doubt counts for nobody.
    """
    entries = list(entries)
    ended = ended_links(entries)
    linked: dict[ActorId, set[LinkedIdentifier]] = {}
    active: dict[ActorId, int] = {}
    for one in entries:
        writer = one.author
        principal = None if one.header is None else one.header.on_behalf_of
        if principal is not None and (
            writer == gateway or may_act_for(registry, writer, principal)
        ):
            writer = principal
        institution = institution_of(registry, writer)
        if institution is None or one.header is None or standing.is_contested(writer, one.position):
            continue
        if one.kind is Kind.LINK and isinstance(one.linked, LinkedIdentifier):
            if one.hash not in ended:
                linked.setdefault(institution, set()).add(one.linked)
        elif one.kind in _WRITES:
            active[institution] = max(active.get(institution, 0), one.received_ms)
    return {
        institution: Relation(frozenset(linked.get(institution, ())), active.get(institution))
        for institution in linked.keys() | active.keys()
    }
