"""A query while it is being read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger.errors import BadRequest
from ledger.fhir.searching.query import Criterion, Include, PersonName, Sort
from ledger.fhir.searching.table import Parameter
from ledger.fhir.searching.wanted import Surroundings
from ledger.fhir.searching.writing import divided

MAX_ALTERNATIVES: Final = 512
"""Of all criteria together."""
MAX_COMPARED: Final = 64
"""Of all criteria but tokens, together: each is compared with each value of each resource."""


@dataclass(slots=True)
class Draft:
    """``once``: which of the names that may stand only once were seen; the rest as in Query."""

    resource_type: str
    around: Surroundings
    known: Mapping[str, Parameter]
    personal: frozenset[str]
    person: list[tuple[PersonName, ...]] = field(default_factory=list)
    criteria: list[Criterion] = field(default_factory=list)
    count: int | None = None
    sort: tuple[Sort, ...] = ()
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    count_only: bool = False
    total: str | None = None
    format: str | None = None
    unknown: list[str] = field(default_factory=list)
    link: list[tuple[str, str]] = field(default_factory=list)
    alternatives: int = 0
    compared: int = 0
    once: set[str] = field(default_factory=set)


def alternatives(draft: Draft, name: str, value: str) -> list[str]:
    """What stands between commas. Raises BadRequest."""
    found = divided(value, ",")
    draft.alternatives += len(found)
    if draft.alternatives > MAX_ALTERNATIVES:
        raise BadRequest(
            f"has more than {MAX_ALTERNATIVES} values to look for", hint="ask for less at a time"
        )
    if draft.known[name].kind != "token":
        draft.compared += len(found)
        if draft.compared > MAX_COMPARED:
            raise BadRequest(
                f"has more than {MAX_COMPARED} dates, references and texts to look for",
                hint="ask for less at a time",
            )
    if not all(found):
        raise BadRequest(f"{name} has an empty value", hint="leave it out")
    return found
