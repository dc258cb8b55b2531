"""The sorted index as a whole: stretches become runs, runs merge, the newest row wins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import LedgerFault
from ledger.store import sorted_index
from ledger.store.run_form import RunForm
from ledger.store.sorted_index import RunBuilder, SortedIndex
from ledger.store.tables import RunName, RunRow
from tests.small_runs import InProcessMerger, small_runs

ROW = RunForm(24)


class GatedMerger(InProcessMerger):
    """``gate`` holds merges up."""

    gate = threading.Event()

    def merge(
        self, inputs: list[tuple[Path, int, bytes]], output: Path, form: RunForm
    ) -> tuple[int, bytes]:
        self.gate.wait(30)
        return super().merge(inputs, output, form)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs(monkeypatch, 8, 3)
    monkeypatch.setattr(sorted_index, "Merger", GatedMerger)
    GatedMerger.gate = threading.Event()
    GatedMerger.gate.set()


def row(key: int, value: int) -> bytes:
    return key.to_bytes(16, "little") + value.to_bytes(8, "big")


def settle(builder: RunBuilder) -> None:
    """Wait until the builder has done all that is queued."""
    builder.settle()


@pytest.fixture
def builder() -> Iterator[RunBuilder]:
    builder = RunBuilder()
    yield builder
    builder.close()


def empty(directory: Path, rows: tuple[RunRow, ...] = ()) -> SortedIndex:
    return SortedIndex(directory, RunName.TAGS, ROW, rows)


def test_runs_are_built_merged_and_found(tmp_path: Path, builder: RunBuilder) -> None:
    index = empty(tmp_path)
    newest: dict[int, int] = {}
    for stretch in range(30):
        content = dict.fromkeys(range(stretch, stretch + 6), stretch)
        newest |= content
        builder.build(index, stretch * 8, [row(*pair) for pair in content.items()])
        settle(builder)
        while builder.finished:
            builder.adopt_next()
        for key, value in newest.items():
            assert index.find(row(key, 0)[:16]) == row(key, value)
        assert index.find(b"\xff" * 16) is None
    settle(builder)
    while builder.finished:
        builder.adopt_next()
    assert index.upto == 30 * 8
    spans = [(one.stop - one.start) // 8 for one in index.rows]
    assert sum(spans) == 30 and max(spans) == 27
    assert {path.name for path in tmp_path.iterdir()} == {one.file_name for one in index.rows}
    again = empty(tmp_path, index.rows)
    for key, value in newest.items():
        assert again.find(row(key, 0)[:16]) == row(key, value)


def test_find_below_looks_only_at_runs_that_start_earlier(
    tmp_path: Path, builder: RunBuilder
) -> None:
    index = empty(tmp_path)
    for stretch in range(2):
        builder.build(index, stretch * 8, [row(1, stretch)])
    settle(builder)
    builder.adopt_next()
    builder.adopt_next()
    key = row(1, 0)[:16]
    assert index.find(key) == row(1, 1)
    assert index.find(key, below=9) == row(1, 1)
    assert index.find(key, below=8) == row(1, 0)
    assert index.find(key, below=0) is None


def test_a_group_is_not_merged_twice(tmp_path: Path, builder: RunBuilder) -> None:
    """A merge that is finished and not yet registered still looks due; merging it once more
    would read files that registering the first one removes.
    """
    index = empty(tmp_path)
    for stretch in range(3):
        builder.build(index, stretch * 8, [row(stretch, stretch)])
    settle(builder)
    GatedMerger.gate.clear()
    for _ in range(3):
        builder.adopt_next()
    builder.build(index, 24, [row(9, 9)])  # queued behind the merge that waits at the gate
    GatedMerger.gate.set()
    settle(builder)
    assert len(builder.finished) == 2
    builder.merge_if_due(index)
    settle(builder)
    # Whichever comes first: they are made by two threads.
    assert sorted(bool(run.replaced) for _, run in builder.finished) == [False, True]
    while builder.finished:
        builder.adopt_next()
    settle(builder)
    assert not builder.finished and builder.failure is None
    assert [(one.start, one.stop) for one in index.rows] == [(0, 24), (24, 32)]


def test_an_empty_stretch_is_a_run_without_a_file(tmp_path: Path, builder: RunBuilder) -> None:
    index = empty(tmp_path)
    for stretch in range(3):
        builder.build(index, stretch * 8, [])
        settle(builder)
        builder.adopt_next()
    settle(builder)
    builder.adopt_next()
    assert [one.rows for one in index.rows] == [0]
    assert list(tmp_path.iterdir()) == []
    assert empty(tmp_path, index.rows).find(bytes(16)) is None


def test_a_gap_between_runs_is_refused(tmp_path: Path) -> None:
    rows = (RunRow(RunName.TAGS, 8, 16, 0, b""),)
    with pytest.raises(LedgerFault, match="no run covers leaf 0"):
        empty(tmp_path, rows)


def test_strays_are_removed_and_runs_kept(tmp_path: Path, builder: RunBuilder) -> None:
    index = empty(tmp_path)
    builder.build(index, 0, [row(1, 1)])
    settle(builder)
    builder.adopt_next()
    for name in ("000000000008-000000000016.run", "000000000000-000000000008.run.77", "x"):
        (tmp_path / name).write_bytes(b"stray")
    index.remove_strays()
    assert [path.name for path in tmp_path.iterdir()] == [index.rows[0].file_name]


def test_after_a_failure_nothing_more_is_finished(
    tmp_path: Path, builder: RunBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = empty(tmp_path / "missing")
    builder.build(index, 0, [row(1, 1)])
    index.directory = tmp_path
    settle(builder)
    other = empty(tmp_path)
    broken = SortedIndex(tmp_path / "missing", RunName.HEADS, ROW, ())
    builder.build(broken, 0, [row(1, 1)])
    builder.build(other, 8, [row(1, 1)])
    settle(builder)
    assert isinstance(builder.failure, OSError)
    assert all(run.row.start == 0 for _, run in builder.finished)
