"""Sorted index: which row is the newest for a key, from runs that are only ever written in order.

Runs are aligned and start at 4,096 leaves; four neighbours of one size merge into one, in the
background, the newest row of a key winning. So a look-up visits at most three runs of each size,
most of them no further than their filter, and every row is written once per size: about 100
bytes a leaf and size, where a B-tree with random keys writes kilobytes.

The writer hands over what changed in each aligned stretch of 4,096 leaves (``submit``); finished
runs wait in ``finished`` until the next commit registers them in LMDB, because a run counts only
once the log names it.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Final

from ledger.errors import LedgerFault
from ledger.store.files import wipe
from ledger.store.merge import Merger
from ledger.store.run_form import RunForm
from ledger.store.runs import Run, filter_probes
from ledger.store.tables import RunName, RunRow
from ledger.wire import epoch

WIPED: Final = frozenset({RunName.TAGS})
"""Indexes of what may have to be erased: no copy of it is left in the disk's free space."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run on disk that the next commit registers, and the runs that it replaces."""

    row: RunRow
    replaced: tuple[RunRow, ...]


class RunSet:
    """Runs that are looked through together. Immutable; any thread may ask."""

    def __init__(self, runs: Iterable[tuple[RunRow, Run]]) -> None:
        """``runs``: oldest first."""
        self._filters: tuple[tuple[int, bytes | mmap, int, int, Run], ...] = tuple(
            (row.start, *run.filter, run) for row, run in reversed([*runs]) if run.filter.bits
        )

    def find(self, key: bytes, below: int = 1 << 64) -> bytes | None:
        """The newest row of a key, looking only at runs that start below this leaf index. Raises
        LedgerFault when a run is damaged, or was replaced meanwhile.
        """
        first, second = filter_probes(key)
        # The one loop that grows with the log at every append: no calls in it.
        for start, data, at, bits, run in self._filters:
            bit = first % bits
            if not data[at + (bit >> 3)] >> (bit & 7) & 1:
                continue
            bit = second % bits
            if data[at + (bit >> 3)] >> (bit & 7) & 1 and start < below:
                found = run.find(key)
                if found is not None:
                    return found
        return None


class SortedIndex:
    """The runs of one name. ``find`` is for every thread, the rest for the writer thread."""

    def __init__(
        self, directory: Path, name: RunName, form: RunForm, rows: Iterable[RunRow]
    ) -> None:
        """Open every registered run. Raises LedgerFault when they do not partition [0, upto)."""
        self.name = name
        self.form = form
        self.directory = directory
        self._runs: tuple[tuple[RunRow, Run], ...] = ()
        self._set = RunSet(())
        self._prepared: dict[RunRow, Run] = {}
        upto = 0
        for row in sorted(rows, key=lambda row: row.start):
            if row.start != upto:
                raise LedgerFault(f"index {name.name.lower()}: no run covers leaf {upto}")
            self._runs += ((row, self.open(row)),)
            upto = row.stop
        self._show(self._runs)

    def open(self, row: RunRow) -> Run:
        """Open the file of a run of this index. Raises LedgerFault."""
        return Run(self.directory / row.file_name, self.form, row.rows, row.digest)

    @property
    def upto(self) -> int:
        """Leaves below this index are covered."""
        return self._runs[-1][0].stop if self._runs else 0

    def runs(self) -> tuple[tuple[RunRow, Run], ...]:
        """The registered runs with their files, oldest first."""
        return self._runs

    @property
    def rows(self) -> tuple[RunRow, ...]:
        """The registered runs, oldest first."""
        return tuple(row for row, _ in self._runs)

    def find(self, key: bytes, below: int = 1 << 64) -> bytes | None:
        """The newest row of a key, looking only at runs that start below this leaf index."""
        runs = self._set
        try:
            return runs.find(key, below)
        except LedgerFault:
            if runs is self._set:
                raise
            # The writer has replaced a run meanwhile, and destroyed its file.
            return self.find(key, below)

    def prepare(self, row: RunRow) -> None:
        """Open a run that will be registered, ahead of time. For the builder."""
        self._prepared[row] = self.open(row)

    def opened(self, row: RunRow) -> Run:
        """A registered run, or one that will be. Raises LedgerFault."""
        for known, run in self._runs:
            if known == row:
                return run
        return self._prepared.get(row) or self.open(row)

    def with_finished(self, finished: Iterable[Finished]) -> tuple[RunRow, ...]:
        """The runs there will be once these are registered, oldest first."""
        rows = set(self.rows)
        for one in finished:
            rows = rows - set(one.replaced) | {one.row}
        return tuple(sorted(rows, key=lambda row: row.start))

    def adopt(self, finished: Finished) -> None:
        """Make a run that a commit registered visible. The files that it replaces are removed, but
        for heads: those are retired, and stay until the log forgets them.
        """
        replaced = set(finished.replaced)
        kept = [pair for pair in self._runs if pair[0] not in replaced]
        kept.append((finished.row, self.opened(finished.row)))
        self._prepared.pop(finished.row, None)
        self._show(tuple(sorted(kept, key=lambda pair: pair[0].start)))
        if self.name is not RunName.HEADS:
            self.remove(replaced)

    def _show(self, runs: tuple[tuple[RunRow, Run], ...]) -> None:
        self._runs, self._set = runs, RunSet(runs)

    def remove(self, rows: Iterable[RunRow]) -> None:
        """Remove the files of runs that the log names no more."""
        for row in rows:
            self._remove(self.directory / row.file_name)

    def due_merge(self) -> tuple[RunRow, ...]:
        """Four neighbours that are ready to become one; empty when there are none."""
        rows = self.rows
        for at in range(len(rows) - epoch.FANOUT, -1, -1):
            group = rows[at : at + epoch.FANOUT]
            span = group[0].stop - group[0].start
            aligned = group[0].start % (span * epoch.FANOUT) == 0
            if aligned and all(row.stop - row.start == span for row in group):
                return group
        return ()

    def remove_strays(self, others: Iterable[str] = ()) -> None:
        """Remove files that no commit registered: what a crash left behind.

        ``others`` are names of files in this directory that are no runs and stay.
        """
        known = {row.file_name for row in self.rows}.union(others)
        for path in self.directory.iterdir():
            if path.name not in known:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        if self.name in WIPED:
            wipe(path)
        else:
            path.unlink(missing_ok=True)


class RunBuilder:
    """Writes and merges runs in the background. ``finished`` is drained by the writer.

    Merging has a thread and a process of its own: a merge of millions of rows keeps no new stretch
    waiting.
    """

    def __init__(self) -> None:
        self.finished: deque[tuple[SortedIndex, Finished]] = deque()
        self.failure: Exception | None = None
        self._merging: set[RunName] = set()
        self._builds = _Workshop("run-builder", self._attempt)
        self._merges = _Workshop("run-merger", self._attempt)

    def build(self, index: SortedIndex, start: int, rows: Iterable[bytes]) -> None:
        """Write the run of [start, start + 4,096) from rows as their form takes them, unsorted,
        their keys unique.
        """
        self._builds.queue.put(_Task(index, start, start + epoch.STRETCH, rows, ()))

    def merge_if_due(self, index: SortedIndex) -> None:
        """Begin the next merge of an index unless one is under way."""
        group = index.due_merge()
        if group and index.name not in self._merging:
            self._merging.add(index.name)
            self._merges.queue.put(_Task(index, group[0].start, group[-1].stop, (), group))

    def adopt_next(self) -> None:
        """Make the first of ``finished`` visible: a commit has registered it."""
        index, run = self.finished.popleft()
        index.adopt(run)
        if run.replaced:
            # Not before: the group looks due until its runs are replaced.
            self._merging.discard(index.name)
        self.merge_if_due(index)

    def settle(self, *, merges: bool = True) -> None:
        """Wait until everything that was queued is done or has failed; without ``merges`` only
        what makes runs of new stretches.
        """
        self._builds.settle()
        if merges:
            self._merges.settle()

    def _attempt(self, task: _Task, merger: Merger) -> None:
        # After a failure nothing is finished any more: a later run would leave a gap.
        if self.failure is None:
            try:
                self._do(task, merger)
            except Exception as error:
                self.failure = error

    def _do(self, task: _Task, merger: Merger) -> None:
        index = task.index
        path = index.directory / f"{task.start:012d}-{task.stop:012d}.run"
        if task.group:
            inputs = [(index.directory / row.file_name, row.rows, row.digest) for row in task.group]
            count, digest = merger.merge(inputs, path, index.form)
        else:
            count, digest = merger.build(b"".join(task.rows), path, index.form)
        row = RunRow(index.name, task.start, task.stop, count, digest)
        index.prepare(row)
        self.finished.append((index, Finished(row, task.group)))

    def close(self) -> None:
        """Finish what is queued and end threads and children; may be called again."""
        self._builds.close()
        self._merges.close()


class _Workshop:
    """A thread with a process of its own that does tasks in order."""

    def __init__(self, name: str, do: Callable[[_Task, Merger], None]) -> None:
        self.queue: queue.SimpleQueue[_Task | threading.Event | None] = queue.SimpleQueue()
        self.merger = Merger()
        self._do = do
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def settle(self) -> None:
        done = threading.Event()
        self.queue.put(done)
        done.wait()

    def _run(self) -> None:
        while (task := self.queue.get()) is not None:
            if isinstance(task, threading.Event):
                task.set()
            else:
                self._do(task, self.merger)

    def close(self) -> None:
        self.queue.put(None)
        self._thread.join()
        self.merger.close()


@dataclass(frozen=True, slots=True)
class _Task:
    index: SortedIndex
    start: int
    stop: int
    rows: Iterable[bytes]
    group: tuple[RunRow, ...]
