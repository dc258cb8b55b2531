"""When a log makes an epoch, what it lists, and which merged runs stay for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import ledger.epochs
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.epochs import EpochMaker, read_epoch
from ledger.log import Log
from ledger.store.tables import RunRow
from ledger.wire.claim import Kind
from ledger.wire.epoch import Epoch
from ledger.wire.leaf import claim_bytes
from tests.log.sample import Sample, placed
from tests.small_runs import InProcessMerger, small_runs

STRETCH = 16
FANOUT = 4
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs(monkeypatch, STRETCH, FANOUT)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch is due with each stretch."""
    monkeypatch.setattr(ledger.epochs, "EPOCH_LEAVES", STRETCH)


def append(log: Log, sample: Sample, count: int) -> None:
    drafts = [Draft(sample.record, b"%d" % number) for number in range(count)]
    for outcome in log.append([sample.clinic.entry(draft) for draft in drafts]):
        placed(outcome)


def epochs(log: Log) -> list[tuple[int, Epoch]]:
    """Index and body of each, from the leaves."""
    store = log.reader.store
    kinds = enumerate(claim_bytes(leaf)[1] for leaf in store.leaves(0, log.reader.checkpoint.size))
    return [(index, read_epoch(store, index)) for index, kind in kinds if kind == Kind.EPOCH]


def settled(log: Log) -> None:
    """Every run that is due is made and registered."""
    log._appender.run(lambda parts: parts.settle()).result()


def test_publishing_covers_everything(log: Log, sample: Sample) -> None:
    append(log, sample, 21)
    log.publish()
    size = log.reader.checkpoint.size
    index, epoch = epochs(log)[-1]
    assert (index, epoch.upto) == (size - 1, size - 1)
    assert [run.to for run in epoch.runs] == [16, size - 1]


def test_nothing_but_epochs_needs_no_epoch(log: Log, sample: Sample) -> None:
    before = log.reader.checkpoint
    for _ in range(3):
        log.publish()
    assert log.reader.checkpoint == before


def test_a_busy_log_makes_one_when_a_stretch_is_covered(sample: Sample, eager: None) -> None:
    with Log.open(sample.directory) as log:
        for _ in range(12):
            append(log, sample, 5)
            settled(log)
        found = epochs(log)
    # The sample's own, then one for each stretch that was full when something came behind it.
    uptos = [epoch.upto for _, epoch in found[1:]]
    assert uptos[:3] == [32, 48, 64]
    assert all(index >= epoch.upto for index, epoch in found)
    assert all(b.follows(a) for (_, a), (_, b) in pairwise(found))
    assert check_ledger(sample.directory).problems == []


def test_a_quiet_log_makes_one_after_a_while(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.epochs, "EPOCH_S", 0.05)
    size = log.reader.checkpoint.size
    append(log, sample, 1)
    for expected in (size + 2, size + 2):
        deadline = time.monotonic() + PATIENCE_S
        while log.reader.checkpoint.size < expected and time.monotonic() < deadline:
            time.sleep(0.01)
        # And none behind it, since nothing but the epoch came.
        time.sleep(0.2)
        assert log.reader.checkpoint.size == expected
    assert epochs(log)[-1][1].upto == size + 1


def test_a_quiet_log_waits_for_its_runs(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without turning in circles meanwhile."""
    asked: list[float] = []
    real = EpochMaker.due
    gate = threading.Event()
    build = InProcessMerger.build

    def counting(self: EpochMaker, finished: Sequence[Any]) -> Epoch | None:
        asked.append(time.monotonic())
        return real(self, finished)

    def held(self: InProcessMerger, *args: Any) -> tuple[int, bytes]:
        gate.wait(PATIENCE_S)
        return build(self, *args)

    monkeypatch.setattr(ledger.epochs, "EPOCH_S", 0.05)
    monkeypatch.setattr(ledger.epochs, "RETRY_S", 0.1)
    monkeypatch.setattr(EpochMaker, "due", counting)
    monkeypatch.setattr(InProcessMerger, "build", held)
    append(log, sample, STRETCH)
    size = log.reader.checkpoint.size
    time.sleep(0.6)
    assert log.reader.checkpoint.size == size
    assert 2 < len(asked) < 12
    gate.set()
    deadline = time.monotonic() + PATIENCE_S
    while log.reader.checkpoint.size == size and time.monotonic() < deadline:
        time.sleep(0.01)
    assert epochs(log)[-1] == (size, log.reader.newest_epoch(size + 1)[1])  # type: ignore[index]


def test_what_waits_when_a_ledger_is_opened_is_covered_too(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Log.open(sample.directory) as log:
        append(log, sample, 1)
        size = log.reader.checkpoint.size
    monkeypatch.setattr(ledger.epochs, "EPOCH_S", 0.05)
    with Log.open(sample.directory) as log:
        deadline = time.monotonic() + PATIENCE_S
        while log.reader.checkpoint.size == size and time.monotonic() < deadline:
            time.sleep(0.01)
        assert epochs(log)[-1] == (size, log.reader.newest_epoch(size + 1)[1])  # type: ignore[index]


def run_files(directory: Path) -> set[str]:
    return {path.name for path in (directory / "heads").iterdir()}


def test_merged_runs_stay_while_a_published_epoch_lists_them(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        append(log, sample, STRETCH * (FANOUT - 1))
        log.publish()
        before = run_files(sample.directory)
        _, listed = epochs(log)[-1]
        append(log, sample, STRETCH * FANOUT)
        settled(log)
        settled(log)
        rows = log.reader.heads.index.rows
        assert (rows[0].start, rows[0].stop) == (0, STRETCH * FANOUT)
        assert before <= run_files(sample.directory)
        head, _ = log.reader.epoch_index(listed).find(sample.record)
        assert head is not None and head.at < listed.upto
        log.publish()
        assert not before & run_files(sample.directory)
        assert log.reader.store.retired_runs() == []
    assert check_ledger(sample.directory).problems == []


def test_merged_runs_are_there_after_another_opening(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        append(log, sample, STRETCH * (FANOUT - 1))
        log.publish()
        _, listed = epochs(log)[-1]
        append(log, sample, STRETCH * FANOUT)
        settled(log)
        settled(log)
        expected, _ = log.reader.epoch_index(listed).find(sample.record)
    with Log.open(sample.directory) as log:
        head, _ = log.reader.epoch_index(listed).find(sample.record)
        assert head == expected is not None
    assert check_ledger(sample.directory).problems == []


def test_a_false_epoch_is_found_by_the_check(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's own keys sign it: only whoever has the leaves can tell."""
    real = EpochMaker._listing

    def with_another_root(
        self: EpochMaker, rows: Sequence[RunRow], short: bool = False
    ) -> Epoch | None:
        epoch = real(self, rows, short)
        assert epoch is not None
        *others, last = epoch.runs
        return Epoch((*others, replace(last, root=others[0].root)))

    monkeypatch.setattr(EpochMaker, "_listing", with_another_root)
    with Log.open(sample.directory) as log:
        append(log, sample, 20)
        log.publish()
    problems = [f"{one.where}: {one.what}" for one in check_ledger(sample.directory).problems]
    assert problems == ["leaf 30: the epoch's run over [16, 30) is not what the leaves give"]
