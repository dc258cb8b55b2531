"""kill -9 at each step of erasing: it is found, finished, and ends as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from ledger.check import check_ledger
from ledger.erasing import carry_out, is_pending
from ledger.log import Log
from tests.crash.erasing import only_order, prepare
from tests.crash.forkserver import ForkServer

JOB = "tests.crash.erasing:erase"


def files_of(directory: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def fresh(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    shutil.copytree(source, target / source.name)
    shutil.copy(source.with_name("ledger.guard"), target / "ledger.guard")
    return target / source.name


def kill_at_every(children: ForkServer, ledger: Path, place: Path, first: int, step: int) -> int:
    """Kill at points first, first + step, … until there are no more; returns how many kills."""
    traces = prepare(ledger)
    data = files_of(ledger)
    assert all(trace in data for trace in traces)
    for kills, passed in enumerate(range(first, 10_000, step)):
        copy = fresh(ledger, place / "copy")
        status = children.run(JOB, directory=str(copy), passed=passed)
        report = check_ledger(copy)
        # Half a line of the journal is cut off by the next opening.
        assert {one.where for one in report.problems} <= {"vault journal"}
        with Log.open(copy) as log:
            order = only_order(log)
            pending = is_pending(log.vault, order)
            assert pending <= bool(report.notes)
            carry_out(log, order)
        data = files_of(copy)
        assert not [trace for trace in traces if trace in data]
        report = check_ledger(copy)
        assert (report.problems, report.notes) == ([], [])
        if not status:
            assert not pending
            return kills
        assert status == -signal.SIGKILL
    raise AssertionError("erasing never ends")


def test_killed_at_many_points_of_erasing(children: ForkServer, ledger: Path, place: Path) -> None:
    assert kill_at_every(children, ledger, place, 1, 29) >= 5


@pytest.mark.long
@pytest.mark.parametrize("first", range(1, 8))
def test_killed_at_every_point_of_erasing(
    children: ForkServer, ledger: Path, place: Path, first: int
) -> None:
    assert kill_at_every(children, ledger, place, first, 7) >= 20
