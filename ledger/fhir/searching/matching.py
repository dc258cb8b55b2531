"""Whether a resource is what a query asks for, and in which order it stands.

The person is not looked at: in whose record to look is for the caller, and all that stands there is
about that person, however its author referred to them.
"""

from __future__ import annotations

from typing import Any

from ledger.fhir.searching.dates import Span, compared
from ledger.fhir.searching.query import (
    Criterion,
    Include,
    Query,
    Wanted,
    WantedDate,
    WantedMissing,
    WantedReference,
    WantedText,
    WantedToken,
)
from ledger.fhir.searching.values import Name, Reference, Token, Value, Values


def matches(query: Query, values: Values) -> bool:
    return query.resource_type == values.resource_type and all(
        _holds(criterion, values.of(criterion.parameter.name)) for criterion in query.criteria
    )


def _holds(criterion: Criterion, found: tuple[Value, ...]) -> bool:
    if criterion.parameter.kind == "token" and criterion.modifier in ("", "not"):
        any_of = _has_token(frozenset(criterion.alternatives), found)
    else:
        any_of = any(_one(criterion.modifier, wanted, found) for wanted in criterion.alternatives)
    return any_of != (criterion.modifier == "not")


def _has_token(wanted: frozenset[Wanted], found: tuple[Value, ...]) -> bool:
    """Hundreds are asked for among hundreds, so they are not compared one by one."""
    return any(
        isinstance(one, Token)
        and not wanted.isdisjoint(
            (
                WantedToken(one.system, one.code),
                WantedToken(None, one.code),
                WantedToken(one.system, None),
                WantedToken(None, None),
            )
        )
        for one in found
    )


def _one(modifier: str, wanted: Wanted, found: tuple[Value, ...]) -> bool:
    match wanted:
        case WantedMissing(missing):
            return missing == (not found)
        case WantedToken():
            return any(_is_token(wanted, value) for value in found)
        case WantedDate(prefix, span):
            return any(isinstance(v, Span) and compared(prefix, v, span) for v in found)
        case WantedReference():
            return any(isinstance(v, Reference) and _is_target(wanted, v.target) for v in found)
        case WantedText(text):
            return any(isinstance(v, Name) and _is_name(modifier, text, v.text) for v in found)


def _is_token(wanted: WantedToken, value: Value) -> bool:
    if isinstance(value, Reference):
        return value.identifier is not None and _is_token(wanted, value.identifier)
    return (
        isinstance(value, Token)
        and (wanted.system is None or wanted.system == value.system)
        and (wanted.code is None or wanted.code == value.code)
    )


def _is_target(wanted: WantedReference, target: str) -> bool:
    if wanted.types is None:
        return target == wanted.target
    kind, _, identity = target.rpartition("/")
    return identity == wanted.target and (kind in wanted.types or "*" in wanted.types)


def _is_name(modifier: str, wanted: str, text: str) -> bool:
    if modifier == "exact":
        return wanted == text
    if modifier == "contains":
        return wanted.casefold() in text.casefold()
    return text.casefold().startswith(wanted.casefold())


class _Descending:
    """Orders the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


def sort_key(query: Query, values: Values) -> tuple[Any, ...]:
    """For ``sorted``. What has no value stands last; of several the first one of the order counts.

    Ends with the id, so that a page has one order.
    """
    key: list[Any] = []
    for sort in query.sort:
        found = [_comparable(value) for value in values.of(sort.parameter.name)]
        if not found:
            key.append((1, 0))
        elif sort.descending:
            key.append((0, _Descending(max(high for _, high in found))))
        else:
            key.append((0, min(low for low, _ in found)))
    key.append(values.id)
    return tuple(key)


def _comparable(value: Value) -> tuple[Any, Any]:
    """What it begins and ends with."""
    match value:
        case Span(low, high):
            return low, high
        case Token(system, code):
            return (code, system), (code, system)
        case Reference(target):
            return target, target
        case Name(text):
            return text.casefold(), text.casefold()


def included(include: Include, values: Values) -> tuple[str, ...]:
    """References (``Type/id``) by which ``values`` names what is to come too.

    For ``_revinclude`` they are those of a resource of ``include.source``, to be looked for among
    what was found.
    """
    if values.resource_type != include.source:
        return ()
    return tuple(
        value.target
        for value in values.of(include.parameter.name)
        if isinstance(value, Reference)
        and value.target
        and include.target in (None, value.target.rpartition("/")[0])
    )
