"""Strict JSON: what may differ from reader to reader is refused, so all readers see one content.

    parse(raw)               the value; numbers with a fraction or exponent as Decimal
    entry_spans(text)        where each Bundle entry's resource stands, for its author's bytes

Refused beyond the grammar: bytes that are not UTF-8, a byte order mark, a name that stands twice in
one object, NaN and Infinity, half a surrogate pair, control characters, nesting deeper than 64,
numbers longer than 64 characters or with an exponent of more than three digits (a short text that
unfolds into gigabytes).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from ledger.errors import BadRequest

MAX_DEPTH = 64
MAX_NUMBER = 64
BOM = b"\xef\xbb\xbf"

# An unterminated string matches to the end: else a hostile text costs the square of its length.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^][{}]+")
_SPACE = re.compile(r"[ \t\n\r]*")
_SUSPECT = re.compile(r"\\(?:u[dD][89a-fA-F]|u00[01]|[bf])")
_CONTROL = re.compile(r"\\(?:(u00[01]|[bf])|.)")


def decode(raw: bytes) -> str:
    if raw.startswith(BOM):
        raise BadRequest("starts with a byte order mark", hint="save it as UTF-8 without one")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("is not UTF-8", hint="save it as UTF-8") from None


def parse(raw: bytes) -> Any:
    """Raises BadRequest. Every refusal is the same for one resource and for a whole Bundle."""
    return parse_text(decode(raw))


def parse_text(text: str) -> Any:
    value, end = _value(text, _skip(text, 0))
    if _skip(text, end) != len(text):
        raise BadRequest("has text after the end of its JSON", hint="one JSON value per line")
    return value


def check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = 0
    for char in _NO_BRACKETS.sub("", _STRINGS.sub("", text)):
        if char in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadRequest(
                    f"is nested deeper than {MAX_DEPTH} levels", hint="export it with less nesting"
                )
        elif char in "}]":
            depth -= 1


def _value(text: str, start: int) -> tuple[Any, int]:
    check_depth(text)
    try:
        value, end = _DECODER.raw_decode(text, start)
        if _SUSPECT.search(text):
            _check_characters(value)
    except UnicodeEncodeError:
        raise BadRequest(
            "has half of a surrogate pair in a string", hint="write the character as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise _malformed(text, error) from None
    except (ValueError, RecursionError):
        raise BadRequest("is not readable JSON", hint="export it again") from None
    return value, end


def _check_characters(value: Any) -> None:
    again = json.dumps(value, ensure_ascii=False, default=str)
    again.encode("utf-8")
    if any(match[1] for match in _CONTROL.finditer(again)):
        raise BadRequest(
            "has a control character in a string", hint="FHIR allows tab and line ends only"
        )


def _malformed(text: str, error: json.JSONDecodeError) -> BadRequest:
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return BadRequest("ends in the middle of its JSON", hint="it is truncated: export it again")
    return BadRequest(f"is not JSON at character {error.pos + 1}", hint="export it again")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest(
            "has the same name twice in one object", hint="keep one: readers disagree which counts"
        )
    return found


def _fraction(literal: str) -> Decimal:
    exponent = literal.lower().partition("e")[2].lstrip("+-")
    if len(literal) > MAX_NUMBER or len(exponent) > 3:
        _too_long()
    return Decimal(literal)


def _integer(literal: str) -> int:
    if len(literal) > MAX_NUMBER:
        _too_long()
    return int(literal)


def _too_long() -> NoReturn:
    raise BadRequest(
        f"has a number of more than {MAX_NUMBER} characters or an exponent of more than 3 digits",
        hint="no measurement has that precision: correct the number",
    )


def _constant(_: str) -> NoReturn:
    raise BadRequest("has NaN or Infinity, which JSON does not know", hint="leave the value out")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_fraction,
    parse_int=_integer,
    parse_constant=_constant,
)
# Only for text that _DECODER has accepted before: finds ends at the speed of C.
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


@dataclass(frozen=True, slots=True)
class EntrySpan:
    """One Bundle entry: its resource is ``text[start:end]``; start is -1 where it has none."""

    full_url: str | None
    start: int
    end: int


def entry_spans(text: str) -> list[EntrySpan]:
    """The entries of a Bundle whose text ``parse_text`` has accepted, in their order.

    Accepted text needs no second check here: names are unique and every value is well-formed.
    """
    spans: list[EntrySpan] = []
    for name, start in _members(text, _skip(text, 0)):
        if name == "entry" and text[start] == "[":
            at = _skip(text, start + 1)
            while text[at] != "]":
                span, at = _entry(text, at)
                spans.append(span)
                at = _skip(text, at)
                at = _skip(text, at + 1) if text[at] == "," else at
    return spans


def _entry(text: str, at: int) -> tuple[EntrySpan, int]:
    if text[at] != "{":
        return EntrySpan(None, -1, -1), _SCAN(text, at)[1]
    full_url: str | None = None
    start = end = -1
    for name, value_at in _members(text, at):
        if name == "resource":
            start, end = value_at, _SCAN(text, value_at)[1]
        elif name == "fullUrl":
            value = _SCAN(text, value_at)[0]
            full_url = value if isinstance(value, str) else None
    return EntrySpan(full_url, start, end), _SCAN(text, at)[1]


def _members(text: str, at: int) -> list[tuple[str, int]]:
    """Name and start of the value of each member of the object at ``at``."""
    found: list[tuple[str, int]] = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _SCAN(text, at)
        at = _skip(text, _skip(text, at) + 1)
        found.append((name, at))
        at = _skip(text, _SCAN(text, at)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
    return found
