"""Every write step that fails, crossed with {not stored, stored all the same}.

What fails before the commit aborts it: the caller is told so, the store means what it meant
before, and the same entries can be appended afterwards. What fails in the commit or behind it
stops the ledger, and opening it again finds out.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import lmdb
import pytest

from ledger import epochs
from ledger.admission import Admitted, BatchSubmission
from ledger.author import Author, Draft
from ledger.epochs import EpochMaker
from ledger.errors import LedgerFault
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.store import sorted_index, store
from ledger.store.environment import CommitFailed, StorageFull
from ledger.store.run_form import RunForm
from ledger.store.tables import RunName
from ledger.wire.epoch import Epoch
from ledger.wire.statement import StatementKey
from tests.crash import points
from tests.crash.checking import check_log, dump
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import AUTHOR_KEY, Record, Sent, Workload, hand_in, record_path
from tests.small_runs import InProcessMerger


class Failer:
    """Raises at the next pass of a point once it is armed."""

    def __init__(self) -> None:
        self._point = ""
        self._error: Exception = OSError()

    def arm(self, point: str, error: Exception) -> None:
        self._point, self._error = point, error

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._point = ""
            raise self._error


@pytest.fixture
def failer(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Failer:
    failer = Failer()
    points.install(monkeypatch, failer)
    return failer


def entries(log: Log, record: Record) -> list[Sent]:
    """One of each kind of exchange, on a record that exists."""
    author = Author(log.reader.registry.log, record.author, StatementKey.of(AUTHOR_KEY))
    workload = Workload(log, record, 1)
    workload.open_records()
    chain = record.chains()[-1]
    drafts = [Draft(chain, b"x" * 500, tags=(os.urandom(16),)) for _ in range(5)]
    group = [author.entry(draft) for draft in drafts]
    batch: BatchSubmission = author.batch([Draft(chain, b"y" * 100) for _ in range(20)])
    return [group[:1], group, batch]


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))
ABORTED = [
    ("payload: before write", NO_SPACE),
    ("payload: half written", NO_SPACE),
    ("payload: written", BROKEN),
    ("payload: synced", BROKEN),
    ("tail: before write", NO_SPACE),
    ("tail: half written", NO_SPACE),
    ("tail: written", BROKEN),
    ("tail: synced", BROKEN),
    ("vault: before write", NO_SPACE),
    ("vault: half written", NO_SPACE),
    ("vault: written", BROKEN),
    ("vault: synced", BROKEN),
    ("lmdb: before put", lmdb.DiskError("no space left on device")),
    ("lmdb: after put", lmdb.Error("input/output error")),
]
STOPPED = [
    ("lmdb: before commit", lmdb.DiskError("input/output error")),
    ("lmdb: committed", lmdb.DiskError("input/output error")),
    ("guard: before write", NO_SPACE),
    ("guard: half written", NO_SPACE),
    ("guard: written", BROKEN),
    ("guard: synced", BROKEN),
    ("memory: before", LedgerFault("out of order")),
    ("memory: before", ValueError("a fault of ours")),
    ("memory: after", LedgerFault("out of order")),
]


def name(value: object) -> str:
    return type(value).__name__ if isinstance(value, Exception) else str(value)


@pytest.mark.parametrize(("point", "error"), ABORTED, ids=name)
def test_a_failure_before_the_commit_changes_nothing(
    ledger: Path, failer: Failer, point: str, error: Exception
) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        for sent in entries(log, record):
            if point.startswith("tail") and isinstance(sent, BatchSubmission):
                continue
            before, note = dump(log.reader.store, log.vault.keys), log.reader.signed()
            failer.arm(point, error)
            with pytest.raises(StorageFull) as raised:
                hand_in(log, sent)
            assert "nothing was written" in raised.value.hint
            assert dump(log.reader.store, log.vault.keys) == before
            assert log.reader.signed() == note
            record.sending(sent)
            record.answered(sent, hand_in(log, sent), log.reader.signed())
    check_log(ledger)


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize(("point", "error"), STOPPED, ids=name)
def test_a_failure_in_or_after_the_commit_stops_the_ledger(
    ledger: Path, failer: Failer, point: str, error: Exception, kind: int
) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        sent = entries(log, record)[kind]
        size, note = log.reader.store.state().size, log.reader.signed()
        failer.arm(point, error)
        for _ in range(2):
            with pytest.raises(LedgerFault, match="has stopped"):
                hand_in(log, sent)
        if "memory" not in point:
            assert log.reader.signed() == note
    check_log(ledger)
    with Log.open(ledger) as log:
        assert (log.reader.store.state().size > size) == (point != "lmdb: before commit")
        outcomes = hand_in(log, sent)
        for outcome in outcomes:
            assert isinstance(outcome, Appended)
            assert outcome.known == (point != "lmdb: before commit")
        record.sending(sent)
        record.answered(sent, outcomes, log.reader.signed())
    check_log(ledger)


def until_it_fails(log: Log, record: Record, limit: int = 400) -> LedgerFault:
    workload = Workload(log, record, 7)
    for _ in range(limit):
        try:
            workload.step()
        except LedgerFault as error:
            return error
    raise AssertionError("nothing failed")


@pytest.mark.parametrize(
    "point",
    ["file: before write", "file: half written", "file: written", "file: renamed", "merge: before"],
)
def test_a_failing_index_stops_the_ledger_and_leaves_no_gap(
    ledger: Path, failer: Failer, point: str
) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        failer.arm(point, NO_SPACE)
        assert "index cannot be written" in str(until_it_fails(log, record))
    check_log(ledger)
    with Log.open(ledger) as log:
        for _ in range(5):
            Workload(log, record, 8).step()
    check_log(ledger)


def test_a_failing_take_over_of_a_run_stops_the_ledger(ledger: Path, failer: Failer) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        failer.arm("adopt: before", LedgerFault("run cannot be read"))
        assert "after the commit" in str(until_it_fails(log, record))
    check_log(ledger)


def test_a_full_disk_is_seen_before_anything_is_written(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        sent = entries(log, record)[1]
        before = dump(log.reader.store, log.vault.keys)
        with monkeypatch.context() as full:
            full.setattr(store, "os", _FullDisk())
            with pytest.raises(StorageFull, match="disk is full"):
                hand_in(log, sent)
            assert dump(log.reader.store, log.vault.keys) == before
        record.sending(sent)
        record.answered(sent, hand_in(log, sent), log.reader.signed())
    check_log(ledger)


def test_an_epoch_waits_for_room(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again from time to time, not in circles, and entries are taken as before."""
    tries: list[float] = []
    real = EpochMaker.entry

    def counted(self: EpochMaker, epoch: Epoch, received_ms: int) -> Admitted:
        tries.append(time.monotonic())
        return real(self, epoch, received_ms)

    monkeypatch.setattr(epochs, "EPOCH_S", 0.05)
    monkeypatch.setattr(epochs, "RETRY_S", 0.1)
    monkeypatch.setattr(EpochMaker, "entry", counted)
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        sent = entries(log, record)[1]
        with monkeypatch.context() as full:
            full.setattr(store, "os", _FullDisk())
            size = log.reader.checkpoint.size
            time.sleep(0.6)
            assert log.reader.checkpoint.size == size
            assert 1 < len(tries) < 12
        deadline = time.monotonic() + 30
        while log.reader.store.newest_epoch(size + 1) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert log.reader.store.newest_epoch(size + 1) == size
        record.sending(sent)
        record.answered(sent, hand_in(log, sent), log.reader.signed())
    check_log(ledger)


class _FullDisk:
    def statvfs(self, path: Path) -> os.statvfs_result:
        return os.statvfs_result([4096, 4096, 10**6, 10, 10, 10**6, 10, 10, 0, 255])


def test_the_map_has_a_limit(ledger: Path) -> None:
    record = Record(record_path(ledger))
    limit = (ledger / "log" / "data.mdb").stat().st_size + (256 << 10)
    with Log.open(ledger, map_limit=limit) as log:
        workload = Workload(log, record, 3)
        workload.open_records()
        sent: Sent = []
        fault, before = None, {}
        while fault is None:
            before = dump(log.reader.store, log.vault.keys)
            try:
                workload.group()
            except StorageFull as error:
                fault = error
        assert "reached its limit" in fault.message
        assert dump(log.reader.store, log.vault.keys) == before
        assert (ledger / "log" / "data.mdb").stat().st_size <= limit
        with pytest.raises(StorageFull, match="reached its limit"):
            hand_in(log, record.exchanges()[-1].sent)
    check_log(ledger)
    with Log.open(ledger) as log:
        sent = record.exchanges()[-1].sent
        record.answered(sent, hand_in(log, sent), log.reader.signed())
    check_log(ledger)


def test_the_file_grows_by_itself(ledger: Path) -> None:
    used = (ledger / "log" / "data.mdb").stat().st_size
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        workload = Workload(log, record, 3)
        workload.open_records()
        while (ledger / "log" / "data.mdb").stat().st_size < 4 * used:
            workload.group()
    check_log(ledger)


@pytest.mark.parametrize("which", ["payloads", "log"])
def test_files_that_may_not_grow(children: ForkServer, ledger: Path, which: str) -> None:
    """Real refusals of the kernel, in the payloads and inside LMDB's commit."""
    assert children.run("tests.crash.appending:limited", directory=str(ledger), which=which) == 0
    check_log(ledger)


def test_a_run_that_fails_is_not_followed_by_a_later_one(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later run without its predecessor would leave a gap that no opening accepts."""
    index = sorted_index.SortedIndex(ledger / "heads", RunName.HEADS, RunForm(24), [])
    calls: list[int] = []

    class FailingOnce(InProcessMerger):
        def build(self, raw: bytes, output: Path, form: RunForm) -> tuple[int, bytes]:
            calls.append(len(raw))
            if len(calls) == 1:
                raise NO_SPACE
            return super().build(raw, output, form)

    monkeypatch.setattr(sorted_index, "Merger", FailingOnce)
    builder = sorted_index.RunBuilder()
    for start in (0, 64):
        builder.build(index, start, [bytes(24)])
    builder.close()
    assert builder.failure is NO_SPACE and not builder.finished


def test_commit_failed_is_a_fault_of_the_ledger() -> None:
    assert issubclass(CommitFailed, LedgerFault) and issubclass(StorageFull, LedgerFault)
