"""Many threads at once: everything acknowledged is there once, in the order of each thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import appender
from ledger.admission import Submission
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.log import Log
from ledger.merkle import check_inclusion, leaf_hash
from ledger.sequencer import Appended
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.note import parse_note
from tests.log.sample import Sample, entry_with, placed

THREADS = 8
TIMEOUT = 60


def _together(work: Callable[[int], object]) -> None:
    """Run the work in several threads that begin at the same moment; errors are raised here."""
    gate = threading.Barrier(THREADS)

    def run(number: int) -> None:
        gate.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(run, number) for number in range(THREADS)]:
            future.result(TIMEOUT)


@pytest.mark.parametrize("workers", [0, 2])
def test_entries_of_many_threads(sample: Sample, workers: int) -> None:
    calls = {
        number: [
            [entry_with(sample.clinic, sample.record) for _ in range(size)]
            for size in (1, 7, 64, 3)
        ]
        for number in range(THREADS)
    }
    found: dict[bytes, int] = {}
    with Log.open(sample.directory, workers=workers) as log:

        def work(number: int) -> None:
            futures = [log.append_later(entries) for entries in calls[number]]
            for entries, future in zip(calls[number], futures, strict=True):
                indexes = [placed(one).index for one in future.result(TIMEOUT)]
                assert indexes == list(range(indexes[0], indexes[0] + len(entries)))
                found.update(zip((one.statement for one in entries), indexes, strict=True))

        _together(work)
        total = THREADS * 75
        assert sorted(found.values()) == list(range(sample.size, sample.size + total))
        for statement, index in found.items():
            assert log.reader.store.leaf(index).endswith(statement)
    assert check_ledger(sample.directory).problems == []


def test_same_entries_from_many_threads(log: Log, sample: Sample) -> None:
    entries = [entry_with(sample.clinic, sample.record) for _ in range(40)]
    answers: list[list[Appended]] = []

    def work(number: int) -> None:
        turned = entries[number:] + entries[:number]
        outcomes = [placed(one) for one in log.append(turned)]
        answers.append(outcomes[-number:] + outcomes[:-number] if number else outcomes)

    _together(work)
    assert len({tuple(one.index for one in answer) for answer in answers}) == 1
    assert sum(not one.known for answer in answers for one in answer) == 40
    assert log.reader.checkpoint.size == sample.size + 40


def test_readers_beside_writers(log: Log, sample: Sample) -> None:
    """Each checkpoint that is seen covers all that was acknowledged before."""
    done = threading.Event()

    def work(number: int) -> None:
        if number < THREADS // 2:
            for _ in range(15):
                outcome = placed(log.append([entry_with(sample.clinic, sample.record)])[0])
                assert outcome.index < log.reader.checkpoint.size
            if number == 0:
                done.set()
            return
        seen = 0
        while not done.is_set():
            note = log.reader.signed()
            checkpoint = parse_checkpoint(parse_note(note).text)
            assert checkpoint.size >= seen
            seen = checkpoint.size
            proof = log.reader.proof(seen - 1, note)
            leaf = log.reader.entry(seen - 1).raw
            check_inclusion(
                proof.index, leaf_hash(leaf), checkpoint.size, proof.hashes, checkpoint.root
            )
            assert log.reader.head(sample.record).length >= 3
            log.vault.use(6, "test")

    _together(work)


def test_publishing_beside_writers(log: Log, sample: Sample) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            if number % 2:
                log.publish()
            else:
                placed(log.append([entry_with(sample.clinic, sample.record)])[0])

    _together(work)
    log.publish()
    reader, given = log.reader, THREADS // 2 * 5
    epochs = reader.store.epochs_from(sample.size)
    assert reader.checkpoint.size == sample.size + given + epochs
    # Each call makes one, unless nothing came since the last.
    assert 1 <= epochs <= given


@pytest.mark.parametrize(("entries", "size"), [(1, 1 << 30), (5, 1 << 30), (1000, 1)])
def test_groups_of_any_size(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch, entries: int, size: int
) -> None:
    """Requests that do not fit into one commit wait for the next; none is split."""
    monkeypatch.setattr(appender, "GROUP_ENTRIES", entries)
    monkeypatch.setattr(appender, "GROUP_BYTES", size)
    requests: list[list[Submission]] = [
        [entry_with(sample.clinic, sample.record) for _ in range(count)] for count in (1, 6, 2) * 6
    ]
    futures = [log.append_later(request) for request in requests]
    futures.append(log.append_later(sample.clinic.batch([Draft(sample.record, b"")] * 20)))
    outcomes = [placed(one) for future in futures for one in future.result(TIMEOUT)]
    assert log.reader.checkpoint.size == sample.size + sum(one.count for one in outcomes)


def test_close_commits_what_was_handed_in(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        futures = [log.append_later([entry_with(sample.clinic, sample.record)]) for _ in range(100)]
    assert sorted(placed(future.result(0)[0]).index for future in futures) == list(
        range(sample.size, sample.size + 100)
    )
    assert check_ledger(sample.directory).problems == []
