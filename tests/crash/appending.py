"""What runs in a child of the fork server and is killed there."""

from __future__ import annotations

import os
import signal
from itertools import count
from pathlib import Path

import pytest

from ledger.log import Log
from tests.crash import points
from tests.crash.ledgers import Record, Workload, make_ledger, record_path, small_runs


def append(directory: str, seed: int, point: str | None, hits: int, steps: int) -> None:
    """Open, append ``steps`` times, close; SIGKILL at the ``hits``-th pass of ``point``."""
    patch = pytest.MonkeyPatch()
    small_runs(patch)
    if point is not None:
        points.install(patch, Killer(point, hits))
    path = Path(directory)
    with Log.open(path) as log:
        workload = Workload(log, Record(record_path(path)), seed)
        for _ in range(steps) if steps else count():
            workload.step()


def found(directory: str, passed: int) -> None:
    """Found a ledger and die at the ``passed``-th point of it, whatever it is called."""
    seen = 0

    def at(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == passed:
            die()

    points.install(pytest.MonkeyPatch(), at)
    make_ledger(Path(directory))


class Killer:
    """Ends this process at the ``hits``-th pass of one point."""

    def __init__(self, point: str, hits: int) -> None:
        self._point = point
        self._left = hits

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if not self._left:
                die()


def die() -> None:
    """kill -9, without a chance to do anything else."""
    os.kill(os.getpid(), signal.SIGKILL)
