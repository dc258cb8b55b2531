"""Whose is it? From the elements by which R4's Patient compartment names a person.

    route(resource)      PatientRef | IsPatient | Directory, or BadRequest with the reason
    patient_identifiers  what a Patient is linked by

A resource belongs to the patient of its *owner* element (``subject``, ``patient``, ``beneficiary``
…). Other elements of the compartment (who performed, sent, pays) count only where no owner is
given: a mother who pays for her child does not own the child's coverage. Two different patients are
ambiguous and refused, and so is what is about a group, a device or a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ledger.errors import BadRequest
from ledger.fhir.compartment import DIRECTORY, OTHERS, OWNER
from ledger.fhir.validate import Resource

# Institution's patient number; the ten-digit institution code follows (JP Core).
PATIENT_NUMBER = "urn:oid:1.2.392.100495.20.3.51."


class Identifier(NamedTuple):
    system: str
    value: str


@dataclass(frozen=True, slots=True)
class PatientRef:
    """A patient that the resource refers to, by one or both of the ways that FHIR has.

    ``reference`` is ``Patient/id``, a URL or ``urn:uuid:…`` as written, without a version;
    ``identifiers`` those of a logical reference or of a contained Patient. ``element`` says where.
    """

    reference: str | None
    identifiers: tuple[Identifier, ...]
    element: str

    @property
    def kind(self) -> Literal["literal", "urn", "identifier"]:
        if self.reference is None:
            return "identifier"
        return "urn" if self.reference.startswith("urn:") else "literal"


@dataclass(frozen=True, slots=True)
class IsPatient:
    id: str | None
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """Belongs to no patient: it goes on the institution's own chain."""


Subject = PatientRef | IsPatient | Directory


_NAME_THE_PATIENT = "name one patient in it, by reference or by identifier"


def route(resource: Resource) -> Subject:
    """Raises BadRequest where it is nobody's, or not clear whose."""
    kind, parsed = resource.resource_type, resource.parsed
    if kind == "Patient":
        return IsPatient(resource.id, patient_identifiers(parsed))
    owners = OWNER.get(kind, ())
    refs = [ref for path in owners for ref in _patients(parsed, kind, path, owner=True)]
    if not refs:
        others = OTHERS.get(kind, ())
        refs = [ref for path in others for ref in _patients(parsed, kind, path, owner=False)]
    if not refs:
        if kind in DIRECTORY:
            return Directory()
        wanted = " or ".join((*owners, *OTHERS.get(kind, ()))[:3])
        why = f"{kind} names no patient" + (f" ({wanted})" if wanted else "")
        raise BadRequest(why, hint=_NAME_THE_PATIENT)
    first = refs[0]
    for ref in refs[1:]:
        if (ref.reference, ref.identifiers) != (first.reference, first.identifiers):
            raise BadRequest(
                f"{kind} is about two different patients ({first.element} and {ref.element})",
                hint="send one resource per patient",
            )
    return first


def patient_identifiers(patient: Mapping[str, Any]) -> tuple[Identifier, ...]:
    """What links a Patient to a record, exactly as written and in the order of the resource.

    The patient numbers of institutions where there are any (a group of hospitals may give several),
    else every identifier that has a system. Numbers marked ``old`` are left out: they may have been
    given to somebody else. Never names, birth dates, or identifiers without a system.
    """
    found: list[Identifier] = []
    for item in patient.get("identifier", ()):
        pair = _identifier(item)
        if pair is not None and item.get("use") != "old" and pair not in found:
            found.append(pair)
    numbers = [pair for pair in found if pair.system.startswith(PATIENT_NUMBER)]
    return tuple(numbers or found)


def _identifier(item: Mapping[str, Any]) -> Identifier | None:
    system, value = item.get("system"), item.get("value")
    if isinstance(system, str) and isinstance(value, str):
        return Identifier(system, value)
    return None


def _patients(parsed: Mapping[str, Any], kind: str, path: str, *, owner: bool) -> list[PatientRef]:
    element = f"{kind}.{path}"
    refs = (_patient(node, parsed, element, owner=owner) for node in _at(parsed, path.split(".")))
    return [ref for ref in refs if ref is not None]


def _at(node: Any, path: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from _at(item, path)
    elif isinstance(node, dict):
        if not path:
            yield node
        elif path[0] in node:
            yield from _at(node[path[0]], path[1:])


def _patient(
    node: Mapping[str, Any], parsed: Mapping[str, Any], element: str, *, owner: bool
) -> PatientRef | None:
    reference = node.get("reference")
    target = _target(node)
    contained: Mapping[str, Any] | None = None
    if isinstance(reference, str) and reference.startswith("#"):
        contained = _contained(parsed, reference[1:])
        target = contained.get("resourceType") if contained else target
    if target != "Patient" and not (owner and target is None):
        if owner:
            what = "a Group" if target == "Group" else "not a patient"
            raise BadRequest(f"{element} is {what}", hint=_NAME_THE_PATIENT)
        return None
    if isinstance(reference, str) and not reference.startswith("#"):
        return PatientRef(_without_version(reference), _logical(node), element)
    identifiers = patient_identifiers(contained) if contained else _logical(node)
    if not identifiers:
        raise BadRequest(
            f"{element} has neither a reference nor an identifier with a system",
            hint="refer to a Patient in the same files, or give identifier.system and .value",
        )
    return PatientRef(None, identifiers, element)


def _logical(node: Mapping[str, Any]) -> tuple[Identifier, ...]:
    pair = _identifier(node.get("identifier", {}))
    return () if pair is None else (pair,)


def _target(node: Mapping[str, Any]) -> str | None:
    """The type that a reference points at, as far as it says so; a urn says nothing."""
    reference = node.get("reference")
    if isinstance(reference, str) and not reference.startswith(("urn:", "#")):
        parts = _without_version(reference).split("/")
        return parts[-2] if len(parts) > 1 else ""
    kind = node.get("type")
    return kind if isinstance(kind, str) else None


def _without_version(reference: str) -> str:
    return reference.partition("/_history/")[0]


def _contained(parsed: Mapping[str, Any], identity: str) -> Mapping[str, Any] | None:
    for item in parsed.get("contained", ()):
        if isinstance(item, dict) and item.get("id") == identity:
            return item
    return None
