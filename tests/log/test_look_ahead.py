"""Heads that are looked up beside the check of a batch: as old as the runs, and never taken for
newer.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ledger import heads
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.heads import ChainHeads, ChainType, FoundHeads, Head
from ledger.log import Log
from ledger.look_ahead import LookAhead, files_json, read_found
from ledger.wire.ids import ChainId, Hash
from tests.log.sample import Sample, placed
from tests.small_runs import small_runs

STRETCH = 16
RECORDS = 40


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short runs, and generations that hold next to nothing."""
    small_runs(monkeypatch, STRETCH, 4)
    monkeypatch.setattr(heads, "GENERATION", 3)


def settled(log: Log) -> None:
    log._appender.run(lambda parts: parts.settle()).result()


def opened(log: Log, sample: Sample) -> list[ChainId]:
    openings = [sample.clinic.open_record() for _ in range(RECORDS)]
    for outcome in log.append([opening for _, opening in openings]):
        placed(outcome)
    return [chain for chain, _ in openings]


def test_a_log_whose_heads_are_found_ahead_is_whole(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    take_over = ChainHeads.found_ahead

    def counted(self: ChainHeads, found: FoundHeads) -> None:
        used.append(len(found.heads))
        take_over(self, found)

    monkeypatch.setattr(ChainHeads, "found_ahead", counted)
    random = Random(7)
    with Log.open(sample.directory, workers=1) as log:
        records = opened(log, sample)
        for round_ in range(12):
            batches = [
                sample.clinic.batch(
                    [Draft(random.choice(records), b"%d" % round_) for _ in range(20)]
                )
                for _ in range(3)
            ]
            # In flight together: what is found for the third is older than the first two.
            answers = [log.append_later(batch) for batch in batches]
            for answer in answers:
                placed(answer.result()[0])
            settled(log)
        expected = {chain: log.reader.head(chain) for chain in records}
    assert sum(used) > 200
    assert check_ledger(sample.directory).problems == []
    with Log.open(sample.directory) as log:
        assert {chain: log.reader.head(chain) for chain in records} == expected


def test_what_was_found_is_older_than_what_was_written_since(log: Log, sample: Sample) -> None:
    records = opened(log, sample)
    settled(log)
    known: ChainHeads = log._parts.heads
    chain, old = records[0], log.reader.head(records[0])
    wrong = Head(ChainType.PERSON, 99, 0, Hash(bytes(32)))
    # Of runs that do not reach as far as memory does.
    known.found_ahead(FoundHeads(0, {chain: wrong}))
    assert known.get(chain) == old
    known.found_ahead(FoundHeads(known.index.upto, {chain: old}))
    placed(log.append([sample.clinic.entry(Draft(chain, b"{}"))])[0])
    assert log.reader.head(chain).length == old.length + 1


def test_a_process_finds_what_the_index_has(log: Log, sample: Sample) -> None:
    records = opened(log, sample)
    settled(log)
    files = log._parts.heads.files()
    assert files is not None
    ahead = LookAhead()
    ahead.open(files_json(files))
    strangers = [ChainId(bytes([n]) * 16) for n in range(5)]
    chains = [*records[:20], *strangers, *records[:3]]
    upto = files.rows[-1].stop
    found = read_found(ahead.find(chains), chains, upto)
    assert found.upto == upto
    heads_ = {chain: log.reader.head(chain) for chain in records[:20]}
    assert found.heads == {chain: one for chain, one in heads_.items() if one.at < upto}
    assert found.heads


def test_runs_that_are_gone_or_damaged_leave_it_to_the_writer(log: Log, sample: Sample) -> None:
    records = opened(log, sample)
    settled(log)
    files = log._parts.heads.files()
    assert files is not None
    ahead = LookAhead()
    ahead.open(files_json(files._replace(directory=Path("/nowhere"))))
    assert ahead.find(records) == b""
    ahead.open(files_json(files))
    assert ahead.find(records)
    for row in files.rows:
        path = files.directory / row.file_name
        data = bytearray(path.read_bytes())
        data[20] ^= 1
        path.write_bytes(data)
    assert ahead.find(records) == b""


def test_nothing_is_looked_up_where_memory_has_nearly_all(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(log, sample)
    settled(log)
    monkeypatch.setattr(heads, "GENERATION", 100)
    assert log._parts.heads.files() is None
