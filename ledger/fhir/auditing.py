"""Access entries and writes as AuditEvents, in the shape of IHE BALP (Basic Audit Log Patterns).

A profile is named only where its rules are kept: they are for what succeeded, a read is of one
resource, a query has its text. What was released stands in entities of their own beside it, typed
by resource: BALP leaves them out, and keeps its type for the one that it knows.

The address of the client is not in the log, so that ``network`` says that it is unknown.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ledger.fhir.actors import Actor, coding, concept
from ledger.fhir.instants import instant

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_EVENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_PROVENANCE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
_RESOURCE: Final = "http://hl7.org/fhir/resource-types"
_BALP_TYPE: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SUCCESS: Final = "0"
REFUSED: Final = "8"

Interaction = Literal[
    "read", "vread", "history-instance", "search", "operation", "create", "update", "delete"
]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One row of BALP: action, the roles of client and server, and of the user."""

    profile: str
    action: str
    client: dict[str, Any]
    server: dict[str, Any]
    user: str


_SOURCE: Final = concept(_DCM, "110153")
_DESTINATION: Final = concept(_DCM, "110152")
_READ: Final = _Pattern("PatientRead", "R", _DESTINATION, _SOURCE, "IRCP")
_QUERY: Final = _Pattern("PatientQuery", "E", _SOURCE, _DESTINATION, "IRCP")
_PATTERNS: Final[dict[Interaction, _Pattern]] = {
    "read": _READ,
    "vread": _READ,
    "search": _QUERY,
    "history-instance": _QUERY,
    "operation": _QUERY,
    "create": _Pattern("PatientCreate", "C", _SOURCE, _DESTINATION, "AUT"),
    "update": _Pattern("PatientUpdate", "U", _SOURCE, _DESTINATION, "AUT"),
    "delete": _Pattern(
        "PatientDelete",
        "D",
        concept(_DCM, "110150"),
        concept(_PROVENANCE, "custodian"),
        "AUT",
    ),
}


@dataclass(frozen=True, slots=True)
class Service:
    """Who answered: the FHIR URL, the site (a host, or the log's origin) and the node's name."""

    base: str
    site: str
    node: str


@dataclass(frozen=True, slots=True)
class Access:
    """What an entry says of one access to one person's record, or of one write."""

    id: str
    """Public id of the entry."""
    recorded_ms: int
    """When the log received it."""
    interaction: Interaction
    patient: str = field(repr=False)
    """``Patient/id``."""
    user: Actor
    """Who asked: on whose behalf the service signed, or its author."""
    client: Actor | None = None
    """The software, or the institution, that the user asked through; else the user itself."""
    purpose: str | None = None
    """Code of HL7 v3 PurposeOfUse."""
    resources: tuple[str, ...] = field(default=(), repr=False)
    """What was released or written: ``Type/id/_history/n``, ``Type/id``, or a URL that ends so."""
    query: str | None = field(default=None, repr=False)
    request: str | None = None
    denied: bool = False
    institution: Actor | None = None
    """For which the user acts, where it is not the user itself."""


def audit_event(access: Access, service: Service) -> dict[str, Any]:
    """An AuditEvent of R4; ``ledger.fhir.validate`` takes it."""
    pattern = _PATTERNS[access.interaction]
    meta: dict[str, Any] = {"versionId": "1", "lastUpdated": instant(access.recorded_ms)}
    if _keeps_profile(access):
        meta["profile"] = [PROFILES + pattern.profile]
    event = {
        "resourceType": "AuditEvent",
        "id": access.id,
        "meta": meta,
        "type": coding(_EVENT_TYPE, "rest", "Restful Operation"),
        "subtype": [coding(_INTERACTION, access.interaction)],
        "action": pattern.action,
        "recorded": instant(access.recorded_ms),
        "outcome": REFUSED if access.denied else SUCCESS,
        "agent": list(_agents(access, pattern, service)),
        "source": {
            "site": service.site,
            "observer": {"identifier": {"value": service.node}},
            "type": [coding(_SOURCE_TYPE, "4", "Application Server")],
        },
        "entity": list(_entities(access)),
    }
    if access.denied:
        event["outcomeDesc"] = "asked for and not released"
    return event


def _keeps_profile(access: Access) -> bool:
    if access.denied:
        return False
    if _PATTERNS[access.interaction] is _QUERY:
        return bool(access.query)
    return len(access.resources) == 1


def _agents(access: Access, pattern: _Pattern, service: Service) -> Iterator[dict[str, Any]]:
    client = access.client or access.user
    yield {
        "type": pattern.client,
        "who": client.as_reference(),
        "requestor": False,
        "network": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},
    }
    yield {
        "type": pattern.server,
        "who": {"identifier": {"system": "urn:ietf:rfc:3986", "value": service.base}},
        "requestor": False,
        "network": {"address": service.base, "type": "5"},
    }
    user: dict[str, Any] = {
        "type": concept(_PARTICIPATION, pattern.user),
        "role": [{"text": access.user.role}],
        "who": access.user.as_reference(),
        "requestor": True,
    }
    if access.user.name:
        user["name"] = access.user.name
    if access.purpose:
        user["purposeOfUse"] = [concept(_REASON, access.purpose)]
    yield user
    if access.institution is not None:
        # A patient who sees the name of a program does not know who looked.
        yield {
            "type": {"text": "institution"},
            "role": [{"text": access.institution.role}],
            "who": access.institution.as_reference(),
            "requestor": False,
        }


def _entities(access: Access) -> Iterator[dict[str, Any]]:
    queried = _PATTERNS[access.interaction] is _QUERY
    if queried and access.query:
        yield {
            "type": coding(_ENTITY_TYPE, "2", "System Object"),
            "role": coding(_ROLE, "24", "Query"),
            "query": b64encode(access.query.encode("utf-8")).decode("ascii"),
        }
    first = len(access.resources) == 1 and not queried
    for reference in access.resources:
        resource_type = reference.split("/")[-4 if "/_history/" in reference else -2]
        yield {
            "what": {"reference": reference},
            "type": coding(_ENTITY_TYPE, "2", "System Object")
            if first
            else coding(_RESOURCE, resource_type),
            "role": coding(_ROLE, "4", "Domain Resource"),
        }
    yield {
        "what": {"reference": access.patient},
        "type": coding(_ENTITY_TYPE, "1", "Person"),
        "role": coding(_ROLE, "1", "Patient"),
    }
    if access.request:
        yield {
            "what": {"identifier": {"value": access.request}},
            "type": coding(_BALP_TYPE, "XrequestId"),
        }
