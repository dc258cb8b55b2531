"""The clock of a transcript: moved forward by ``date -s``, for all that this process does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from unittest import mock

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\dZ")
_SOME_DAY: Final = "2026-01-01 00:00:00Z"
_NEAR: Final = timedelta(days=2)


class Clock:
    """The real time until it is set; from then on it stands still but for a microsecond each time
    that somebody looks, so that a transcript says the same each time.
    """

    def __init__(self) -> None:
        self._real_ns = time.time_ns
        self._set_ns: int | None = None

    def time_ns(self) -> int:
        if self._set_ns is None:
            return self._real_ns()
        self._set_ns += 1_000
        return self._set_ns

    def time(self) -> float:
        return self.time_ns() / 1e9

    def set(self, text: str) -> None:
        """To a day's start in UTC, or a full ISO time. Only forward, as a log's clock goes."""
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        wanted = int(moment.timestamp()) * 1_000_000_000
        assert wanted > self.time_ns(), "the clock of a transcript runs forward only"
        self._set_ns = wanted

    def fixed(self, text: str) -> str:
        """Dates as one constant; once the clock was set, only those near the real one."""
        now = datetime.fromtimestamp(self._real_ns() / 1e9, UTC).replace(tzinfo=None)

        def constant(match: re.Match[str]) -> str:
            near = abs(datetime.fromisoformat(match[1]) - now) < _NEAR
            return _SOME_DAY if near or self._set_ns is None else match[0]

        return _DATE.sub(constant, text)


@contextmanager
def clock() -> Iterator[Clock]:
    """Every ``time.time`` and ``time.time_ns`` of this process asks this clock."""
    ours = Clock()
    with mock.patch("time.time_ns", ours.time_ns), mock.patch("time.time", ours.time):
        yield ours
