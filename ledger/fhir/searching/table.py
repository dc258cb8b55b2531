"""The one table of search parameters: type -> name -> kind and paths.

Read from ``parameters.txt``, which has R4's own names; the CapabilityStatement is made of it too.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal, NamedTuple

from ledger.fhir.compartment import DIRECTORY, OTHERS, OWNER
from ledger.fhir.validate import CHANGED_BY_R4B, CONTAINERS

Kind = Literal["token", "date", "reference", "string"]
KINDS: Final[Mapping[str, Kind]] = {
    "token": "token",
    "date": "date",
    "reference": "reference",
    "string": "string",
}
ANY_TYPE: Final = "*"
BOOLEAN: Final = "http://terminology.hl7.org/CodeSystem/special-values"
"""Code system of true and false, where they are searched for as tokens."""
TYPES: Final = frozenset({"Patient", *OWNER, *OTHERS, *DIRECTORY}) - CHANGED_BY_R4B - CONTAINERS
"""Resource types that can be searched: those that a record or a directory takes."""


DERIVED: Final = frozenset({"AuditEvent", "Provenance"})
"""Told from entries of the log; nobody writes them, and no search includes them."""
_FEWER: Final = {"Provenance": frozenset({"target"})}
"""Types of which only these parameters are searched."""


class Path(NamedTuple):
    """Member names from the resource down, and the FHIR data type that stands there."""

    steps: tuple[str, ...]
    datatype: str


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: Kind
    paths: tuple[Path, ...]
    targets: frozenset[str] = frozenset()
    """Of a reference: the types that it may name; ANY_TYPE where R4 names them all."""
    system: str | None = None
    """Of a ``code``: the code system that R4 gives it, where it is one."""

    def may_name(self, resource_type: str) -> bool:
        return resource_type in self.targets or ANY_TYPE in self.targets


COMMON: Final = (
    Parameter("_id", "token", (Path(("id",), "id"),)),
    Parameter("_lastUpdated", "date", (Path(("meta", "lastUpdated"), "instant"),)),
)


def parameters(resource_type: str) -> Mapping[str, Parameter]:
    """Empty for a type that cannot be searched."""
    return _table().get(resource_type, {})


def references(resource_type: str) -> Mapping[str, Parameter]:
    """Of the parameters those by which a search includes others."""
    if resource_type in DERIVED:
        return {}
    return {name: one for name, one in parameters(resource_type).items() if one.kind == "reference"}


@functools.cache
def _table() -> Mapping[str, Mapping[str, Parameter]]:
    found = {name: {common.name: common for common in COMMON} for name in sorted(TYPES)}
    text = files("ledger.fhir.searching").joinpath("parameters.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            resource_type, name, kind, *rest = line.split(" ")
            found[resource_type][name] = _parameter(name, KINDS[kind], rest)
    for resource_type, names in _FEWER.items():
        found[resource_type] = {name: found[resource_type][name] for name in names}
    return found


def _parameter(name: str, kind: Kind, rest: list[str]) -> Parameter:
    paths: list[Path] = []
    systems: set[str] = set()
    for item in rest:
        if not item.startswith(">"):
            steps, _, datatype = item.partition(":")
            datatype, _, system = datatype.partition("=")
            paths.append(Path(tuple(steps.split(".")), datatype))
            systems.add(BOOLEAN if datatype == "boolean" else system)
    return Parameter(
        name,
        kind,
        tuple(paths),
        frozenset(item[1:] for item in rest if item.startswith(">")),
        (systems.pop() or None) if len(systems) == 1 else None,
    )
