"""Every request is answered, whatever happens around it; nothing published is taken back."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.admission import admit
from ledger.author import Draft
from ledger.errors import BadRequest, LedgerFault
from ledger.log import Log
from ledger.store.merge import Merger
from ledger.store.run_form import RunForm
from ledger.store.runs import write_run
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.note import parse_note
from tests.log.sample import Sample, placed

TIMEOUT = 30


def _published(log: Log) -> int:
    note = log.reader.store.published()
    assert note is not None
    return parse_checkpoint(parse_note(note).text).size


def _closed_in_time(log: Log) -> bool:
    closing = threading.Thread(target=log.close, daemon=True)
    closing.start()
    closing.join(TIMEOUT)
    return not closing.is_alive()


def test_refusals_longer_than_a_pipe_are_answered(sample: Sample) -> None:
    """The worker wrote its answer and the parent its next request: both waited for ever."""
    log = Log.open(sample.directory, workers=1)
    good = sample.clinic.entry(Draft(sample.record, b"{}"))
    garbage = [replace(good, key=os.urandom(32)) for _ in range(900)]
    answers = [log.append_later(garbage) for _ in range(3)]
    outcomes = [one for answer in answers for one in answer.result(TIMEOUT)]
    assert {type(one) for one in outcomes} == {BadRequest}
    assert _closed_in_time(log)


def test_workers_that_cannot_be_started_answer(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    log = Log.open(sample.directory, workers=2)
    entry = sample.clinic.entry(Draft(sample.record, b"{}"))
    for _ in range(3):
        with pytest.raises(LedgerFault, match="checks entries"):
            log.append_later([entry]).result(TIMEOUT)
    assert _closed_in_time(log)


class _Late:
    """A queue before whose door one request waits for a while."""

    def __init__(self, queue: object) -> None:
        self._queue = queue
        self.waiting = threading.Event()

    def put(self, item: object) -> None:
        if item is not None:
            self.waiting.set()
            time.sleep(0.3)
        self._queue.put(item)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._queue, name)


def test_a_request_handed_in_while_the_log_closes_is_answered(sample: Sample) -> None:
    log = Log.open(sample.directory)
    appender = log._appender
    item = admit(sample.clinic.entry(Draft(sample.record, b"{}")), appender.public_keys)
    late = _Late(appender._requests)
    appender._requests = late  # type: ignore[assignment]
    answers: list[object] = []

    def hand_in() -> None:
        try:
            answers.append(appender.submit([item]).result(TIMEOUT))
        except LedgerFault as error:
            answers.append(error)

    thread = threading.Thread(target=hand_in, daemon=True)
    thread.start()
    assert late.waiting.wait(TIMEOUT)
    log.close()
    thread.join(TIMEOUT)
    assert len(answers) == 1


def test_what_is_published_never_shrinks(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow signer of a small checkpoint and a fast one of a larger."""
    store, first = log.reader.store, threading.Event()
    log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])
    publish: Callable[[bytes], None] = store.publish

    def slow(note: bytes) -> None:
        if not first.is_set():
            first.set()
            time.sleep(0.3)
        publish(note)

    monkeypatch.setattr(store, "publish", slow)
    thread = threading.Thread(target=log.publish)
    thread.start()
    assert first.wait(TIMEOUT)
    log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])
    log.publish()
    thread.join(TIMEOUT)
    assert _published(log) == log.reader.checkpoint.size


def test_the_others_go_on_when_a_worker_is_killed(sample: Sample) -> None:
    """The thread of the dead one took most of what came, since it refused at once."""
    log = Log.open(sample.directory, workers=2)
    workers = log._admission._threads  # type: ignore[union-attr]
    assert len(workers) == 2
    log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])
    tasks = Path(f"/proc/{os.getpid()}/task")
    children = [int(pid) for task in tasks.iterdir() for pid in _children(task)]
    victim = next(pid for pid in children if b"admission_workers" in _command(pid))
    os.kill(victim, signal.SIGKILL)
    faults = 0
    for _ in range(30):
        entry = sample.clinic.entry(Draft(sample.record, b"{}"))
        try:
            log.append_later([entry]).result(TIMEOUT)
        except LedgerFault:
            faults += 1
    assert faults <= 2
    assert _closed_in_time(log)


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_workers_are_not_taken_from_where_one_happens_to_be(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` looks into the working directory first, and there may be a package `ledger`."""
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    with Log.open(sample.directory, workers=1) as log:
        entry = sample.clinic.entry(Draft(sample.record, b"{}"))
        placed(log.append_later([entry]).result(TIMEOUT)[0])
    rows = [bytes([number]) * 16 for number in range(4)]
    count, digest = write_run(tmp_path / "one", rows, RunForm(16))
    merger = Merger()
    try:
        merged = merger.merge([(Path("one"), count, digest)], Path("two"), RunForm(16))
    finally:
        merger.close()
    assert merged == (4, digest)
    assert not (tmp_path / "ran").exists()


def test_an_answer_cannot_be_cancelled(
    log: Log, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the entry was in the log, and a traceback in the operator's."""
    answer = log.append_later([sample.clinic.entry(Draft(sample.record, b"{}"))])
    assert not answer.cancel()
    placed(answer.result(TIMEOUT)[0])
    assert not caplog.records
