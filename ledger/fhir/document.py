"""Where each entry's resource stands in the text of a Bundle, for its author's bytes.

One pass over the text that keeps nothing but places: values are found with the scanner of ``json``
and dropped. It is strict about the frame (the Bundle and its entries) and lenient inside resources,
so that a resource which repeats a name is refused by itself, by ``validate``, and not its Bundle.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.errors import Unreadable
from ledger.fhir.jsontext import check_depth, malformed, skip

# Integers as float: int() refuses more than 4,300 digits, and nothing here looks at them.
value_at: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(parse_int=float).raw_decode


class EntrySpan(NamedTuple):
    """The resource is ``text[start:end]``; start is -1 where the entry has none.

    ``request`` is where the entry's request stands, likewise; ``names`` are all its members.
    """

    full_url: str | None
    start: int
    end: int
    request: tuple[int, int] = (-1, -1)
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Document:
    resource_type: Any = None
    type: Any = None
    entries: list[EntrySpan] = field(default_factory=list)
    entries_are_a_list: bool = True


def scan(text: str) -> Document:
    """Raises Unreadable where the text is not one well-formed JSON object."""
    check_depth(text)
    found = Document()

    def member(name: str, at: int) -> int:
        if name == "entry":
            found.entries_are_a_list = text[at : at + 1] == "["
            if found.entries_are_a_list:
                return _entries(text, at, found.entries)
        value, end = value_at(text, at)
        if name == "resourceType":
            found.resource_type = value
        elif name == "type":
            found.type = value
        return end

    try:
        start = skip(text, 0)
        if text[start : start + 1] == "{":
            end = members(text, start, member)
        else:
            end = value_at(text, start)[1]
    except json.JSONDecodeError as error:
        raise malformed(text, error) from None
    if skip(text, end) != len(text):
        raise Unreadable("has text after the end of its JSON", hint="one JSON value per line")
    return found


def _entries(text: str, at: int, found: list[EntrySpan]) -> int:
    at = skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        span, at = _entry(text, at)
        found.append(span)
        at = skip(text, at)
        if text[at : at + 1] == "]":
            return at + 1
        at = _expect(text, at, ",")


def _entry(text: str, at: int) -> tuple[EntrySpan, int]:
    if text[at : at + 1] != "{":
        return EntrySpan(None, -1, -1), value_at(text, at)[1]
    full_url: str | None = None
    start = end = -1
    request = (-1, -1)
    names: list[str] = []

    def member(name: str, at: int) -> int:
        nonlocal full_url, start, end, request
        names.append(name)
        value, after = value_at(text, at)
        if name == "resource":
            start, end = at, after
        elif name == "request":
            request = (at, after)
        elif name == "fullUrl" and isinstance(value, str):
            full_url = value
        return after

    after = members(text, at, member)
    return EntrySpan(full_url, start, end, request, tuple(names)), after


def members(text: str, at: int, member: Callable[[str, int], int]) -> int:
    """Past the object at ``at``. Calls ``member`` with name and start of each value; it returns the
    value's end. Raises Unreadable where a name stands twice, JSONDecodeError.
    """
    names: set[str] = set()
    at = skip(text, at + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting a name", text, at)
        name, at = value_at(text, at)
        if name in names:
            raise Unreadable(
                "has the same name twice in one object",
                hint="keep one: readers disagree which counts",
            )
        names.add(name)
        at = skip(text, member(name, _expect(text, skip(text, at), ":")))
        if text[at : at + 1] == "}":
            return at + 1
        at = _expect(text, at, ",")


def _expect(text: str, at: int, char: str) -> int:
    if text[at : at + 1] != char:
        raise json.JSONDecodeError(f"Expecting {char}", text, at)
    return skip(text, at + 1)
