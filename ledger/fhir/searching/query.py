"""A search as it was understood: what ``parse_query`` gives and ``matches`` asks.

person      whose record: every inner tuple names one person, by any of its ways
criteria    all must hold; within each, one alternative must
unknown     names of parameters that are none of the type, or ask for what is not done
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ledger.fhir.routing import Identifier
from ledger.fhir.searching.dates import Span
from ledger.fhir.searching.table import Parameter

Modifier = Literal["", "not", "missing", "exact", "contains", "identifier"]


class WantedToken(NamedTuple):
    """``system`` None: any; "": none written. ``code`` None: any code of the system."""

    system: str | None
    code: str | None


class WantedDate(NamedTuple):
    prefix: str
    span: Span


class WantedReference(NamedTuple):
    """A whole reference, or an id of any of ``types``."""

    target: str
    types: frozenset[str] | None


class WantedText(NamedTuple):
    text: str


class WantedMissing(NamedTuple):
    missing: bool


Wanted = WantedToken | WantedDate | WantedReference | WantedText | WantedMissing


@dataclass(frozen=True, slots=True)
class Criterion:
    parameter: Parameter
    modifier: Modifier
    alternatives: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    parameter: Parameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """``_include``: what ``source``'s parameter names comes too; ``_revinclude``: what names it."""

    source: str
    parameter: Parameter
    target: str | None
    """Only this type; None for all that the parameter may name."""


PersonName = str | Identifier
"""A public reference (``Patient/1a2b3c4d-34``, or a URL), or an institution's identifier."""


@dataclass(frozen=True, slots=True)
class Query:
    resource_type: str
    person: tuple[tuple[PersonName, ...], ...] = ()
    criteria: tuple[Criterion, ...] = ()
    count: int | None = None
    """Entries of a page; 0 asks for the total alone."""
    sort: tuple[Sort, ...] = ()
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    total_only: bool = False
    """``_summary=count`` or ``_count=0``."""
    total: str | None = None
    """``none``, ``estimate`` or ``accurate``, where asked for."""
    format: str | None = None
    unknown: tuple[str, ...] = ()
    link: tuple[tuple[str, str], ...] = ()
    """What a self link may say of it: understood, and neither person nor identifier."""

    @property
    def ids(self) -> frozenset[str]:
        """Ids asked for by ``_id``; empty where it is not asked."""
        found: frozenset[str] | None = None
        for criterion in self.criteria:
            if criterion.parameter.name == "_id" and criterion.modifier == "":
                ids = {w.code for w in criterion.alternatives if isinstance(w, WantedToken)}
                known = frozenset(code for code in ids if code is not None)
                found = known if found is None else found & known
        return found or frozenset()
