"""Actors of the log as FHIR references: in access events, provenances, signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SYSTEM: Final = "urn:counterfoil:actor"
"""Of identifiers whose value is an actor id in hex."""
TYPES: Final[Mapping[str, str]] = {
    "organisation": "Organization",
    "practitioner": "Practitioner",
    "person": "Patient",
    "proxy": "RelatedPerson",
    "guardian": "RelatedPerson",
    "device": "Device",
    "app": "Device",
    "gateway": "Device",
}
"""Role of the registry -> what FHIR takes such an actor for; the others are nothing of FHIR."""


@dataclass(frozen=True, slots=True)
class Actor:
    """``id`` is the actor id in hex, ``role`` that of the registry.

    ``reference`` is the public one of the resource that describes the actor, where one is known.
    """

    id: str
    role: str
    name: str | None = None
    reference: str | None = None

    def as_reference(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.reference is not None:
            found["reference"] = self.reference
        if self.role in TYPES:
            found["type"] = TYPES[self.role]
        found["identifier"] = {"system": SYSTEM, "value": self.id}
        if self.name:
            found["display"] = self.name
        return found


def coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    found = {"system": system, "code": code}
    if display is not None:
        found["display"] = display
    return found


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [coding(system, code)]}
