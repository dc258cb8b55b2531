"""The FHIR view of a resource: its author's text with identity, version and references put in.

    {"resourceType":"Basic", "subject":{"reference":"Patient/7"}, "extension":[…1.50…]}

becomes, all in one line,

    {"resourceType":"Basic","id":"1a2b3c4d-34","meta":{"versionId":"1","lastUpdated":"2026-…Z"},
     "subject":{"reference":"Patient/1a2b3c4d-9"}, "extension":[…1.50…]}

Places are found and text is put there; nothing is parsed and written again. So numbers, order,
white space and escapes stay the author's, and so does what ``meta`` has beside version and time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ledger.errors import BadRequest
from ledger.fhir.document import members, value_at
from ledger.fhir.instants import instant
from ledger.fhir.jsontext import check_depth, decode, malformed, skip

Rewrite = Callable[[str], str | None]


class Edit(NamedTuple):
    """``text[start:end]`` gives way to ``new``; where both are one, ``new`` is put in there."""

    start: int
    end: int
    new: str


# Of a well-formed text this finds member names and nothing else: within a string every quotation
# mark follows a backslash, and between strings no letter follows one.
_NAME: Final = "".join(rf"(?:{letter}|\\u00(?i:{ord(letter):02x}))" for letter in "reference")
_REFERENCE: Final = re.compile(
    rf'(?<!\\)"{_NAME}"[ \t\n\r]*:[ \t\n\r]*("[^"\\]*+(?:\\.[^"\\]*+)*+")'
)


def view(text: bytes, identity: str, version: int, updated_ms: int, rewrite: Rewrite) -> bytes:
    """The text as FHIR shows it: ``id``, ``meta.versionId``, ``meta.lastUpdated`` set at the top.

    ``rewrite`` is asked for every string member ``reference``, at any depth, that names nothing
    contained (``#…``); None leaves it. Raises BadRequest where the text is no JSON object, or has a
    name twice at its top or in its ``meta``.
    """
    source = decode(text)
    values = {"versionId": str(version), "lastUpdated": instant(updated_ms)}
    edits = _identity(source, identity, values)
    edits += _references(source, rewrite)
    return _applied(source, edits).encode("utf-8")


def _identity(text: str, identity: str, meta: dict[str, str]) -> list[Edit]:
    check_depth(text)
    start = skip(text, 0)
    if text[start : start + 1] != "{":
        raise BadRequest("is not a JSON object", hint="a FHIR resource is one JSON object")
    edits: list[Edit] = []
    missing = {"id": json.dumps(identity), "meta": json.dumps(meta, separators=(",", ":"))}
    after_type = -1

    def member(name: str, at: int) -> int:
        nonlocal after_type
        if name == "meta" and text[at : at + 1] == "{":
            del missing["meta"]
            return _meta(text, at, meta, edits)
        end = value_at(text, at)[1]
        if name in missing:
            edits.append(Edit(at, end, missing.pop(name)))
        elif name == "resourceType":
            after_type = end
        return end

    try:
        end = members(text, start, member)
    except json.JSONDecodeError as error:
        raise malformed(text, error) from None
    if skip(text, end) != len(text):
        raise BadRequest("has text after the end of its JSON", hint="one JSON value per line")
    if missing and after_type >= 0:
        edits.append(Edit(after_type, after_type, "," + _written(missing)))
    elif missing:
        edits.append(_first(text, start, _written(missing)))
    return edits


def _meta(text: str, start: int, values: dict[str, str], edits: list[Edit]) -> int:
    """Sets ``values`` in the object at ``start``; returns its end."""
    missing = {name: json.dumps(value) for name, value in values.items()}

    def member(name: str, at: int) -> int:
        end = value_at(text, at)[1]
        if name in missing:
            edits.append(Edit(at, end, missing.pop(name)))
        return end

    end = members(text, start, member)
    if missing:
        edits.append(_first(text, start, _written(missing)))
    return end


def _first(text: str, start: int, new: str) -> Edit:
    """``new`` as the first members of the object at ``start``."""
    inside = start + 1
    return Edit(inside, inside, new if text[skip(text, inside)] == "}" else new + ",")


def _written(values: dict[str, str]) -> str:
    return ",".join(f'"{name}":{value}' for name, value in values.items())


def _references(text: str, rewrite: Rewrite) -> list[Edit]:
    edits = []
    for match in _REFERENCE.finditer(text):
        start, end = match.span(1)
        old = text[start + 1 : end - 1]
        if "\\" in old:
            old = value_at(text, start)[0]
        if old.startswith("#"):
            continue
        new = rewrite(old)
        if new is not None and new != old:
            edits.append(Edit(start, end, json.dumps(new)))
    return edits


def _applied(text: str, edits: list[Edit]) -> str:
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(edits):
        # A reference inside a value that is replaced as a whole goes with it.
        if start >= done:
            parts += (text[done:start], new)
            done = end
    parts.append(text[done:])
    return "".join(parts)
