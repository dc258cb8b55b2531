"""How a command ends: exit codes, the verdict on stdout, problems and complaints on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

VERIFIED, FALSE, USAGE, COULD_NOT_FINISH = 0, 1, 2, 3


def finish(verdict: str, problems: Iterable[str], verified: bool) -> int:
    print(verdict)
    for line in problems:
        print(line, file=sys.stderr)
    return VERIFIED if verified else FALSE


def complain(code: int, message: str, hint: str) -> int:
    print(f"counterfoil-verify: {message}\nhint: {hint}", file=sys.stderr)
    return code


class Progress:
    """A counter on stderr, when somebody watches and it takes over a second."""

    def __init__(self) -> None:
        self._shown = False
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")

    def __call__(self, done: int, size: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.5
            self._shown = True
            print(f"\r{done:,} of {size:,} leaves", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
