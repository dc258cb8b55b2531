"""How far an audit is, on stderr, when somebody watches and it takes over a second."""

from __future__ import annotations

import sys
import time

_EVERY_S = 0.5
_RATE_OVER_S = 30.0
"""The rate is that of the last while: leaves of one part of a log take longer than of another."""


class Progress:
    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()
        self._shown = False
        self._next = time.monotonic() + 1
        self._size = 0
        self._marks: list[tuple[float, int]] = []

    def __call__(self, done: int, size: int) -> None:
        now = time.monotonic()
        if size != self._size:
            self._size, self._marks = size, [(now, done)]
        if not self._watched or now < self._next:
            return
        self._next = now + _EVERY_S
        self._marks = [mark for mark in self._marks if mark[0] > now - _RATE_OVER_S][-99:]
        since, before = self._marks[0] if self._marks else (now, done)
        self._marks.append((now, done))
        line = progress_line(done, size, done - before, now - since)
        self._shown = True
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def progress_line(done: int, size: int, lately: int, seconds: float) -> str:
    """`lately` leaves took so many seconds."""
    line = f"{done:,} of {size:,} leaves"
    if done >= size:
        return f"{line}; chains, entry ids and heads index"
    if lately <= 0 or seconds <= 0:
        return line
    rate = lately / seconds
    left = int((size - done) / rate)
    shown = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return f"{line}, {rate:,.0f}/s, {shown} left"
