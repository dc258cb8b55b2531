"""Ranges: the one byte range that a request may ask for (RFC 9110 section 14).

Several ranges at once, other units and what is malformed are answered with the whole, as the RFC
allows.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_BYTES: Final = re.compile(
    r"\s*bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.ASCII | re.IGNORECASE
)


class Span(NamedTuple):
    """Bytes [start, stop)."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """A range that lies outside: 416."""


def span_of(header: str | None, size: int) -> Span | None:
    """None for the whole. Raises Unsatisfiable."""
    match = None if header is None else _BYTES.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = min(int(match[2]), size)
        if not last:
            raise Unsatisfiable
        return Span(size - last, size)
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, stop)
