"""Readers beside a writer: they see whole states, always, whatever the writer is doing."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from ledger.errors import LedgerFault
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.reader import Reader, open_reader
from ledger.sequencer import Appended
from tests.crash.checking import check_log, naive_root
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import Record, Workload, record_path

STEPS = 120


def check_reader(reader: Reader) -> int:
    """A reader's checkpoint, leaves and heads belong together."""
    size = check_tree(reader)
    hashes = [leaf_hash(leaf) for leaf in reader.store.leaves(0, size)]
    chain = reader.entry(size - 1).leaf.claim.chain
    assert reader.head(chain).at == size - 1
    for entry in reader.history(chain):
        assert hashes[entry.index] == leaf_hash(entry.raw)
    return size


def check_tree(reader: Reader) -> int:
    """The leaves below a checkpoint give its root."""
    checkpoint = reader.checkpoint
    hashes = [leaf_hash(leaf) for leaf in reader.store.leaves(0, checkpoint.size)]
    assert naive_root(hashes) == checkpoint.root
    return checkpoint.size


def writing(children: ForkServer, ledger: Path) -> threading.Thread:
    """A child that writes ``STEPS`` times, merging runs and growing its map."""

    def run() -> None:
        status = children.run(
            "tests.crash.appending:append",
            directory=str(ledger),
            seed=5,
            point=None,
            hits=0,
            steps=STEPS,
        )
        assert status == 0

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_readers_are_opened_beside_a_writer(children: ForkServer, ledger: Path) -> None:
    writer = writing(children, ledger)
    sizes: list[int] = []
    while writer.is_alive() or not sizes:
        reader = open_reader(ledger)
        sizes.append(check_reader(reader))
        reader.close()
    writer.join()
    assert sizes == sorted(sizes)
    check_log(ledger)


def test_a_reader_with_threads_beside_a_growing_file(children: ForkServer, ledger: Path) -> None:
    """What was read once is read again, however far the file has grown since."""
    reader = open_reader(ledger)
    size = reader.checkpoint.size
    whole = list(reader.store.leaves(0, size))
    writer = writing(children, ledger)
    wrong: list[object] = []

    def read() -> None:
        while writer.is_alive():
            try:
                if list(reader.store.leaves(0, size)) != whole:
                    wrong.append("other leaves")
            except LedgerFault as error:
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in [*threads, writer]:
        thread.join()
    assert wrong == []
    assert reader.store.state().size > size
    reader.close()


def test_threads_read_while_the_writer_grows_its_file(ledger: Path) -> None:
    done = threading.Event()
    wrong: list[object] = []
    with Log.open(ledger) as log:

        def read() -> None:
            while not done.is_set():
                try:
                    check_tree(log.reader)
                except Exception as error:
                    wrong.append(error)
                    return

        thread = threading.Thread(target=read)
        thread.start()
        workload = Workload(log, Record(record_path(ledger)), 3)
        workload.open_records()
        for _ in range(40):
            workload.step()
        done.set()
        thread.join()
    assert wrong == []
    check_log(ledger)


def test_a_merge_between_snapshot_and_files_is_read_again(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer removed the runs that a reader's snapshot names: the reader begins anew."""
    with Log.open(ledger) as log:
        workload = Workload(log, Record(record_path(ledger)), 3)
        workload.open_records()
        for _ in range(20):
            workload.step()
    calls = []
    real = open_reader.__globals__["open_indexes"]

    def racing(*args: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            raise LedgerFault("run cannot be read")
        return real(*args)

    monkeypatch.setitem(open_reader.__globals__, "open_indexes", racing)
    with pytest.raises(LedgerFault, match="run cannot be read"):
        open_reader(ledger)  # nothing changed meanwhile: it is damage


def test_a_killed_admission_process_is_a_fault_not_a_hang(ledger: Path) -> None:
    record = Record(record_path(ledger))
    with Log.open(ledger, workers=1) as log:
        workload = Workload(log, record, 3)
        workload.open_records()
        os.kill(worker_of(os.getpid()), signal.SIGKILL)
        with pytest.raises(LedgerFault, match="checks entries has ended"):
            workload.single()
    with Log.open(ledger) as log:
        (outcome,) = log.append(record.exchanges()[-1].sent)  # type: ignore[arg-type]
        assert isinstance(outcome, Appended)
    check_log(ledger)


def worker_of(parent: int) -> int:
    """The child process that runs admission."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and b"admission_workers" in command:
            return int(path.name)
    raise AssertionError("no worker")
