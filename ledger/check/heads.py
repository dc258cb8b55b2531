"""Heads: every run, those on disk and those that an epoch lists, made again from the leaves."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from ledger.check.derived import check_spans, open_run, run_rows, run_title
from ledger.check.replay import Derived
from ledger.check.report import Report
from ledger.errors import CounterfoilError
from ledger.heads import Head
from ledger.merkle import subtree_root
from ledger.store.environment import Reader
from ledger.store.run_form import RAW_HEAD, heads_form, page_hashes
from ledger.store.store import Store
from ledger.store.tables import RunName, RunRow
from ledger.wire import epoch
from ledger.wire.claim import Claim, Kind
from ledger.wire.epoch import Epoch, Run
from ledger.wire.ids import ChainId, Hash
from ledger.wire.leaf import claim_bytes

Span = tuple[int, int]
_KIND: Final = 1
"""Where a claim says its kind."""


class EpochsSeen:
    """The epochs of a log, read ahead: a run must be made when the leaves pass its end, and the
    epoch that lists it comes behind.
    """

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.listed: dict[Span, dict[Run, int]] = defaultdict(dict)
        """What was said of each span, and the first epoch that says so."""

    def look(self, index: int, raw: bytes) -> None:
        """The next leaf."""
        try:
            claim = claim_bytes(raw)
            if claim[_KIND] != Kind.EPOCH:
                return
            listed = Epoch.decode(Claim.decode(claim).body)
        except (CounterfoilError, IndexError):
            # The replay says what is wrong with this leaf.
            return
        self.indexes.append(index)
        for start, run in listed.spans():
            self.listed[start, run.to].setdefault(run, index)


def _belongs(row: RunRow, size: int) -> bool:
    return row.name is RunName.HEADS and row.stop <= size and epoch.is_aligned(row.start, row.stop)


class HeadsCheck:
    """Feed each leaf once, in order."""

    def __init__(
        self, report: Report, store: Store, reader: Reader, log: Hash, epochs: EpochsSeen
    ) -> None:
        self._report = report
        self._store = store
        self._form = heads_form(log)
        self._listed = epochs.listed
        rows = run_rows(reader, RunName.HEADS)
        check_spans(report, rows)
        retired = [RunRow.decode(*row) for row in reader.scan("retired")]
        self._files: dict[Span, list[RunRow]] = defaultdict(list)
        for table, listed in (("runs", rows), ("retired", retired)):
            if not all(_belongs(row, report.size) for row in listed):
                report.add(f"table {table}", "holds a run that does not belong there")
        for row in (*rows, *retired):
            self._files[row.start, row.stop].append(row)
        self._ends: dict[int, set[int]] = defaultdict(set)
        for start, stop in (*self._files, *self._listed):
            self._ends[stop].add(start)
        self._changed: list[dict[ChainId, Head]] = [{}]
        """Per size of aligned runs: the heads in the part of one that is not full yet."""

    def add(self, derived: Derived, head: Head | None) -> None:
        """The next leaf and its chain's head after it."""
        if derived.leaf is not None and head is not None:
            self._changed[0][derived.leaf.claim.chain] = head
        stop = derived.index + 1
        if stop % epoch.STRETCH:
            for start in self._ends.pop(stop, ()):
                self._compare((start, stop), self._changed[0])
        else:
            self._fill(stop)

    def _fill(self, stop: int) -> None:
        """A stretch is full, and perhaps larger runs with it."""
        starts, size, level = self._ends.pop(stop, set()), epoch.STRETCH, 0
        while stop % size == 0:
            if stop - size in starts:
                self._compare((stop - size, stop), self._changed[level])
            if level + 1 == len(self._changed):
                self._changed.append({})
            self._changed[level + 1].update(self._changed[level])
            self._changed[level] = {}
            size, level = size * epoch.FANOUT, level + 1

    def _compare(self, span: Span, heads: dict[ChainId, Head]) -> None:
        rows = self._form.rows(
            b"".join(RAW_HEAD.pack(chain, *head) for chain, head in heads.items())
        )
        for row in self._files.get(span, ()):
            self._compare_file(row, rows)
        if span in self._listed:
            made = Run(span[1], len(rows), subtree_root(page_hashes(rows)))
            for said, index in self._listed[span].items():
                if said != made:
                    self._report.add(
                        f"leaf {index}",
                        f"the epoch's run over [{span[0]}, {span[1]}) is not what the leaves give",
                    )

    def _compare_file(self, row: RunRow, expected: list[bytes]) -> None:
        run = open_run(self._report, self._store, row, self._form)
        try:
            if run is not None and list(run.scan()) != expected:
                self._report.add(run_title(row), "is not what the leaves give")
        except CounterfoilError as error:
            self._report.add(run_title(row), str(error))
