"""Parameters that say how to answer: ``_count``, ``_sort``, ``_include`` and their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ledger.errors import BadRequest
from ledger.fhir.searching.draft import Draft
from ledger.fhir.searching.query import Include, Sort
from ledger.fhir.searching.table import DERIVED, references

MAX_COUNT: Final = 1_000
MAX_SORTS: Final = 8
TOTALS: Final = ("none", "estimate", "accurate")


def _only_once(draft: Draft, name: str) -> None:
    if name in draft.once:
        raise BadRequest(f"{name} stands twice", hint="give it once")
    draft.once.add(name)


def _count(draft: Draft, value: str) -> bool:
    _only_once(draft, "_count")
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise BadRequest("_count is not a number", hint=f"write 0 to {MAX_COUNT}")
    draft.count = min(int(value), MAX_COUNT)
    return True


def _sort(draft: Draft, value: str) -> bool:
    _only_once(draft, "_sort")
    keys = value.split(",")
    found = [draft.known.get(key.removeprefix("-")) for key in keys]
    sorts = tuple(
        Sort(parameter, key.startswith("-"))
        for key, parameter in zip(keys, found, strict=True)
        if parameter is not None and parameter.kind != "reference"
    )
    if len(sorts) != len(keys) or len(sorts) > MAX_SORTS:
        return False
    draft.sort = sorts
    return True


def _include(found: list[Include], value: str, about: str, *, reverse: bool) -> bool:
    source, _, rest = value.partition(":")
    name, colon, target = rest.partition(":")
    parameter = references(source).get(name)
    if parameter is None or about in DERIVED:
        return False
    if colon and (target in DERIVED or target == "*" or not parameter.may_name(target)):
        return False
    if (reverse and not parameter.may_name(about)) or (not reverse and source != about):
        return False
    if reverse and target not in ("", about):
        return False
    found.append(Include(source, parameter, target or None))
    return True


def _summary(draft: Draft, value: str) -> bool:
    _only_once(draft, "_summary")
    draft.count_only = value == "count"
    return value in ("count", "false")


def _total(draft: Draft, value: str) -> bool:
    _only_once(draft, "_total")
    if value not in TOTALS:
        raise BadRequest("_total has an unknown value", hint=f"write {', '.join(TOTALS)}")
    draft.total = value
    return True


def _format(draft: Draft, value: str) -> bool:
    _only_once(draft, "_format")
    draft.format = value
    return True


def _pretty(draft: Draft, value: str) -> bool:
    """White space is the author's."""
    _only_once(draft, "_pretty")
    return value == "false"


CONTROLS: Final[Mapping[str, Callable[[Draft, str], bool]]] = {
    "_count": _count,
    "_sort": _sort,
    "_include": lambda draft, value: _include(
        draft.includes, value, draft.resource_type, reverse=False
    ),
    "_revinclude": lambda draft, value: _include(
        draft.revincludes, value, draft.resource_type, reverse=True
    ),
    "_summary": _summary,
    "_total": _total,
    "_format": _format,
    "_pretty": _pretty,
}
"""Each says whether it does what is asked; if not, its name is among the unknown ones."""
