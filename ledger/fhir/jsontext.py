"""Strict JSON: what may differ from reader to reader is refused, so all readers see one content.

    parse(raw)               the value; numbers with a fraction or exponent as Decimal

Refused beyond the grammar: bytes that are not UTF-8, a byte order mark, a name that stands twice in
one object, NaN and Infinity, half a surrogate pair, control characters, nesting deeper than 64,
numbers longer than 64 characters or with an exponent of more than three digits (a short text that
unfolds into gigabytes).
"""

from __future__ import annotations

import json
import re
from array import array
from decimal import Decimal
from itertools import accumulate
from typing import Any, NoReturn

from ledger.errors import Unreadable

MAX_DEPTH = 64
MAX_NUMBER = 64
BOM = b"\xef\xbb\xbf"

# An unterminated string matches to the end: else a hostile text costs the square of its length.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^][{}]+")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_SPACE = re.compile(r"[ \t\n\r]*")
_SUSPECT = re.compile(r"\\(?:u[dD][89a-fA-F]|u00[01]|[bf])")
_CONTROL = re.compile(r"\\(?:(u00[01]|[bf])|.)")


def decode(raw: bytes) -> str:
    if raw.startswith(BOM):
        raise Unreadable("starts with a byte order mark", hint="save it as UTF-8 without one")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8", hint="save it as UTF-8") from None


def parse(raw: bytes) -> Any:
    """Raises Unreadable, which is a BadRequest."""
    text = decode(raw)
    value, end = _value(text, skip(text, 0))
    if skip(text, end) != len(text):
        raise Unreadable("has text after the end of its JSON", hint="one JSON value per line")
    return value


def check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    brackets = _NO_BRACKETS.sub("", _STRINGS.sub("", text)).encode("ascii")
    if max(accumulate(array("b", brackets.translate(_STEPS))), default=0) > MAX_DEPTH:
        raise Unreadable(
            f"is nested deeper than {MAX_DEPTH} levels", hint="export it with less nesting"
        )


def _value(text: str, start: int) -> tuple[Any, int]:
    check_depth(text)
    try:
        value, end = _DECODER.raw_decode(text, start)
        if _SUSPECT.search(text):
            _check_characters(value)
    except UnicodeEncodeError:
        raise Unreadable(
            "has half of a surrogate pair in a string", hint="write the character as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise malformed(text, error) from None
    except (ValueError, RecursionError):
        raise Unreadable("is not readable JSON", hint="export it again") from None
    return value, end


def _check_characters(value: Any) -> None:
    again = json.dumps(value, ensure_ascii=False, default=str)
    again.encode("utf-8")
    if any(match[1] for match in _CONTROL.finditer(again)):
        raise Unreadable(
            "has a control character in a string", hint="FHIR allows tab and line ends only"
        )


def malformed(text: str, error: json.JSONDecodeError) -> Unreadable:
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return Unreadable("ends in the middle of its JSON", hint="it is truncated: export it again")
    return Unreadable(f"is not JSON at character {error.pos + 1}", hint="export it again")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable(
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
    raise Unreadable(
        f"has a number of more than {MAX_NUMBER} characters or an exponent of more than 3 digits",
        hint="no measurement has that precision: correct the number",
    )


def _constant(_: str) -> NoReturn:
    raise Unreadable("has NaN or Infinity, which JSON does not know", hint="leave the value out")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_fraction,
    parse_int=_integer,
    parse_constant=_constant,
)


def skip(text: str, at: int) -> int:
    """Past the white space at ``at``."""
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
