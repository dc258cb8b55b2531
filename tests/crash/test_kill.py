"""kill -9 at random and at every point of a commit: nothing acknowledged is lost."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from ledger.log import Log
from ledger.sequencer import Appended
from tests.crash import points
from tests.crash.checking import check_log
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import Record, Workload, hand_in, record_path

APPEND = "tests.crash.appending:append"
ALL_POINTS = points.APPEND + points.INDEX
STEPS = 60
"""Enough for every point, merges among them, to be passed several times."""


def check_after_kill(directory: Path, seed: int) -> None:
    """Reopen, hand in again what the dead process sent last, append more, reopen again."""
    check_log(directory)
    record = Record(record_path(directory))
    with Log.open(directory) as log:
        for exchange in record.exchanges()[-4:]:
            outcomes = hand_in(log, exchange.sent)
            for again, first in zip(outcomes, exchange.answer or (), strict=False):
                assert isinstance(again, Appended)
                assert (again.index, again.count, again.known) == (first.index, first.count, True)
            if exchange.answer is None:
                record.sending(exchange.sent)
                record.answered(exchange.sent, outcomes, log.reader.signed())
        Workload(log, record, seed).step()
    check_log(directory)


def kill_at(children: ForkServer, ledger: Path, point: str, seeds: range) -> None:
    for seed in seeds:
        hits = random.Random(f"{point}{seed}").choice((1, 1, 2, 5))
        status = children.run(
            APPEND, directory=str(ledger), seed=seed, point=point, hits=hits, steps=STEPS
        )
        assert status == -signal.SIGKILL, f"{point} was not passed {hits} times"
        check_after_kill(ledger, seed)


@pytest.mark.parametrize("point", ALL_POINTS)
def test_killed_at_a_point(children: ForkServer, ledger: Path, point: str) -> None:
    kill_at(children, ledger, point, range(1))


@pytest.mark.long
@pytest.mark.parametrize("point", ALL_POINTS)
def test_killed_at_a_point_often(children: ForkServer, ledger: Path, point: str) -> None:
    kill_at(children, ledger, point, range(100, 112))


def kill_at_random(children: ForkServer, ledger: Path, seeds: range) -> None:
    for seed in seeds:
        delay = random.Random(seed).uniform(0.005, 0.2)
        status = children.run(
            APPEND,
            kill_after=delay,
            directory=str(ledger),
            seed=seed,
            point=None,
            hits=0,
            steps=0,
        )
        assert status == -signal.SIGKILL
        check_after_kill(ledger, seed)


@pytest.mark.parametrize("first", [0, 1000])
def test_killed_at_random(children: ForkServer, ledger: Path, first: int) -> None:
    kill_at_random(children, ledger, range(first, first + 6))


@pytest.mark.long
@pytest.mark.parametrize("first", range(2000, 3000, 50))
def test_killed_at_random_often(children: ForkServer, ledger: Path, first: int) -> None:
    kill_at_random(children, ledger, range(first, first + 15))
