"""CapabilityStatement, made of the tables that the service itself goes by.

Types and what can be done with them are from ``interactions``, parameters and includes from
``searching``; so it says neither more nor less than what is done. FHIR R4, CapabilityStatement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ledger.fhir.actors import concept
from ledger.fhir.instants import instant
from ledger.fhir.interactions import interactions
from ledger.fhir.searching import DERIVED, TYPES, Parameter, parameters, personal, references

FHIR_VERSION: Final = "4.0.1"
FORMATS: Final = ("application/fhir+json", "json")
_SECURITY: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_EVERYTHING: Final = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
_COMPARTMENT: Final = "http://hl7.org/fhir/CompartmentDefinition/patient"
_OF_THE_PERSON: Final = (
    "names the person: Patient/id, or with :identifier (also as a chain) system|value; a search "
    "without it is refused, outside of the directory"
)
_HOW: Final = (
    "Every release of a person's data leaves an access entry first, which AuditEvent shows. "
    "An update is an amendment and needs an id that is known; If-Match is honoured. A delete "
    "retracts and removes nothing. The Patient compartment is the record: what is about the "
    "person, and not what the person did for others. Not done: _has, chains but for a person's "
    "identifier, :text, :in, prefix ap, _elements, _summary but for count, PATCH, conditional "
    "delete, conditional update in Bundles, history of a type or of everything; a transaction's "
    "conditional references are not resolved."
)


@dataclass(frozen=True, slots=True)
class Instance:
    """The service that speaks: its FHIR URL, token URL (SMART Backend Services), version, and when
    that version came up.
    """

    base: str
    token_url: str
    version: str
    since_ms: int
    description: str = "a ledger of health records"


def capability_statement(instance: Instance) -> dict[str, Any]:
    """A CapabilityStatement of R4; ``ledger.fhir.validate`` takes it."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(instance.since_ms),
        "kind": "instance",
        "software": {"name": "counterfoil", "version": instance.version},
        "implementation": {"description": instance.description, "url": instance.base},
        "fhirVersion": FHIR_VERSION,
        "format": list(FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": _HOW,
                "security": _security(instance),
                "resource": [_resource(name) for name in sorted(TYPES)],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "compartment": [_COMPARTMENT],
            }
        ],
    }


def _security(instance: Instance) -> dict[str, Any]:
    return {
        "extension": [
            {"url": _OAUTH, "extension": [{"url": "token", "valueUri": instance.token_url}]}
        ],
        "service": [concept(_SECURITY, "SMART-on-FHIR")],
        "description": "SMART Backend Services: private_key_jwt, keys of the ledger's registry",
    }


def _resource(name: str) -> dict[str, Any]:
    can = interactions(name)
    found: dict[str, Any] = {
        "type": name,
        "interaction": [{"code": code} for code in can],
        "versioning": "versioned" if "vread" in can else "no-version",
        "readHistory": "vread" in can,
        "updateCreate": False,
        "conditionalRead": "full-support" if "vread" in can else "not-supported",
        "conditionalCreate": "create" in can,
        "conditionalUpdate": "update" in can and "search-type" in can,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "logical"],
    }
    if "search-type" in can:
        found |= {key: value for key, value in _search(name) if value}
    if name == "Patient":
        found["operation"] = [{"name": "everything", "definition": _EVERYTHING}]
    return found


def _search(name: str) -> Iterator[tuple[str, list[Any]]]:
    known = parameters(name)
    yield "searchInclude", [f"{name}:{one}" for one in references(name)]
    yield "searchRevInclude", [] if name in DERIVED else list(_naming(name))
    people = personal(name)
    yield "searchParam", [_parameter(p, of_the_person=p.name in people) for p in known.values()]


def _naming(name: str) -> Iterator[str]:
    for source in sorted(TYPES):
        for parameter in references(source).values():
            if parameter.may_name(name):
                yield f"{source}:{parameter.name}"


def _parameter(parameter: Parameter, *, of_the_person: bool) -> dict[str, str]:
    found = {"name": parameter.name, "type": parameter.kind}
    if of_the_person:
        found["documentation"] = _OF_THE_PERSON
    return found
