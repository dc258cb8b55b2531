"""Tags are erased where they lie: in the tail, in runs, in merged runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.check import check_ledger
from ledger.log import Log
from tests.log.sample import Sample, placed
from tests.small_runs import small_runs


def tagged(sample: Sample, log: Log, count: int) -> dict[int, bytes]:
    drafts = [Draft(sample.record, b"{}", tags=(os.urandom(16),)) for _ in range(count)]
    outcomes = log.append([sample.clinic.entry(draft) for draft in drafts])
    return {
        placed(outcome).index: draft.tags[0]
        for outcome, draft in zip(outcomes, drafts, strict=True)
    }


def everything(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [3, 30, 150])
def test_erased_tags_are_in_no_file(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    small_runs(monkeypatch, 16, 4)
    with Log.open(sample.directory) as log:
        known: dict[int, bytes] = {}
        while len(known) < count:
            known |= tagged(sample, log, 3)
        gone = set(sorted(known)[::3])
        before = everything(sample.directory)
        assert all(tag in before for tag in known.values())
        for _ in range(2):
            log.erase_tags(gone)
            for index, tag in known.items():
                assert log.reader.tags.get(tag) == (None if index in gone else index)
        known |= tagged(sample, log, 40)
    after = everything(sample.directory)
    with Log.open(sample.directory) as log:
        for index, tag in known.items():
            assert log.reader.tags.get(tag) == (None if index in gone else index)
            assert (tag in after) == (index not in gone)
    assert check_ledger(sample.directory).problems == []


def test_an_older_leaf_of_the_same_tag_is_found_again(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_runs(monkeypatch, 16, 4)
    tag = os.urandom(16)
    with Log.open(sample.directory) as log:
        first, second = (
            placed(log.append([sample.clinic.entry(Draft(sample.record, b"{}", tags=(tag,)))])[0])
            for _ in range(2)
        )
        assert log.reader.tags.get(tag) == second.index
        log.erase_tags({second.index})
        assert log.reader.tags.get(tag) == first.index
    with Log.open(sample.directory) as log:
        assert log.reader.tags.get(tag) == first.index
