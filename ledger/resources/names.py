"""Names of those who act in duty, for whom their acts concern.

An actor's name is sealed in its enrolment. Institutions, practitioners and their tools are shown by
name, as their directory is to whoever may log in, without an access entry; the vault's journal says
that the name was opened. Persons, and those who act in a person's right, are not named: who they
are is for the record's own links to say.
"""

from __future__ import annotations

from typing import Final

from ledger.errors import BadRequest
from ledger.fhir.actors import Actor
from ledger.identity.roles import RECORD_ROLES, ROLES
from ledger.linkage.target import Target
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId

_IN_DUTY: Final = ROLES - RECORD_ROLES
_PURPOSE: Final = "name of an actor"


class Names:
    """Any thread may ask; each name is opened once."""

    def __init__(self, log: Target) -> None:
        self._log = log
        self._known: dict[ActorId, str | None] = {}

    def actor(self, id_: ActorId) -> Actor:
        """The actor as a FHIR reference has it."""
        registry = self._log.reader.registry
        known = registry.actors.get(id_)
        role = "unknown" if known is None else known.role
        # Devices and apps that act in one person's record tell of that person.
        shown = known is not None and role in _IN_DUTY and known.record is None
        return Actor(id_.hex(), role, self._name(id_) if shown else None)

    def _name(self, id_: ActorId) -> str | None:
        if id_ not in self._known:
            self._known[id_] = self._open(id_)
        return self._known[id_]

    def _open(self, id_: ActorId) -> str | None:
        for entry in self._log.reader.history(ChainId(id_)):
            claim = entry.leaf.claim
            if claim.kind is Kind.ACTOR and claim.blob_size:
                try:
                    header = self._log.vault.use(entry.index, _PURPOSE, entry.back).header
                except BadRequest:
                    return None
                name = header.get("name")
                return name if isinstance(name, str) else None
        return None
