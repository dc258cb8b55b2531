"""Time: the log's clock never goes back, and says so when it is asked to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ledger.author import Draft
from ledger.errors import BadRequest, LedgerFault
from ledger.log import Log
from ledger.wire.ids import new_entry_id
from tests.log.sample import (
    DAY,
    MINUTE,
    Sample,
    contents,
    entry_with,
    now_ms,
    placed,
    refused,
)


@dataclass
class Clock:
    now: int

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(now_ms() + 2 * MINUTE)


@pytest.fixture
def timed(sample: Sample, clock: Clock) -> Iterator[Log]:
    """The sample ledger with a clock that a test sets."""
    with Log.open(sample.directory, clock=clock) as opened:
        yield opened


def _append(log: Log, sample: Sample) -> int:
    index = placed(log.append([entry_with(sample.clinic, sample.record)])[0]).index
    return log.reader.entry(index).leaf.received_ms


def test_clock_set_back_is_refused_until_it_is_right(
    timed: Log, sample: Sample, clock: Clock
) -> None:
    right = clock.now
    assert _append(timed, sample) == right
    before = contents(timed)
    clock.now = right - MINUTE - 1
    entry = sample.clinic.entry(Draft(sample.record, b"{}"))
    for _ in range(2):
        with pytest.raises(LedgerFault, match="the clock is 60 s behind") as caught:
            timed.append([entry])
        assert "set the clock right" in caught.value.hint
    assert contents(timed) == before
    clock.now = right + 1
    assert placed(timed.append([entry])[0]).index == sample.size + 1
    assert _append(timed, sample) == right + 1


def test_clock_set_back_is_refused_after_opening_again(sample: Sample, clock: Clock) -> None:
    with Log.open(sample.directory, clock=clock) as log:
        _append(log, sample)
    clock.now -= 2 * MINUTE
    with Log.open(sample.directory, clock=clock) as log:
        with pytest.raises(LedgerFault, match="the clock is 120 s behind"):
            log.append([entry_with(sample.clinic, sample.record)])
        clock.now += 2 * MINUTE
        _append(log, sample)


def test_clock_a_little_back_keeps_time_from_going_back(
    timed: Log, sample: Sample, clock: Clock
) -> None:
    start = clock.now
    times = []
    for offset in (0, -MINUTE, -1, 5, 4, 6):
        clock.now = start + offset
        times.append(_append(timed, sample) - start)
    assert times == [0, 0, 0, 5, 5, 6]


def test_known_entry_is_answered_while_the_clock_is_right_only(
    timed: Log, sample: Sample, clock: Clock
) -> None:
    clock.now -= 10 * MINUTE
    with pytest.raises(LedgerFault):
        timed.append([sample.entry])


@pytest.mark.parametrize(
    ("id_offset", "authored_offset", "expires_offset"),
    [
        (-30 * DAY, 0, None),
        (5 * MINUTE, 5 * MINUTE, None),
        (0, -100 * 365 * DAY // 2, None),
        (0, 0, 0),
        (0, 0, 100 * 365 * DAY),
    ],
)
def test_edges_of_the_windows_pass(
    timed: Log,
    sample: Sample,
    clock: Clock,
    id_offset: int,
    authored_offset: int,
    expires_offset: int | None,
) -> None:
    entry = entry_with(
        sample.clinic,
        sample.record,
        entry_id=new_entry_id(clock.now + id_offset),
        authored_ms=max(0, clock.now + authored_offset),
        expires_ms=0 if expires_offset is None else clock.now + expires_offset,
    )
    placed(timed.append([entry])[0])


@pytest.mark.parametrize(
    ("id_offset", "authored_offset", "expires_offset", "message"),
    [
        (-30 * DAY - 1, 0, None, "older than 30 days"),
        (5 * MINUTE + 1, 0, None, "ahead of the log"),
        (0, 5 * MINUTE + 1, None, "ahead of the log"),
        (0, 0, -1, "has expired"),
    ],
)
def test_a_millisecond_over_the_edge_is_refused(
    timed: Log,
    sample: Sample,
    clock: Clock,
    id_offset: int,
    authored_offset: int,
    expires_offset: int | None,
    message: str,
) -> None:
    entry = entry_with(
        sample.clinic,
        sample.record,
        entry_id=new_entry_id(clock.now + id_offset),
        authored_ms=clock.now + authored_offset,
        expires_ms=0 if expires_offset is None else clock.now + expires_offset,
    )
    error = refused(timed.append([entry])[0])
    assert isinstance(error, BadRequest) and message in error.message


def test_entry_sent_again_after_its_window_is_refused_and_not_doubled(
    timed: Log, sample: Sample, clock: Clock
) -> None:
    """Its id may be gone from the table by then: it is too old to be new."""
    entry = sample.clinic.entry(Draft(sample.record, b"{}"))
    first = placed(timed.append([entry])[0])
    clock.now += 29 * DAY
    again = placed(timed.append([entry])[0])
    assert again.known and again.index == first.index
    clock.now += 2 * DAY
    for step in range(3):
        late = entry_with(
            sample.clinic,
            sample.record,
            entry_id=new_entry_id(clock.now),
            authored_ms=clock.now,
        )
        placed(timed.append([late])[0])
        outcome = timed.append([entry])[0]
        if getattr(outcome, "known", False):
            assert placed(outcome).index == first.index, step
        else:
            assert "older than 30 days" in refused(outcome).message
    assert len(list(timed.reader.history(sample.record))) == 3 + 1 + 3
