"""Ledgers of many shapes: the check has nothing to say, and opening again gives the same heads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import heads
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.errors import LedgerFault
from ledger.founding import found
from ledger.identity import Enrol, NewKey
from ledger.log import Log
from ledger.store import payloads
from ledger.store.environment import StorageFull
from ledger.store.store import Store
from ledger.store.tables import RunName
from ledger.vault import keys
from ledger.wire.ids import ChainId, new_chain_id, new_entry_id
from ledger.wire.keys import raw_public
from ledger.wire.leaf import claim_bytes
from tests.log.sample import (
    CLINIC_KEY,
    DAY,
    ORIGIN,
    Sample,
    batch_chain,
    entry_with,
    now_ms,
    placed,
)
from tests.small_runs import small_runs


def _check(directory: Path) -> int:
    """No problems, before and after opening again; every chain has its head. Returns the size."""
    assert check_ledger(directory).problems == []
    for _ in range(2):
        with Log.open(directory) as log:
            size = log.reader.checkpoint.size
            heads = _derived_heads(log, size)
            for chain, (length, at) in heads.items():
                head = log.reader.head(chain)
                assert (head.length, head.at) == (length, at)
            for chain in list(heads)[:3]:
                if heads[chain][0] < 300:
                    assert len(list(log.reader.history(chain))) == heads[chain][0]
    if size < 1000:
        assert check_ledger(directory).problems == []
    return size


def _derived_heads(log: Log, size: int) -> dict[ChainId, tuple[int, int]]:
    """Length and newest index of every chain, from the leaves."""
    derived: dict[ChainId, tuple[int, int]] = {}
    for index, leaf in enumerate(log.reader.store.leaves(0, size)):
        chain = ChainId(claim_bytes(leaf)[34:50])
        derived[chain] = (derived.get(chain, (0, 0))[0] + 1, index)
    return derived


def _records(sample: Sample, log: Log, count: int, *, tag: bool = False) -> None:
    """Single entries on two records, some with a tag."""
    drafts = [
        Draft(
            sample.record if number % 3 else sample.other,
            b"%d" % number,
            tags=(os.urandom(16),) if tag and number % 2 else (),
        )
        for number in range(count)
    ]
    for outcome in log.append([sample.clinic.entry(draft) for draft in drafts]):
        placed(outcome)


class Spans:
    """The spans of the registered runs of a closed ledger."""

    def __init__(self, directory: Path) -> None:
        self._store = Store(directory, writable=False)

    def __enter__(self) -> Callable[[RunName], list[tuple[int, int]]]:
        return lambda name: [(row.start, row.stop) for row in self._store.run_rows(name)]

    def __exit__(self, *_: object) -> None:
        self._store.close()


def test_nothing_but_a_genesis(place: Path) -> None:
    found(place / "ledger", ORIGIN)
    assert check_ledger(place / "ledger").problems == []
    assert _check(place / "ledger") == 1


def test_actors_without_names(place: Path) -> None:
    """No payload at all."""
    found(place / "ledger", ORIGIN)
    with Log.open(place / "ledger") as log:
        log.enrol("", "organisation", [NewKey(raw_public(CLINIC_KEY))])
    assert _check(place / "ledger") == 2


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513])
def test_sizes_around_a_tile(sample: Sample, size: int) -> None:
    with Log.open(sample.directory) as log:
        _records(sample, log, size - sample.size)
    assert _check(sample.directory) == size


@pytest.mark.parametrize("size", [63, 64, 65, 128])
def test_sizes_around_a_run(sample: Sample, size: int) -> None:
    with Log.open(sample.directory) as log:
        _records(sample, log, size - sample.size, tag=True)
    assert _check(sample.directory) == size


def test_entries_one_by_one(sample: Sample) -> None:
    """A piece for each leaf."""
    with Log.open(sample.directory) as log:
        for _ in range(80):
            _records(sample, log, 1, tag=True)
    assert _check(sample.directory) == sample.size + 80


def test_opened_for_each_entry(sample: Sample) -> None:
    for _ in range(12):
        with Log.open(sample.directory) as log:
            _records(sample, log, 7, tag=True)
    assert _check(sample.directory) == sample.size + 84


def test_batches_of_many_sizes(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        for count in (1, 2, 55, 64, 120, 300):
            chains = [sample.record, sample.other, sample.clinic.directory]
            drafts = [Draft(chains[number % 3], b"{}") for number in range(count)]
            placed(log.append_batch(sample.clinic.batch(drafts)))
            placed(log.append_batch(sample.hospital.batch([Draft(sample.record, b"{}")] * 2)))
        assert log.reader.head(batch_chain(sample.clinic)).length == 6
    assert _check(sample.directory) == sample.size + 548 + 12 + 6


def test_over_4096_entries_with_real_runs(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs(monkeypatch, 4096)
    with Log.open(sample.directory) as log:
        placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")] * 4090)))
        _records(sample, log, 40, tag=True)
    with Spans(sample.directory) as rows:
        assert rows(RunName.HEADS) == rows(RunName.TAGS) == [(0, 4096)]
    assert _check(sample.directory) == sample.size + 4091 + 40


def test_runs_that_were_merged(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process that merges them outside tests too; it ends with the log."""
    small_runs(monkeypatch, 16, 4)
    monkeypatch.setattr(heads, "GENERATION", 8)
    for _ in range(5):
        with Log.open(sample.directory) as log:
            for _ in range(6):
                _records(sample, log, 10, tag=True)
                chain, opening = sample.clinic.open_record()
                log.append([opening, sample.clinic.entry(Draft(chain, b"{}"))])
    with Spans(sample.directory) as rows:
        for name in RunName:
            spans = rows(name)
            assert {stop - start for start, stop in spans} > {16}
            assert spans[0][0] == 0
    _check(sample.directory)


def test_many_records(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the generations hold: their heads are found in runs."""
    monkeypatch.setattr(heads, "GENERATION", 10)
    with Log.open(sample.directory) as log:
        opened = [sample.clinic.open_record() for _ in range(150)]
        for outcome in log.append([entry for _, entry in opened]):
            placed(outcome)
        for chain, _ in opened[::7]:
            placed(log.append([sample.clinic.entry(Draft(chain, b"{}"))])[0])
            assert log.reader.head(chain).length == 2
    _check(sample.directory)


def test_several_segments(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "SEGMENT_SIZE", 500)
    with Log.open(sample.directory) as log:
        for number in range(12):
            _records(sample, log, 4)
            if number % 3 == 0:
                # Without a payload, where a segment has just become full or is new.
                body = Enrol("app", (NewKey(_fresh_key()),)).encode()
                placed(log.append([log.governor().actor(new_chain_id(), body)])[0])
        assert log.vault.use(20, "test").content
    assert len(list((sample.directory / "payloads").iterdir())) > 4
    assert _check(sample.directory) == sample.size + 52


def _fresh_key() -> bytes:
    return raw_public(Ed25519PrivateKey.generate())


@pytest.mark.parametrize("trailing", [False, True])
def test_full_segment_at_the_end(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, trailing: bool
) -> None:
    """The next commit begins a segment, and may have nothing to put there."""
    monkeypatch.setattr(payloads, "SEGMENT_SIZE", 1)
    with Log.open(sample.directory) as log:
        _records(sample, log, 1)
        if trailing:
            log.revoke(sample.hospital.id, sample.hospital.key.kid)
    _check(sample.directory)
    with Log.open(sample.directory) as log:
        _records(sample, log, 1)
    _check(sample.directory)


def test_several_vault_files(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (sample.directory / "vault" / "keys" / "00000001").glob("*.keys"):
        assert path.stat().st_size <= 128 * 32
    monkeypatch.setattr(keys, "_FILE", 128)
    with Log.open(sample.directory) as log:
        _records(sample, log, 110)
        placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")] * 300)))
        _records(sample, log, 100)
        assert log.vault.use(sample.size + 250, "test").content == b"{}"
    assert len(list((sample.directory / "vault" / "keys" / "00000001").glob("*.keys"))) == 5
    _check(sample.directory)


def test_ids_that_are_out_of_their_window(sample: Sample) -> None:
    """The table of ids has lost the oldest, and nobody misses them."""
    clock = [now_ms()]
    with Log.open(sample.directory, clock=lambda: clock[0]) as log:
        _records(sample, log, 20)
        clock[0] += 31 * DAY
        for _ in range(4):
            clock[0] += 1
            entry = entry_with(
                sample.clinic,
                sample.record,
                entry_id=new_entry_id(clock[0]),
                authored_ms=clock[0],
            )
            placed(log.append([entry])[0])
        with log.reader.store.environment.reading() as reader:
            assert reader.count("ids") < log.reader.checkpoint.size
    assert check_ledger(sample.directory).problems == []


def test_after_a_commit_that_was_refused_for_lack_of_room(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: Store, size: int) -> None:
        raise StorageFull("the disk is full", hint="make room and try again")

    with Log.open(sample.directory) as log:
        _records(sample, log, 5)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "check_space", full)
            with pytest.raises(LedgerFault, match="the disk is full"):
                _records(sample, log, 5)
        _records(sample, log, 5)
    assert _check(sample.directory) == sample.size + 10
