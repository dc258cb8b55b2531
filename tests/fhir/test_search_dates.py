"""Dates are ranges, in every precision and zone; prefixes compare them as FHIR R4 says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.fhir.searching.dates import BEGINNING, END, Span, compared, span

JAPAN = timezone(timedelta(hours=9))
SECOND = 1_000_000
DAY = 86_400 * SECOND


def us(text: str) -> int:
    return round(
        (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(0, 0, 1)
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("2026-11-21T09:30", "2026-11-21T09:30:00Z", "2026-11-21T09:31:00Z"),
        ("2026-11-21T09:30:15", "2026-11-21T09:30:15Z", "2026-11-21T09:30:16Z"),
        ("2026-11-21T09:30:15+09:00", "2026-11-21T00:30:15Z", "2026-11-21T00:30:16Z"),
        ("2026-11-21T00:30:15-05:30", "2026-11-21T06:00:15Z", "2026-11-21T06:00:16Z"),
        ("2026-11-21T09:30:15.5Z", "2026-11-21T09:30:15.5Z", "2026-11-21T09:30:15.6Z"),
        ("2026-11-21T09:30:15.250Z", "2026-11-21T09:30:15.250Z", "2026-11-21T09:30:15.251Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"),
        ("1969-12-31", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_ranges(text: str, low: str, high: str) -> None:
    assert span(text) == Span(us(low), us(high))


def test_fractions_beyond_a_microsecond_are_one_microsecond() -> None:
    low = us("2026-11-21T09:30:15Z") + 123_456
    assert span("2026-11-21T09:30:15.123456789Z") == Span(low, low + 1)


def test_the_ends_of_the_calendar() -> None:
    assert span("9999") == Span(us("9999-01-01T00:00:00Z"), us("9999-12-31T00:00:00Z") + DAY)
    assert span("9999-12-31", JAPAN) is not None
    assert span("9999-12-31", ZoneInfo("Asia/Tokyo")) is not None
    assert span("0001-01-01", JAPAN) is not None


def test_a_date_without_zone_is_of_the_zone_given() -> None:
    assert span("2026-11-21", JAPAN) == Span(us("2026-11-20T15:00:00Z"), us("2026-11-21T15:00:00Z"))
    assert span("2026-11-21T09:30:15", JAPAN) == span("2026-11-21T00:30:15Z")
    assert span("2026-11-21T09:30:15Z", JAPAN) == span("2026-11-21T09:30:15Z")


def test_a_day_in_which_clocks_change_is_shorter() -> None:
    found = span("2026-03-29", ZoneInfo("Europe/Berlin"))
    assert found == Span(us("2026-03-28T23:00:00Z"), us("2026-03-29T22:00:00Z"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-",
        "2026-13",
        "2026-00",
        "2026-2-1",
        "2026-02-30",
        "0000",
        "2026-11-21T",
        "2026-11-21T09",
        "2026-11-21T24:00",
        "2026-11-21T09:60",
        "2026-11-21T09:30:61",
        "2026-11-21T09:30:15.",
        "2026-11-21T09:30:15.0123456789",
        "2026-11-21T09:30:15+9:00",
        "2026-11-21T09:30:15+15:00",
        "2026-11-21T09:30:15+09:60",
        "2026-11-21 09:30",
        "2026-11-21Z",
        " 2026",
        "2026\n",
        "２０２６",
        "-2026",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert span(text) is None


PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
DAY_21 = Span(100, 200)


@pytest.mark.parametrize(
    ("target", "holds"),
    [
        (Span(100, 200), "eq ge le"),
        (Span(120, 130), "eq ge le"),
        (Span(100, 101), "eq ge le"),
        (Span(199, 200), "eq ge le"),
        (Span(200, 201), "ne gt ge sa"),
        (Span(99, 100), "ne lt le eb"),
        (Span(99, 101), "ne lt le ge"),
        (Span(199, 201), "ne gt ge le"),
        (Span(100, 201), "ne gt ge le"),
        (Span(99, 200), "ne lt ge le"),
        (Span(50, 300), "ne gt lt ge le"),
        (Span(BEGINNING, 150), "ne lt le ge"),
        (Span(150, END), "ne gt ge le"),
        (Span(BEGINNING, END), "ne gt lt ge le"),
        (Span(300, 400), "ne gt ge sa"),
        (Span(0, 50), "ne lt le eb"),
    ],
)
def test_prefixes(target: Span, holds: str) -> None:
    assert {p for p in PREFIXES if compared(p, target, DAY_21)} == set(holds.split())


SPANS = st.tuples(st.integers(0, 20), st.integers(1, 20)).map(lambda p: Span(p[0], p[0] + p[1]))


@given(SPANS, SPANS)
def test_prefixes_agree_with_each_other(target: Span, wanted: Span) -> None:
    holds = {
        p: compared(p, target, wanted) for p in ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]
    }
    instants = set(range(target.low, target.high))
    asked = set(range(wanted.low, wanted.high))
    assert holds["eq"] == (instants <= asked)
    assert holds["ne"] != holds["eq"]
    assert holds["gt"] == any(t >= wanted.high for t in instants)
    assert holds["lt"] == any(t < wanted.low for t in instants)
    assert holds["ge"] == any(t >= wanted.low for t in instants)
    assert holds["le"] == any(t < wanted.high for t in instants)
    assert holds["sa"] == all(t >= wanted.high for t in instants)
    assert holds["eb"] == all(t < wanted.low for t in instants)


ZONES = st.sampled_from([UTC, JAPAN, ZoneInfo("Europe/Berlin")])


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), ZONES)
def test_a_moment_lies_in_its_second_day_month_and_year(when: datetime, zone: tzinfo) -> None:
    # Twice a year a local time is ambiguous; the earlier one is meant.
    moment = when.replace(tzinfo=zone)
    at = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y-%m", "%Y"):
        found = span(moment.strftime(form), zone)
        assert found is not None
        assert found.low <= at < found.high


@given(st.text(max_size=30) | st.from_regex(r"\d{4}(-\d\d){0,2}(T\d\d:\d\d.{0,12})?"))
def test_any_text_is_a_range_or_none(text: str) -> None:
    found = span(text, JAPAN)
    assert found is None or found.low < found.high
