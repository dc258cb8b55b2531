"""What runs in a child of the fork server and is killed there."""

from __future__ import annotations

import os
import resource
import signal
from itertools import count
from pathlib import Path

import pytest

from ledger.errors import LedgerFault
from ledger.founding import found as found_ledger
from ledger.log import Log
from ledger.store.environment import StorageFull
from ledger.vault.master import new_file_master
from tests.crash import points
from tests.crash.checking import dump
from tests.crash.ledgers import ORIGIN, Record, Workload, hand_in, record_path, small_ledgers


def append(directory: str, seed: int, point: str | None, hits: int, steps: int) -> None:
    """Open, append ``steps`` times, close; SIGKILL at the ``hits``-th pass of ``point``."""
    patch = pytest.MonkeyPatch()
    small_ledgers(patch)
    if point is not None:
        points.install(patch, Killer(point, hits))
    path = Path(directory)
    with Log.open(path) as log:
        workload = Workload(log, Record(record_path(path)), seed)
        for _ in range(steps) if steps else count():
            workload.step()


def found(directory: str, passed: int) -> None:
    """Found a ledger and die at the ``passed``-th point of it, whatever it is called."""
    points.install(pytest.MonkeyPatch(), _DieAt(passed))
    found_ledger(Path(directory), ORIGIN)


def rotate(directory: str, passed: int) -> None:
    """Begin a new period and die at the ``passed``-th point of it."""
    with Log.open(Path(directory)) as log:
        points.install(pytest.MonkeyPatch(), _DieAt(passed))
        log.vault.new_period()


def renew_master(directory: str, passed: int) -> None:
    """Take a new master key and die at the ``passed``-th point of it."""
    with Log.open(Path(directory)) as log:
        points.install(pytest.MonkeyPatch(), _DieAt(passed))
        log.vault.renew_master(new_file_master())


class _DieAt:
    """Ends this process at the ``passed``-th point, whatever it is called."""

    def __init__(self, passed: int) -> None:
        self._left = passed

    def __call__(self, _: str) -> None:
        self._left -= 1
        if not self._left:
            die()


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


def limited(directory: str, which: str) -> None:
    """Append until a file may not grow any further, then go on without the limit."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    patch = pytest.MonkeyPatch()
    small_ledgers(patch)
    path = Path(directory)
    record = Record(record_path(path))
    (file,) = (path / which).glob("data.mdb" if which == "log" else "*.seg")
    with Log.open(path) as log:
        workload = Workload(log, record, 5)
        workload.open_records()
        free = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Payloads: half a group's worth. LMDB: a few pages; its file is far larger than a segment.
        size = file.stat().st_size + (20_000 if which == "payloads" else 16_384)
        if which == "payloads":
            # The record and LMDB's file are larger: the limit has to be above them.
            size = max(size, (path / "log/data.mdb").stat().st_size * 2)
        fault: LedgerFault | None = None
        sent, before = workload.large(0), {"": ""}
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, free[1]))
        while fault is None:
            before = dump(log.reader.store, log.vault.keys)
            sent = workload.large(300_000) if which == "payloads" else workload.large(10)
            try:
                hand_in(log, sent)
            except LedgerFault as error:
                fault = error
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
        if which == "payloads":
            assert isinstance(fault, StorageFull)
            assert dump(log.reader.store, log.vault.keys) == before
            hand_in(log, sent)
        else:
            assert "has stopped" in fault.message
    with Log.open(path) as log:
        hand_in(log, sent)


def refused(directory: str) -> None:
    """Opening must fail, because another process holds the ledger."""
    try:
        Log.open(Path(directory))
    except LedgerFault as error:
        if "another process is writing" in error.message:
            return
    raise AssertionError("a second writer was let in")
