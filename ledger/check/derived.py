"""Derived: what the leaves give, compared with the tables, tiles and runs that are stored."""

from __future__ import annotations

from itertools import pairwise

from ledger.check.replay import Derived
from ledger.check.report import Report
from ledger.errors import CounterfoilError
from ledger.heads import ROW as HEADS_ROW
from ledger.heads import Head, blind
from ledger.merkle import TILE_WIDTH, Frontier, complete_tile
from ledger.sequencer import ID_WINDOW_MS
from ledger.store.environment import Reader
from ledger.store.runs import Run
from ledger.store.sorted_index import STRETCH
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import INDEX, TAG_KEY, TILE_KEY, RunName, RunRow
from ledger.tags import ROW as TAGS_ROW
from ledger.wire.ids import ChainId, Hash, entry_id_time


class TileCheck:
    """Every hash tile against the leaves, level by level."""

    def __init__(self, report: Report, reader: Reader) -> None:
        self.frontier = Frontier()
        self._report = report
        self._reader = reader
        self._leaves: list[Hash] = []
        self._levels: list[list[Hash]] = []
        self._tiles = 0

    def add(self, hash_: Hash) -> None:
        """The next leaf's hash."""
        self._leaves.append(hash_)
        if len(self._leaves) == TILE_WIDTH:
            self._extend()

    def _extend(self) -> None:
        for level, hashes in enumerate(self.frontier.extend(self._leaves)):
            while len(self._levels) <= level:
                self._levels.append([])
            self._levels[level].extend(hashes)
        for level, pending in enumerate(self._levels):
            count = self.frontier.size >> (8 * level)
            if len(pending) == TILE_WIDTH:
                self._compare(level, count // TILE_WIDTH - 1, pending)
                self._levels[level] = []
        self._leaves = []

    def _compare(self, level: int, index: int, hashes: list[Hash]) -> None:
        self._tiles += 1
        stored = self._reader.get("tiles", TILE_KEY.pack(level, index))
        expected = b"".join(hashes)
        if len(hashes) == TILE_WIDTH:
            expected = complete_tile(level, index, hashes, (), 0)
        if stored != expected:
            self._report.add(f"tile {level}/{index}", "is not what the leaves give")

    def finish(self) -> None:
        """Compare the partial tiles, and that there are no others."""
        self._extend()
        for level, pending in enumerate(self._levels):
            if pending:
                self._compare(level, (self.frontier.size >> (8 * level)) // TILE_WIDTH, pending)
        if self._reader.count("tiles") != self._tiles:
            self._report.add("table tiles", "holds tiles that the log does not have")


class IdCheck:
    """The table of entry ids: a row for each leaf that is young enough to be asked for."""

    def __init__(self, report: Report, reader: Reader, received_ms: int) -> None:
        self._report = report
        self._reader = reader
        self._window = received_ms - ID_WINDOW_MS
        self._rows = 0

    def add(self, derived: Derived) -> None:
        """The next leaf."""
        if derived.leaf is None:
            return
        claim = derived.leaf.claim
        row = self._reader.get("ids", claim.entry_id + claim.author)
        if row is not None:
            self._rows += 1
            if row != INDEX.pack(derived.index):
                self._report.add(f"leaf {derived.index}", "the table of ids names another index")
        elif entry_id_time(claim.entry_id) >= self._window:
            self._report.add(f"leaf {derived.index}", "is missing in the table of ids")

    def finish(self) -> None:
        """No row may be left over."""
        if self._reader.count("ids") != self._rows:
            self._report.add("table ids", "holds ids that no leaf has")


class HeadsCheck:
    """Every heads run, made again from the leaves of its range."""

    def __init__(self, report: Report, store: Store, log: Hash, rows: list[RunRow]) -> None:
        self._report = report
        self._store = store
        self._log = log
        self._rows = sorted(rows, key=lambda row: row.start)
        self._changed: dict[ChainId, Head] = {}
        for before, after in pairwise([RunRow(RunName.HEADS, 0, 0, 0, b""), *self._rows]):
            if after.start != before.stop or after.stop % STRETCH:
                report.add("table runs", f"the runs do not join at leaf {after.start}")

    def add(self, derived: Derived, head: Head | None) -> None:
        """The next leaf and its chain's head after it."""
        if derived.leaf is None or head is None or not self._rows:
            return
        self._changed[derived.leaf.claim.chain] = head
        if derived.index + 1 == self._rows[0].stop:
            self._compare(self._rows.pop(0))
            self._changed = {}

    def _compare(self, row: RunRow) -> None:
        expected = sorted(
            HEADS_ROW.pack(blind(self._log, chain), *head) for chain, head in self._changed.items()
        )
        run = open_run(self._report, self._store, row, HEADS_ROW.size)
        if run is not None and not same_rows(self._report, run, expected):
            self._report.add(f"run {row.file_name} of heads", "is not what the leaves give")


def open_run(report: Report, store: Store, row: RunRow, row_size: int) -> Run | None:
    """Open a registered run; what is wrong with the file goes to the report."""
    path = store.directory / RUN_DIRECTORIES[row.name] / row.file_name
    try:
        return Run(path, row_size, row.rows, row.digest)
    except CounterfoilError as error:
        report.add(f"run {row.file_name} of {row.name.name.lower()}", str(error))
        return None


def same_rows(report: Report, run: Run, expected: list[bytes]) -> bool:
    """Whether a run holds exactly these rows."""
    try:
        return list(run.scan()) == expected
    except CounterfoilError as error:
        report.add(f"run {run.path.name}", str(error))
        return True


def check_registry_table(report: Report, reader: Reader, expected: list[int]) -> None:
    """The list of leaves that change who may sign."""
    stored = [(key, value) for key, value in reader.scan("registry")]
    if stored != [(INDEX.pack(index), b"") for index in expected]:
        report.add("table registry", "does not list the genesis and actor entries of the log")


def check_tags(report: Report, store: Store, reader: Reader, rows: list[RunRow]) -> None:
    """Tags are keyed fingerprints of content, so only their form and place can be checked."""
    upto = 0
    for row in sorted(rows, key=lambda row: row.start):
        if row.start != upto:
            report.add("table runs", f"the runs of tags do not join at leaf {row.start}")
        upto = row.stop
        run = open_run(report, store, row, TAGS_ROW.size)
        if run is not None:
            _check_tag_rows(report, run, row)
    for key, value in reader.scan("tags"):
        if len(key) != TAG_KEY.size or value or not upto <= INDEX.unpack(key[:8])[0] < report.size:
            report.add("table tags", "holds a row that does not belong there")


def _check_tag_rows(report: Report, run: Run, row: RunRow) -> None:
    last = b""
    try:
        for stored in run.scan():
            if stored[:16] <= last or not row.start <= TAGS_ROW.unpack(stored)[1] < row.stop:
                report.add(f"run {row.file_name} of tags", "holds a row that does not belong there")
                return
            last = stored[:16]
    except CounterfoilError as error:
        report.add(f"run {row.file_name} of tags", str(error))
