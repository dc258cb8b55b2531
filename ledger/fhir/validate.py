"""One resource, admitted or refused: ``validate(raw)`` -> ``Resource``, or BadRequest.

What is checked: strict JSON (``jsontext``), the resource type, structure and primitive formats (by
``fhir.resources``' R4B models: R4 has none, and the types that R4B changed are refused), required
codes and the JSON rules of FHIR (``codes``). What is not: invariants, references, profiles, other
bindings, the XHTML of narratives.

``Resource.parsed`` is for looking at (routing, indexes). What is kept and signed is ``raw``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.errors import BadRequest
from ledger.fhir import codes, jsontext
from ledger.fhir.reading import MAX_RESOURCE

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

MAX_ID = 64
# Checking an object takes some 30 microseconds however small it is, so size alone bounds nothing:
# 16 MiB of empty objects would take minutes. A long ECG is a few objects with long strings.
MAX_OBJECTS = 100_000
CORRECT = "correct the element and import the resource again"

# In R4 but gone from, or made anew in, R4B, so that no model of them exists.
CHANGED_BY_R4B = frozenset(
    {
        "EffectEvidenceSynthesis",
        "Evidence",
        "EvidenceVariable",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "RiskEvidenceSynthesis",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
    }
)
CONTAINERS = frozenset({"Bundle", "Parameters"})

_MISSING = ("missing", "model_field_validation.missing")
_UNKNOWN = "extra_forbidden"


@dataclass(frozen=True, slots=True)
class Resource:
    resource_type: str
    id: str | None
    parsed: Mapping[str, Any]


def validate(raw: bytes) -> Resource:
    if len(raw) > MAX_RESOURCE:
        raise BadRequest(
            f"is larger than {MAX_RESOURCE >> 20} MiB",
            hint="keep large attachments outside and refer to them by url and hash",
        )
    if raw.count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"has more than {MAX_OBJECTS} objects", hint="split it")
    parsed = jsontext.parse(raw)
    if not isinstance(parsed, dict):
        raise BadRequest("is not a JSON object", hint="a FHIR resource is one JSON object")
    resource_type = _type_of(parsed, "resourceType")
    _check_contained(parsed)
    _check_structure(parsed, resource_type)
    try:
        codes.check(parsed, resource_type)
    except codes.Refused as refused:
        path = element_path(resource_type, refused.path)
        raise BadRequest(f"{path} {refused.problem}", hint=refused.hint) from None
    identity = parsed.get("id")
    if identity is not None and len(identity) > MAX_ID:
        raise BadRequest(f"{resource_type}.id is longer than {MAX_ID} characters", hint=CORRECT)
    return Resource(resource_type, identity, parsed)


def _type_of(node: Mapping[str, Any], path: str) -> str:
    name = node.get("resourceType")
    if not isinstance(name, str) or name not in codes.table().resources:
        raise BadRequest(
            f"{path} is not a resource type of FHIR R4 (4.0.1)",
            hint="give one resource, with its resourceType, as R4 defines it",
        )
    if name in CHANGED_BY_R4B:
        raise BadRequest(
            f"{name} is a resource type that cannot be checked yet",
            hint="attach it as a DocumentReference until it is supported",
        )
    if name in CONTAINERS:
        raise BadRequest(
            f"{name} holds resources and is none of its own",
            hint="give a Bundle as a file of its own, its entries are then taken one by one",
        )
    return name


def _check_contained(parsed: Mapping[str, Any]) -> None:
    # fhir.resources raises KeyError or TypeError here instead of saying what is wrong.
    contained = parsed.get("contained", [])
    if not isinstance(contained, list):
        raise BadRequest("contained is not a list", hint=CORRECT)
    for number, node in enumerate(contained):
        if not isinstance(node, dict):
            raise BadRequest(f"contained[{number}] is not a resource", hint=CORRECT)
        _type_of(node, f"contained[{number}].resourceType")
        if "contained" in node:
            raise BadRequest(
                f"contained[{number}] contains resources itself", hint="contain them side by side"
            )


@functools.cache
def _model(resource_type: str) -> type[BaseModel]:
    module = importlib.import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    model: type[BaseModel] = getattr(module, resource_type)
    return model


def _check_structure(parsed: Mapping[str, Any], resource_type: str) -> None:
    # Late, since the models of a type take up to half a second to load.
    from pydantic import ValidationError

    try:
        _model(resource_type).model_validate(parsed)
    except ValidationError as error:
        raise _bad_structure(error, resource_type) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # Hand-written validators of the library meet shapes that they did not expect.
        raise BadRequest(f"{resource_type} has an element of a wrong shape", hint=CORRECT) from None


def _bad_structure(error: ValidationError, resource_type: str) -> BadRequest:
    # Only place and kind are taken over: the library's own messages quote values.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [part for part in first["loc"] if part != "root"]
    kind = first["type"]
    if kind == _UNKNOWN:
        place = element_path(resource_type, path[:-1])
        return BadRequest(f"{place} has an element that FHIR R4 does not define", hint=CORRECT)
    place = element_path(resource_type, path)
    if kind in _MISSING:
        return BadRequest(f"{place} is required and missing", hint="add the element")
    if "Any of one field value is expected" in first["msg"]:
        return BadRequest(f"{place} has a choice element of two types", hint="keep one of them")
    if "Expect any of field value" in first["msg"]:
        return BadRequest(f"{place} lacks a required choice element", hint="add the element")
    return BadRequest(f"{place} does not have the form that FHIR R4 demands", hint=CORRECT)


def element_path(resource_type: str, path: list[str | int]) -> str:
    text = resource_type
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text
