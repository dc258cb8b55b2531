"""Whose record a search is about: it names a person, by reference or by identifier."""

from __future__ import annotations

from ledger.errors import BadRequest
from ledger.fhir.compartment import OWNER
from ledger.fhir.routing import Identifier
from ledger.fhir.searching.draft import Draft, alternatives
from ledger.fhir.searching.query import Wanted, WantedReference, WantedToken
from ledger.fhir.searching.table import Parameter, parameters
from ledger.fhir.searching.wanted import reference, token

_CHAINED = ".identifier"


def personal(resource_type: str) -> frozenset[str]:
    """Parameters that say whose record is searched: ``patient``, ``subject``, ``beneficiary`` …"""
    owners = {tuple(path.split(".")) for path in OWNER.get(resource_type, ())}
    return frozenset(
        name
        for name, parameter in parameters(resource_type).items()
        if parameter.kind == "reference"
        and parameter.may_name("Patient")
        and (name == "patient" or any(path.steps in owners for path in parameter.paths))
    )


def named_by_criterion(draft: Draft, parameter: Parameter, wanted: tuple[Wanted, ...]) -> None:
    """A Patient is named by its id, or by an identifier with its system."""
    tokens = [item for item in wanted if isinstance(item, WantedToken)]
    if parameter.name == "_id" and all(item.code for item in tokens):
        draft.person.append(tuple(f"Patient/{item.code}" for item in tokens))
    elif parameter.name == "identifier" and all(item.system and item.code for item in tokens):
        draft.person.append(tuple(_identifier(item) for item in tokens))


def _identifier(wanted: WantedToken) -> Identifier:
    return Identifier(wanted.system or "", wanted.code or "")


def is_personal(draft: Draft, name: str, modifier: str) -> bool:
    if name in draft.personal:
        return modifier != "missing"
    return name.endswith(_CHAINED) and name.removesuffix(_CHAINED) in draft.personal


def person(draft: Draft, name: str, modifier: str, value: str) -> None:
    """``patient=``, ``subject:Patient=``, ``patient:identifier=``, ``patient.identifier=`` …"""
    chained = name.endswith(_CHAINED) or modifier == "Patient.identifier"
    parameter = draft.known[name.removesuffix(_CHAINED)]
    texts = alternatives(draft, parameter.name, value)
    if (chained and modifier in ("", "Patient.identifier")) or modifier == "identifier":
        tokens = [token(parameter, text) for text in texts]
        if not all(item.system and item.code for item in tokens):
            raise BadRequest(
                f"{parameter.name} names a person by an identifier without its system",
                hint="write system|value",
            )
        draft.person.append(tuple(_identifier(item) for item in tokens))
    elif modifier in ("", "Patient") and not chained:
        wanted = [reference(parameter, text, draft.around, "Patient") for text in texts]
        draft.person.append(tuple(_patient(parameter, item) for item in wanted))
    else:
        raise BadRequest(
            f"{parameter.name} has a modifier that is not supported",
            hint="there are :identifier and :Patient",
        )


def _patient(parameter: Parameter, wanted: WantedReference) -> str:
    if ":" not in wanted.target and not wanted.target.startswith("Patient/"):
        raise BadRequest(f"{parameter.name} does not name a Patient", hint="write Patient/id")
    return wanted.target
