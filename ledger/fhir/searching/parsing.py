"""The parameters of a search request, read strictly.

What names nothing that the type has is collected in ``Query.unknown``: whether that is an error is
for the caller's ``Prefer: handling`` to say. What is known and written wrong is always refused, and
so is a modifier that is not supported (FHIR R4, search, "Modifiers").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Final

from ledger.errors import BadRequest
from ledger.fhir.searching.controls import CONTROLS
from ledger.fhir.searching.draft import Draft, alternatives
from ledger.fhir.searching.people import is_personal, named_by_criterion, person, personal
from ledger.fhir.searching.query import Criterion, Modifier, Query, Wanted
from ledger.fhir.searching.table import TYPES, Parameter, parameters
from ledger.fhir.searching.wanted import READERS, Surroundings, reference

MAX_PARAMETERS: Final = 64
MAX_LENGTH: Final = 32_768
"""Characters of all names and values."""
MODIFIERS: Final[Mapping[str, Modifier]] = {
    "": "",
    "not": "not",
    "missing": "missing",
    "exact": "exact",
    "contains": "contains",
    "identifier": "identifier",
}


def parse_query(
    resource_type: str,
    pairs: Iterable[tuple[str, str]],
    *,
    base: str = "",
    zone: tzinfo = UTC,
) -> Query:
    """``pairs`` are the decoded names and values, in their order.

    ``base`` is the service's own FHIR URL, so that references may be written with it; ``zone`` is
    that of dates which name none. Raises BadRequest (an answer of 400).
    """
    around = Surroundings(base.rstrip("/"), zone)
    draft = Draft(resource_type, around, parameters(resource_type), personal(resource_type))
    length = 0
    for number, (name, value) in enumerate(pairs, 1):
        length += len(name) + len(value)
        if number > MAX_PARAMETERS or length > MAX_LENGTH:
            raise BadRequest(
                f"has more than {MAX_PARAMETERS} parameters or {MAX_LENGTH} characters",
                hint="ask for less at a time",
            )
        _parameter(draft, name, value)
    return Query(
        resource_type,
        tuple(draft.person),
        tuple(draft.criteria),
        draft.count,
        draft.sort,
        tuple(draft.includes),
        tuple(draft.revincludes),
        draft.count_only or draft.count == 0,
        draft.total,
        draft.format,
        tuple(draft.unknown),
        tuple(draft.link),
    )


def _parameter(draft: Draft, name: str, value: str) -> None:
    control = CONTROLS.get(name)
    if control is not None:
        if control(draft, value):
            draft.link.append((name, value))
        else:
            draft.unknown.append(name)
        return
    plain_name, _, modifier = name.partition(":")
    if is_personal(draft, plain_name, modifier):
        person(draft, plain_name, modifier, value)
    elif plain_name in draft.known:
        _criterion(draft, draft.known[plain_name], modifier, name, value)
    else:
        draft.unknown.append(name)


def _criterion(draft: Draft, parameter: Parameter, modifier: str, name: str, value: str) -> None:
    texts = alternatives(draft, parameter.name, value)
    wanted: tuple[Wanted, ...]
    if parameter.kind == "reference" and modifier in TYPES and parameter.may_name(modifier):
        wanted = tuple(reference(parameter, text, draft.around, modifier) for text in texts)
        known: Modifier = ""
    else:
        known = _modifier(parameter, modifier)
        read = READERS[parameter.kind, known]
        wanted = tuple(read(parameter, text, draft.around) for text in texts)
    draft.criteria.append(Criterion(parameter, known, wanted))
    if draft.resource_type == "Patient" and known == "":
        named_by_criterion(draft, parameter, wanted)
    if known != "identifier" and parameter.paths[0].datatype != "Identifier":
        draft.link.append((name, value))


def _modifier(parameter: Parameter, text: str) -> Modifier:
    known = MODIFIERS.get(text)
    if known is None or (parameter.kind, known) not in READERS:
        have = [m for kind, m in READERS if kind == parameter.kind and m]
        raise BadRequest(
            f"{parameter.name} has a modifier that is not supported",
            hint=f"there are {', '.join(f':{m}' for m in have)}",
        )
    return known
