"""Access entries of a record as what an AuditEvent says: who, for whom, when, of what."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import BadRequest
from ledger.fhir.actors import Actor
from ledger.fhir.auditing import Access
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.header import Header, decode_header
from ledger.resources.names import Names
from ledger.resources.naming import public_id
from ledger.resources.relations import institution_of, may_act_for
from ledger.resources.shelf import Shelf
from ledger.wire import cbor
from ledger.wire.ids import ActorId, Hash, Position


class Events:
    """Of one record, as one viewer is shown it."""

    def __init__(self, log: Target, names: Names, shelf: Shelf, gateway: ActorId) -> None:
        """``gateway`` is the service's own author, who signs on behalf of all callers."""
        self._log = log
        self._gateway = gateway
        self._names = names
        self._references = _references(log, shelf)
        first = next(shelf.of_type("Patient"), None)
        person = shelf.records[0].hex() if first is None else first.identity
        self._patient = f"Patient/{person}"

    def access(self, entry: Entry, fields: Mapping[str, cbor.Decoded]) -> Access | None:
        """What an access entry says; None for a header that its author sealed wrongly."""
        try:
            header = decode_header(fields)
        except BadRequest:
            return None
        claim = entry.leaf.claim
        author = self._names.actor(claim.author)
        asked_by = header.on_behalf_of or claim.author
        user = author if asked_by == claim.author else self._names.actor(asked_by)
        return Access(
            public_id(self._log.reader, entry.position),
            entry.leaf.received_ms,
            "search" if header.query else "read",
            self._patient,
            user,
            author if user is not author else None,
            header.purpose,
            self._resources(header),
            header.query,
            header.request,
            header.denied,
            self._institution_of(claim.author, asked_by),
        )

    def _institution_of(self, author: ActorId, user: ActorId) -> Actor | None:
        """None too where the author may not say that it asked for this user: anybody could have an
        institution named that never looked.
        """
        registry = self._log.reader.registry
        found = institution_of(registry, user)
        if found is None or found == user:
            return None
        believed = author in (user, self._gateway) or may_act_for(registry, author, user)
        return self._names.actor(found) if believed else None

    def _resources(self, header: Header) -> tuple[str, ...]:
        found = (self._references.get(one) for one in header.entries)
        return tuple(one for one in found if one is not None)


def _references(log: Target, shelf: Shelf) -> dict[Hash, str]:
    """By leaf hash, what the viewer knows an entry as."""
    found = {}
    for stored in shelf.resources.values():
        for version in stored.versions:
            place: Position = version.place
            hash_ = Hash(leaf_hash(log.reader.entry(*place).raw))
            found[hash_] = f"{stored.type}/{stored.identity}/_history/{version.number}"
    return found
