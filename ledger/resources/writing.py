"""Writing: FHIR resources that a client sent, as entries that the gateway signs for it.

    plan = Plan(log, library, gateway, writer)
    planned = plan.create(raw)               one resource; several of a transaction one by one
    …may the writer write in planned.chain?
    …append plan.submissions, durably…       planned.at says which of them the resource is

What one resource of a plan is called (``fullUrl``, its own id) the others may refer to. A plan that
is not appended leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ledger.admission import Submission
from ledger.author import CBOR, FHIR_JSON, Author, Draft
from ledger.errors import BadRequest, Misaddressed
from ledger.fhir import (
    Directory,
    Identifier,
    IsPatient,
    PatientRef,
    Resource,
    Subject,
    route,
    validate,
)
from ledger.identity.roles import INSTITUTIONS
from ledger.importing import authored_ms
from ledger.linkage import Linkage
from ledger.linkage.sources import source_tag
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.record.contents import LinkedIdentifier
from ledger.record.header import Header
from ledger.resources.leads import space_of
from ledger.resources.library import Library
from ledger.resources.relations import institution_of
from ledger.resources.shelf import Stored
from ledger.resources.spaces import local_names, local_tag
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Position

Fields = dict[str, cbor.Value]
MOST_IDENTIFIERS: Final = 64
"""Of a Patient, that are linked."""
NOBODY: Final = "the resource leads to no patient here"
"""Of who is not there, and of whom the writer may not know of: it must be one answer."""
WHO: Final = "create the Patient first, with an identifier of your own, and refer to it"


class LeadsElsewhere(BadRequest):
    """What names a person leads to records that it must not. Whoever answers this tells that they
    exist, so that it is to be noted in those that the writer may not see.
    """

    def __init__(self, message: str, records: Iterable[ChainId], *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.records = frozenset(records)


def _check_number(identifiers: Sequence[Identifier]) -> None:
    """Each becomes an entry of its own. Raises BadRequest."""
    if len(identifiers) > MOST_IDENTIFIERS:
        raise BadRequest(
            f"the Patient has more than {MOST_IDENTIFIERS} identifiers to be linked",
            hint="leave out those that nobody looks for",
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource of a plan."""

    chain: ChainId
    resource: Resource
    at: int
    """Which of the plan's submissions it is; -1 where its entry stands already."""
    known: Position | None = None
    """Where the same bytes of the same sender stand."""
    opens: bool = False
    """Its record is opened by this plan."""


@dataclass(slots=True)
class Plan:
    """Entries to be appended together. Owned by one request."""

    log: Target
    library: Library
    gateway: Author
    writer: ActorId
    submissions: list[Submission] = field(default_factory=list)
    _linkage: Linkage = field(init=False)
    _space: ActorId = field(init=False)
    _names: dict[str, ChainId] = field(default_factory=dict)
    """Patients of this plan by the names that its other resources may use."""
    _opened: dict[Identifier, ChainId] = field(default_factory=dict)
    _linked: set[Identifier] = field(default_factory=set)
    """Identifiers that this plan links, which no relation in the log knows of yet."""
    _sources: dict[bytes, int] = field(default_factory=dict)
    """Fingerprints of bytes that are planned already, and as which submission."""

    def __post_init__(self) -> None:
        self._linkage = Linkage(self.log.reader, self.log.vault.tag)
        self._space = space_of(self.log.reader.registry, self.writer)

    def create(self, raw: bytes, full_url: str | None = None) -> Planned:
        """A new resource. Raises BadRequest for one that is refused, or nobody's."""
        resource = validate(raw)
        subject = route(resource)
        opens = False
        if isinstance(subject, IsPatient):
            _check_number(subject.identifiers)
            chain, opens = self._record_of_patient(subject.identifiers)
        else:
            chain = self._chain(subject)
        names = tuple(local_names(resource.resource_type, resource.id, full_url))
        if isinstance(subject, IsPatient):
            self._names |= dict.fromkeys(names, chain)
        source = source_tag(self.log.vault.tag, self._space, raw)
        known = self._standing(source, chain)
        if known is not None:
            return Planned(chain, resource, -1, known)
        local = [local_tag(self.log.vault.tag, self._space, name) for name in names]
        if (at := self._sources.get(source)) is not None:
            first = self.submissions[at]
            tags = dict.fromkeys((*first.tags, *local))
            self.submissions[at] = replace(first, tags=tuple(tags))
            return Planned(chain, resource, at, opens=opens)
        draft = Draft(
            chain,
            raw,
            header=self._header(),
            authored_ms=authored_ms(resource.parsed),
            tags=(source, *local),
        )
        at = self._sources[source] = self._add(draft)
        return Planned(chain, resource, at, opens=opens)

    def refer(self, full_url: str | None, stored: Stored) -> None:
        """What a condition found in place of a new Patient: others refer to it by that name."""
        if full_url is not None and stored.type == "Patient":
            self._names[full_url] = stored.chain

    def amend(self, stored: Stored, raw: bytes, *, named: bool = True) -> Planned:
        """A new version. Raises BadRequest for one that belongs to somebody else, Misaddressed for
        one that is another resource, or has no id and has to be ``named``.
        """
        resource = validate(raw)
        identity = stored.identity if resource.id is None and not named else resource.id
        if (resource.resource_type, identity) != (stored.type, stored.identity):
            raise Misaddressed(
                "the resource in the body has another type or id than the URL",
                hint="send the resource with the id of the URL",
            )
        subject = route(resource)
        if isinstance(subject, IsPatient):
            _check_number(subject.identifiers)
            self._link_further(subject.identifiers, stored.chain)
        elif isinstance(subject, PatientRef) and not self._is_of(subject, stored.chain):
            raise BadRequest(
                "the resource would belong to another person, or to nobody",
                hint="delete it, and create it in the right record",
            )
        draft = self._changing(stored, Kind.AMEND, raw, self._header())
        return Planned(stored.chain, resource, self._add(draft))

    def _is_of(self, subject: PatientRef, record: ChainId) -> bool:
        """Another's record and none at all are not told apart: the ids of records are easily
        guessed.
        """
        try:
            return self._chain(subject) == record
        except BadRequest:
            return False

    def retract(self, stored: Stored, reason: str) -> int:
        """Take a resource back; returns which submission it is."""
        header = {**Header(CBOR, reason=reason).encode(), **self._header()}
        return self._add(self._changing(stored, Kind.RETRACT, b"", header))

    def _changing(self, stored: Stored, kind: Kind, raw: bytes, header: Fields) -> Draft:
        place = next(one.place for one in stored.versions[::-1] if not one.deleted)
        entry = self.log.reader.entry(*place)
        return Draft(
            stored.chain,
            raw,
            CBOR if kind is Kind.RETRACT else FHIR_JSON,
            kind,
            header,
            amended=leaf_hash(entry.raw),
            amends=place,
        )

    def _header(self) -> Fields:
        if self.writer == self.gateway.id:
            return {}
        return {"on-behalf-of": self.writer}

    def _add(self, draft: Draft) -> int:
        self.submissions.append(self.gateway.entry(draft))
        return len(self.submissions) - 1

    def _standing(self, source: bytes, chain: ChainId) -> Position | None:
        place = self.log.reader.find_tag(source)
        if place is None or self.log.reader.entry(*place).leaf.claim.chain != chain:
            return None
        return place

    def _record_of_patient(self, identifiers: Sequence[Identifier]) -> tuple[ChainId, bool]:
        """The record of a Patient, opened and linked where nobody knows it yet."""
        if not identifiers:
            raise BadRequest(
                "the Patient has no identifier with a system and a value",
                hint="give one: people are never matched by name",
            )
        for identifier in identifiers:
            if identifier in self._opened:
                return self._opened[identifier], True
        record = self._linked_record(identifiers)
        if record is not None:
            self._link_further(identifiers, record)
            return record, False
        record, opening = self.gateway.open_record()
        self.submissions.append(opening)
        for identifier in identifiers:
            self._link(identifier, record)
            self._opened[identifier] = record
        return record, True

    def _link_further(self, identifiers: Sequence[Identifier], record: ChainId) -> None:
        for identifier in identifiers:
            linked = self._linkage.find(identifier)
            if linked is None:
                self._link(identifier, record)
            elif linked != record:
                raise LeadsElsewhere(
                    "an identifier of the Patient is linked to another record",
                    [linked],
                    hint="correct the identifiers, or have the records joined",
                )

    def _linked_record(self, identifiers: Sequence[Identifier]) -> ChainId | None:
        """The record that identifiers lead to, None where nobody has linked any.

        An institution is led by identifiers that it has linked itself, and others may stand beside
        one of them. Else whoever links the number that a hospital gives out next would get what
        the hospital sends under it.
        """
        found = {record for one in identifiers if (record := self._linkage.find(one)) is not None}
        if len(found) > 1:
            raise LeadsElsewhere(
                "identifiers of the patient are linked to two records",
                found,
                hint="correct the identifiers, or have the records joined",
            )
        record = next(iter(found), None)
        institution = institution_of(self.log.reader.registry, self.writer)
        if record is not None and institution is not None:
            own = self.library.relation(record, institution).identifiers
            if not any(one in self._linked or LinkedIdentifier(*one) in own for one in identifiers):
                raise LeadsElsewhere(NOBODY, found, hint=WHO)
        return record

    def _link(self, identifier: Identifier, record: ChainId) -> None:
        known = self.log.reader.registry.actors.get(self.writer)
        # Whom a number is given to is for its giver to say.
        if known is None or known.role not in INSTITUTIONS:
            raise BadRequest(
                "an identifier of the Patient is new, and only institutions link one",
                hint="leave it out, or have the institution that gave it send it",
            )
        if self._linkage.was_unlinked(identifier):
            raise BadRequest(
                "the link of an identifier of the Patient was ended, and whose it is now is not "
                "said",
                hint="have it linked with `counterfoil link`",
            )
        self._linked.add(identifier)
        draft = self._linkage.link(identifier, record)
        self._add(replace(draft, header=self._header()))

    def _chain(self, subject: Subject) -> ChainId:
        """Where a resource belongs that is no Patient. Raises BadRequest."""
        if isinstance(subject, Directory):
            return self.gateway.directory
        if isinstance(subject, IsPatient):
            raise TypeError("a Patient is where its identifiers are")
        by_reference = self._referred(subject.reference)
        by_identifier = self._linked_record(subject.identifiers)
        found = {one for one in (by_reference, by_identifier) if one is not None}
        if len(found) > 1:
            raise LeadsElsewhere(
                f"{subject.element} gives a reference and an identifier of two different patients",
                found,
                hint="correct the one that is wrong",
            )
        if not found or (subject.reference is not None and by_reference is None):
            raise BadRequest(NOBODY, hint=WHO)
        return found.pop()

    def _referred(self, reference: str | None) -> ChainId | None:
        if reference is None:
            return None
        if reference in self._names:
            return self._names[reference]
        reader = self.log.reader
        place = reader.find_tag(local_tag(self.log.vault.tag, self._space, reference))
        if place is not None:
            chain = reader.entry(*place).leaf.claim.chain
        else:
            kind, _, identity = reference.rpartition("/")
            found = self.library.chain_of(identity) if kind == "Patient" else None
            if found is None:
                return None
            chain = found
        return chain if self.library.is_record(chain) else None
