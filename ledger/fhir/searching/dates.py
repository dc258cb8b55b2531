"""Dates as ranges of time: ``2026-11`` is a whole month, and a search compares ranges.

A range is half-open, in microseconds since 1970. What is written without a zone is of the zone that
the caller gives. FHIR R4, datatypes (date, dateTime, instant) and search (prefixes).
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

_US: Final = 1_000_000
_DAY: Final = 86_400 * _US
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FORM: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


class Span(NamedTuple):
    """[low, high)."""

    low: int
    high: int


BEGINNING: Final = -(1 << 62)
END: Final = 1 << 62
"""Of a Period that has no start, or no end."""


def span(text: str, zone: tzinfo = UTC) -> Span | None:
    """What a date, dateTime or instant stands for; None where it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, *_ = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        if hour is not None:
            return _moment(first, match, zone)
        if day is not None:
            days = 1
        elif month is not None:
            days = monthrange(first.year, first.month)[1]
        else:
            days = date(first.year, 12, 31).toordinal() - first.toordinal() + 1
        return _days(first, days, zone)
    except (ValueError, OverflowError):
        return None


def _days(first: date, days: int, zone: tzinfo) -> Span:
    low = (first.toordinal() - _EPOCH_DAY) * _DAY
    high = low + days * _DAY
    # A day may begin in another offset than the one it ends in.
    return Span(low - _offset(low, zone), high - _offset(high, zone))


def _offset(local_us: int, zone: tzinfo) -> int:
    """Of the zone at a local time; beyond the calendar's ends, that of the end."""
    limit = date.max.toordinal() - _EPOCH_DAY
    days, rest = divmod(local_us, _DAY)
    local = datetime.combine(date.fromordinal(min(days, limit) + _EPOCH_DAY), datetime.min.time())
    offset = (local + timedelta(microseconds=rest)).replace(tzinfo=zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * _US


def _moment(day: date, match: re.Match[str], zone: tzinfo) -> Span | None:
    hour, minute, second, fraction, offset = match.groups()[3:]
    # R4 allows a leap second.
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    low = (day.toordinal() - _EPOCH_DAY) * _DAY + seconds * _US
    length = 60 * _US if second is None else _US
    if fraction is not None:
        low += int(fraction.ljust(6, "0")[:6])
        length = 10 ** max(0, 6 - len(fraction))
    if offset is None:
        low -= _offset(low, zone)
    elif offset != "Z":
        hours, minutes = int(offset[1:3]), int(offset[4:])
        if hours > 14 or minutes > 59:
            return None
        east = (hours * 3600 + minutes * 60) * _US
        low -= -east if offset[0] == "-" else east
    return Span(low, low + length)


def compared(prefix: str, target: Span, wanted: Span) -> bool:
    """Whether a resource's ``target`` stands to the ``wanted`` range as the prefix says.

    R4's table of examples is followed: ``le2026-11-20`` is "until and including" that day, so it
    finds a stay that began then and went on.
    """
    match prefix:
        case "eq":
            return wanted.low <= target.low and target.high <= wanted.high
        case "ne":
            return not compared("eq", target, wanted)
        case "gt":
            return target.high > wanted.high
        case "lt":
            return target.low < wanted.low
        case "ge":
            return target.high > wanted.low
        case "le":
            return target.low < wanted.high
        case "sa":
            return target.low >= wanted.high
        case "eb":
            return target.high <= wanted.low
        case _:
            raise ValueError("no such prefix")
