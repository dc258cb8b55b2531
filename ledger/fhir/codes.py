"""The required code bindings of FHIR R4, and what JSON FHIR forbids, checked in one walk.

fhir.resources takes ``status: "bogus"``, ``subject: null``, ``category: []``, ``active: "no"`` and
Python spellings of element names (``class_fhir``, ``status__ext``); R4 does not. The table's
provenance is in ``required_codes.md``.

In a CodeableConcept with a required binding a coding from the bound code system must have one of
the codes; text alone, or codings from other systems, are let pass.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any

Path = list[str | int]

# Data types of R4B in elements of any type: [x] is spelled out, so the name tells.
_R4B_ONLY = ("CodeableReference", "RatioRange", "subjectCanonical")
_EXTENSION = "Extension"
_BASE64 = re.compile(r"(?:\s*+[0-9A-Za-z+/=]{4})*+\s*+")
_JSON_FORMS: dict[str, tuple[type, ...]] = {
    "=boolean": (bool,),
    "=integer": (int,),
    "=decimal": (int, Decimal),
}


class Refused(Exception):
    """``path`` is completed from the inside out, so that the good case pays nothing for it."""

    def __init__(self, path: Path, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Codes:
    resources: frozenset[str]
    types: Mapping[str, Mapping[str, int | str]]
    sets: tuple[frozenset[str], ...]
    concepts: tuple[Mapping[str, frozenset[str]], ...]


@functools.cache
def table() -> Codes:
    text = files("ledger.fhir").joinpath("required_codes.json").read_text("utf-8")
    data = json.loads(text)
    return Codes(
        resources=frozenset(data["resources"]),
        types=data["types"],
        sets=tuple(frozenset(codes) for codes in data["sets"]),
        concepts=tuple(
            {system: frozenset(codes) for system, codes in concept.items()}
            for concept in data["concepts"]
        ),
    )


def check(resource: Mapping[str, Any], resource_type: str) -> None:
    """Raises Refused. The names of the elements must have been checked before."""
    _node(resource, resource_type, table())


def _node(node: Mapping[str, Any], kind: str, codes: Codes) -> None:
    if not node:
        raise Refused([], "is an empty object", "leave the element out")
    known = codes.types.get(kind, {})
    for name, value in node.items():
        try:
            if name.rfind("_") > 0:
                raise Refused([], "is not how FHIR spells this element", "see the specification")
            spec = known.get(name)
            if type(spec) is int:
                if type(value) is str and value not in codes.sets[spec]:
                    raise _bad_code(codes.sets[spec])
            elif type(spec) is str and spec[0] == "=":
                _form(value, spec)
            if type(value) is dict:
                _object(name, value, spec, codes)
            elif type(value) is list:
                _list(name, value, spec, codes)
            elif value is None:
                raise Refused([], "is null", "leave the element out")
            if name.endswith(_R4B_ONLY):
                raise Refused([], "is an element of FHIR R4B, not of R4", "use an R4 element")
        except Refused as refused:
            refused.path.insert(0, name)
            raise


def _object(name: str, value: Mapping[str, Any], spec: int | str | None, codes: Codes) -> None:
    if name in ("extension", "modifierExtension"):
        _node(value, _EXTENSION, codes)
    elif "resourceType" in value and name == "contained":
        _node(value, value["resourceType"], codes)
    elif type(spec) is str and spec[0] == "@":
        _node(value, "CodeableConcept", codes)
        _concept(value, codes.concepts[int(spec[1:])])
    else:
        _node(value, spec if type(spec) is str else "", codes)


def _list(name: str, values: list[Any], spec: int | str | None, codes: Codes) -> None:
    if not values:
        raise Refused([], "is an empty list", "leave the element out")
    for number, value in enumerate(values):
        try:
            if type(value) is dict:
                _object(name, value, spec, codes)
            elif type(value) is str and type(spec) is int and value not in codes.sets[spec]:
                raise _bad_code(codes.sets[spec])
        except Refused as refused:
            refused.path.insert(0, number)
            raise


def _form(value: Any, form: str) -> None:
    """fhir.resources reads "no" as false and "5" as 5; a reader in another language does not."""
    for item in value if type(value) is list else (value,):
        kind = type(item)
        if item is None:
            continue
        if form == "=base64":
            if kind is str and not _BASE64.fullmatch(item):
                raise Refused([], "is not base64", "encode it as RFC 4648 says")
        elif kind not in _JSON_FORMS[form]:
            raise Refused([], f"is not a JSON {form[1:]}", "write it without quotes, as R4 says")


def _concept(value: Mapping[str, Any], systems: Mapping[str, frozenset[str]]) -> None:
    for number, coding in enumerate(value.get("coding", ())):
        allowed = systems.get(coding.get("system"))
        if allowed is not None and coding.get("code") not in allowed:
            refused = _bad_code(allowed)
            refused.path = ["coding", number, "code"]
            raise refused


def _bad_code(allowed: frozenset[str]) -> Refused:
    hint = "use a code of the value set that R4 requires"
    if len(allowed) <= 16:
        hint = "use one of: " + ", ".join(sorted(allowed))
    return Refused([], "is not a code that FHIR R4 allows here", hint)
