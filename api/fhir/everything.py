"""What ``$everything`` is asked for (FHIR R4, operation-patient-everything.html)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from api.errors import Refused
from api.fhir.formats import FORM
from ledger.errors import BadRequest
from ledger.fhir import jsontext
from ledger.fhir.searching import TYPES
from ledger.fhir.searching.dates import BEGINNING, END, Span, span
from ledger.fhir.searching.values import Values
from ledger.resources.shelf import Stored

_KNOWN: Final = frozenset({"_since", "_type", "_count", "start", "end"}) | FORM
_CARE_DATES: Final = ("date", "authored-on", "authoredon", "effective-time", "onset-date", "period")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which resources of a record."""

    types: frozenset[str] | None
    since_ms: int
    care: Span | None
    """The care that a resource tells of must fall in here; one that tells no time always does."""
    count: int | None

    def takes(self, stored: Stored) -> bool:
        version = stored.content
        if version is None or version.values is None:
            return False
        return (
            (self.types is None or stored.type in self.types)
            and version.received_ms >= self.since_ms
            and (self.care is None or _in_care(version.values, self.care))
        )


def _in_care(values: Values, care: Span) -> bool:
    times = [one for name in _CARE_DATES for one in values.of(name) if isinstance(one, Span)]
    return not times or any(one.low < care.high and one.high > care.low for one in times)


def wanted_of(pairs: Iterable[tuple[str, str]]) -> Wanted:
    """Raises Refused 400."""
    given: dict[str, str] = {}
    for name, value in pairs:
        given[name] = f"{given[name]},{value}" if name == "_type" and name in given else value
    if not given.keys() <= _KNOWN:
        raise Refused(
            400,
            "$everything has a parameter that is not known here",
            hint=f"there are {', '.join(sorted(_KNOWN))}",
            code="not-supported",
        )
    types = frozenset(given["_type"].split(",")) if "_type" in given else None
    if types is not None and not types <= TYPES:
        raise Refused(400, "_type names no type that is kept here", code="invalid")
    since = _time("_since", given)
    start, end = _time("start", given), _time("end", given)
    care = None
    if start is not None or end is not None:
        care = Span(start.low if start else BEGINNING, end.high if end else END)
    count = given.get("_count")
    if count is not None and not (count.isdecimal() and int(count[:9]) > 0 and len(count) < 9):
        raise Refused(400, "_count is no number over 0", code="invalid")
    since_ms = 0 if since is None else since.low // 1_000
    return Wanted(types, since_ms, care, None if count is None else int(count))


def parameters_of(raw: bytes) -> list[tuple[str, str]]:
    """The same, where they are sent as a Parameters resource. Raises Refused 400."""
    try:
        sent = jsontext.parse(raw)
    except BadRequest as error:
        raise Refused(400, f"the body {error.message}", hint=error.hint, code="structure") from None
    if not isinstance(sent, dict) or sent.get("resourceType") != "Parameters":
        raise _no_parameters()
    parts = sent.get("parameter", [])
    if not isinstance(parts, list):
        raise _no_parameters()
    return [_pair(part) for part in parts]


def _pair(part: Any) -> tuple[str, str]:
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        raise _no_parameters()
    values = [value for name, value in part.items() if name.startswith("value")]
    if len(values) != 1 or isinstance(values[0], bool) or not isinstance(values[0], str | int):
        raise _no_parameters()
    return part["name"], str(values[0])


def _no_parameters() -> Refused:
    return Refused(
        400,
        "what $everything is asked for is no Parameters resource with simple values",
        hint="send Parameters.parameter with name and value[x], or nothing",
        code="invalid",
    )


def _time(name: str, given: dict[str, str]) -> Span | None:
    if name not in given:
        return None
    found = span(given[name], UTC)
    if found is None:
        raise Refused(400, f"{name} is no date", hint="like 2026-11-28", code="invalid")
    return found
