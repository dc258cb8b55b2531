"""Admission in processes of its own gives the same answers, and ends with the log."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.errors import CounterfoilError, LedgerFault
from ledger.log import Log
from ledger.sequencer import Appended
from tests.log.sample import Sample, batch_of, entry_with, placed, refused, sealed_for

TIMEOUT = 30


def _children() -> set[int]:
    """Processes whose parent this one is, ended ones that nobody waited for among them."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = path.read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.add(int(path.parent.name))
    return found


@pytest.fixture
def log_with_workers(sample: Sample) -> Iterator[Log]:
    """The sample ledger, open, with two processes that check entries."""
    with Log.open(sample.directory, workers=2) as opened:
        yield opened


def _mixed(sample: Sample) -> list[list[object]]:
    """Requests with good and bad entries; each is handed in by itself, in order."""
    entries: list[object] = []
    for number in range(150):
        good = entry_with(sample.clinic, sample.record, content=b"%d" % number)
        entries.append(good)
        if number % 7 == 0:
            entries.append(good)
        if number % 10 == 0:
            entries.append(entry_with(sample.stranger, sample.record))
        if number % 13 == 0:
            entries.append(entry_with(sample.clinic, sample.hospital.directory))
    members = [sealed_for(sample.clinic, sample.record) for _ in range(30)]
    batch = batch_of(sample.clinic, members)
    expiring = batch_of(sample.clinic, [sealed_for(sample.clinic, sample.record)], expires_ms=1)
    return [entries, [batch], [batch], [expiring], [entry_with(sample.hospital, sample.record)]]


def _describe(outcome: object) -> tuple[object, ...]:
    if isinstance(outcome, Appended):
        return (outcome.index, outcome.count, outcome.known)
    error = refused(outcome)
    fields = (getattr(error, name, "") for name in ("step", "expected", "found"))
    return (type(error), error.message, error.hint, *fields)


def test_same_answers_with_and_without_processes(sample: Sample, tmp_path: Path) -> None:
    requests = _mixed(sample)
    answers = []
    twin = sample.copied(tmp_path)
    for directory, workers in ((sample.directory, 0), (twin.directory, 2)):
        with Log.open(directory, workers=workers) as log:
            given: list[tuple[object, ...]] = []
            for request in requests:
                for outcome in (
                    log.append(request)  # type: ignore[arg-type]
                    if len(request) > 1
                    else log.append_later(
                        request[0] if hasattr(request[0], "claims") else request  # type: ignore[arg-type]
                    ).result()
                ):
                    given.append(_describe(outcome))
            answers.append(given)
    assert answers[0] == answers[1]
    assert {type(one[0]) for one in answers[0]} == {int, type}


def test_batches_and_entries_at_once(log_with_workers: Log, sample: Sample) -> None:
    log = log_with_workers
    futures = []
    for _ in range(10):
        futures.append(log.append_later([entry_with(sample.clinic, sample.record)] * 3))
        futures.append(log.append_later(sample.clinic.batch([Draft(sample.record, b"")] * 40)))
    assert all(isinstance(one, Appended) for future in futures for one in future.result(TIMEOUT))
    assert len(list(log.reader.history(sample.record))) == 3 + 10 + 400


def test_workers_learn_of_new_and_revoked_keys(log_with_workers: Log, sample: Sample) -> None:
    log = log_with_workers
    for _ in range(4):
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    log.revoke(sample.clinic.id, sample.clinic.key.kid)
    for _ in range(4):
        refused(log.append([entry_with(sample.clinic, sample.record)])[0])


def test_close_leaves_no_process_behind(sample: Sample) -> None:
    before = _children()
    with Log.open(sample.directory, workers=2) as log:
        log.append([entry_with(sample.clinic, sample.record)])
        assert len(_children() - before) == 2
        futures = [log.append_later([entry_with(sample.clinic, sample.record)]) for _ in range(20)]
    assert all(isinstance(future.result(TIMEOUT)[0], Appended) for future in futures)
    assert _children() <= before


def test_close_after_a_worker_was_killed(sample: Sample) -> None:
    before = _children()
    with Log.open(sample.directory, workers=1) as log:
        log.append([entry_with(sample.clinic, sample.record)])
        (worker,) = _children() - before
        os.kill(worker, signal.SIGKILL)
    assert _children() <= before


def test_killed_workers_answer_with_a_fault_and_nothing_is_lost(sample: Sample) -> None:
    """Whatever was acknowledged is there, whatever was not can be sent again."""
    before = _children()
    entries = [entry_with(sample.clinic, sample.record) for _ in range(400)]
    with Log.open(sample.directory, workers=2) as log:
        log.append([entry_with(sample.clinic, sample.record)])
        futures = [log.append_later(entries[at : at + 8]) for at in range(0, 400, 8)]
        for worker in _children() - before:
            os.kill(worker, signal.SIGKILL)
        acknowledged = {}
        faults: list[LedgerFault] = []
        for number, future in enumerate(futures):
            try:
                outcomes = future.result(TIMEOUT)
            except LedgerFault as fault:
                faults.append(fault)
            else:
                for at, outcome in enumerate(outcomes, 8 * number):
                    acknowledged[at] = placed(outcome).index
        assert {fault.hint for fault in faults} == {"open the ledger again"}
        with pytest.raises(LedgerFault):
            log.append_later([entries[0]]).result(TIMEOUT)
    assert _children() <= before
    with Log.open(sample.directory, workers=2) as log:
        outcomes = log.append(entries)
        for at, outcome in enumerate(outcomes):
            assert at not in acknowledged or placed(outcome).index == acknowledged[at]
        assert len(list(log.reader.history(sample.record))) == 3 + 1 + 400


@pytest.mark.parametrize("workers", [0, 1])
def test_appending_to_a_closed_log_is_an_error_and_does_not_hang(
    sample: Sample, workers: int
) -> None:
    with Log.open(sample.directory, workers=workers) as log:
        log.append([entry_with(sample.clinic, sample.record)])
    entry = entry_with(sample.clinic, sample.record)
    raised: list[BaseException] = []

    def append() -> None:
        try:
            log.append([entry])
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=append, daemon=True)
    thread.start()
    thread.join(TIMEOUT / 6)
    assert not thread.is_alive()
    assert isinstance(raised[0], CounterfoilError)
