"""One alternative of a criterion, read by the kind of its parameter. All raise BadRequest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Final, NamedTuple

from ledger.errors import BadRequest
from ledger.fhir.searching.dates import span
from ledger.fhir.searching.query import (
    Modifier,
    Wanted,
    WantedDate,
    WantedMissing,
    WantedReference,
    WantedText,
    WantedToken,
)
from ledger.fhir.searching.table import ANY_TYPE, Kind, Parameter
from ledger.fhir.searching.writing import divided, plain

_PREFIXED: Final = re.compile(r"([a-z]{2})?(.*)", re.DOTALL)
_PREFIXES: Final = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"})
_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_RELATIVE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.\-]{1,64}")
# "+09:00" that was not encoded arrives as " 09:00".
_LOST_PLUS: Final = re.compile(r" (?=\d\d:\d\d\Z)")


class Surroundings(NamedTuple):
    """``base``: this service's own URL, without the last slash; ``zone``: of dates without one."""

    base: str
    zone: tzinfo


def token(parameter: Parameter, text: str) -> WantedToken:
    """``code``, ``system|code``, ``|code`` or ``system|``."""
    parts = divided(text, "|")
    if len(parts) > 2 or not any(parts):
        raise BadRequest(
            f"{parameter.name} is not a token",
            hint="write code, system|code, |code or system|, and \\| for | itself",
        )
    if len(parts) == 1:
        return WantedToken(None, plain(text))
    system: str | None = plain(parts[0])
    if parameter.system is not None and system in ("", parameter.system):
        system = None  # implied, so no resource writes it
    return WantedToken(system, plain(parts[1]) if parts[1] else None)


def date(parameter: Parameter, text: str, around: Surroundings) -> WantedDate:
    match = _PREFIXED.fullmatch(plain(text))
    assert match is not None
    prefix = match[1] or "eq"
    found = span(_LOST_PLUS.sub("+", match[2]), around.zone)
    if prefix not in _PREFIXES or found is None:
        raise BadRequest(
            f"{parameter.name} is not a date that can be searched for",
            hint="write 2026, 2026-11, 2026-11-21 or 2026-11-21T09:30:00+09:00, "
            "after eq, ne, gt, lt, ge, le, sa, eb or nothing",
        )
    return WantedDate(prefix, found)


def reference(
    parameter: Parameter, text: str, around: Surroundings, only: str | None
) -> WantedReference:
    """``id``, ``Type/id`` or a URL; ``only`` is the type that a modifier gives."""
    target = plain(text).removeprefix(around.base + "/" if around.base else "")
    target = target.partition("/_history/")[0]
    types = frozenset({only}) if only else parameter.targets
    if _ID.fullmatch(target):
        if len(types) == 1 and ANY_TYPE not in types:
            return WantedReference(f"{next(iter(types))}/{target}", None)
        return WantedReference(target, types)
    if ":" not in target and not _RELATIVE.fullmatch(target):
        raise BadRequest(
            f"{parameter.name} is not a reference",
            hint="write an id, Type/id, or a whole URL",
        )
    return WantedReference(target, None)


def text(parameter: Parameter, value: str) -> WantedText:
    return WantedText(plain(value))


def missing(parameter: Parameter, value: str) -> WantedMissing:
    if value not in ("true", "false"):
        raise BadRequest(f"{parameter.name}:missing is true or false", hint="write one of them")
    return WantedMissing(value == "true")


Reader = Callable[[Parameter, str, Surroundings], Wanted]
READERS: Final[Mapping[tuple[Kind, Modifier], Reader]] = {
    ("token", ""): lambda parameter, value, _: token(parameter, value),
    ("token", "not"): lambda parameter, value, _: token(parameter, value),
    ("date", ""): date,
    ("reference", ""): lambda parameter, value, around: reference(parameter, value, around, None),
    ("reference", "identifier"): lambda parameter, value, _: token(parameter, value),
    ("string", ""): lambda parameter, value, _: text(parameter, value),
    ("string", "exact"): lambda parameter, value, _: text(parameter, value),
    ("string", "contains"): lambda parameter, value, _: text(parameter, value),
    ("token", "missing"): lambda parameter, value, _: missing(parameter, value),
    ("date", "missing"): lambda parameter, value, _: missing(parameter, value),
    ("reference", "missing"): lambda parameter, value, _: missing(parameter, value),
    ("string", "missing"): lambda parameter, value, _: missing(parameter, value),
}
"""Which modifiers each kind has, and how what follows is read."""
