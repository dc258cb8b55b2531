"""Derived: what the leaves give, compared with the tables and tiles that are stored; the form of
runs and of tags.
"""

from __future__ import annotations

from ledger.check.replay import Derived
from ledger.check.report import Report
from ledger.errors import CounterfoilError, LedgerFault
from ledger.merkle import TILE_WIDTH, Frontier, complete_tile
from ledger.sequencer import ID_WINDOW_MS
from ledger.store.environment import Reader
from ledger.store.run_form import RunForm
from ledger.store.runs import Run
from ledger.store.store import RUN_DIRECTORIES, Store, tail_rows_in
from ledger.store.tables import INDEX, RUN_KEY, TILE_KEY, RunName, RunRow
from ledger.store.tails import tail_name, tail_of
from ledger.tags import ROW as TAGS_ROW
from ledger.wire import epoch
from ledger.wire.ids import Hash, entry_id_time


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


class BatchCheck:
    """The tree over the members of each batch."""

    def __init__(self, report: Report, reader: Reader) -> None:
        self._report = report
        self._reader = reader
        self._rows = 0

    def add(self, batches: list[tuple[int, bytes]]) -> None:
        """Those that were replayed since; the list is emptied."""
        for index, tree in batches:
            self._rows += 1
            if self._reader.get("batches", INDEX.pack(index)) != tree:
                self._report.add(f"leaf {index}", "the tree over its members is not what they give")
        batches.clear()

    def finish(self) -> None:
        """No row may be left over."""
        if self._reader.count("batches") != self._rows:
            self._report.add("table batches", "holds batches that the log does not have")


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


def run_rows(reader: Reader, name: RunName) -> list[RunRow]:
    """The runs that the snapshot names, oldest first."""
    start, stop = RUN_KEY.pack(name, 0, 0), RUN_KEY.pack(name + 1, 0, 0)
    return [RunRow.decode(*row) for row in reader.scan("runs", start, stop)]


def check_run_names(report: Report, reader: Reader) -> None:
    """Every registered run belongs to an index that there is."""
    if not {key[0] for key, _ in reader.scan("runs")} <= set(RunName):
        report.add("table runs", "holds a run of no index")


def check_spans(report: Report, rows: list[RunRow]) -> None:
    """Runs join from leaf 0 on, end with a stretch, and hold no leaf that the log does not have."""
    upto = 0
    for row in rows:
        name = row.name.name.lower()
        if row.start != upto or row.stop % epoch.STRETCH:
            report.add("table runs", f"the runs of {name} do not join at leaf {row.start}")
        if row.stop > report.size:
            report.add("table runs", f"a run of {name} is for leaves that the log does not have")
        upto = row.stop


def open_run(report: Report, store: Store, row: RunRow, form: RunForm) -> Run | None:
    """Open a registered run; what is wrong with the file goes to the report."""
    path = store.directory / RUN_DIRECTORIES[row.name] / row.file_name
    try:
        return Run(path, form, row.rows, row.digest)
    except CounterfoilError as error:
        # A writer beside us that merges removes the files that our snapshot still names.
        if row in (*store.run_rows(row.name), *store.retired_runs()):
            report.add(run_title(row), str(error))
        return None


def run_title(row: RunRow) -> str:
    return f"run {row.file_name} of {row.name.name.lower()}"


def check_registry_table(report: Report, reader: Reader, expected: list[int]) -> None:
    """The list of leaves that change who may sign."""
    if not _lists(reader, "registry", expected):
        report.add("table registry", "does not list the genesis and actor entries of the log")


def check_epoch_table(report: Report, reader: Reader, expected: list[int]) -> None:
    """The list of leaves that are epochs."""
    if not _lists(reader, "epochs", expected):
        report.add("table epochs", "does not list the epochs of the log")


def _lists(reader: Reader, table: str, indexes: list[int]) -> bool:
    return list(reader.scan(table)) == [(INDEX.pack(index), b"") for index in indexes]


def check_tags(report: Report, store: Store, reader: Reader) -> None:
    """Tags are keyed fingerprints of content, so only their form and place can be checked."""
    rows = run_rows(reader, RunName.TAGS)
    check_spans(report, rows)
    for row in rows:
        run = open_run(report, store, row, RunForm(TAGS_ROW.size))
        wrong = "" if run is None else _wrong_in_tag_rows(run, row)
        # The writer beside us wipes what it has replaced.
        if wrong and row in store.run_rows(row.name):
            report.add(run_title(row), wrong)
    upto = rows[-1].stop if rows else 0
    _check_tails(report, store, reader, upto)


def _check_tails(report: Report, store: Store, reader: Reader, upto: int) -> None:
    """Each tail file has the rows that the table names, in log order and for its leaves."""
    try:
        tails = sorted(tail_rows_in(reader).items())
    except LedgerFault as error:
        report.add("table tails", error.message)
        return
    for start, count in tails:
        if start != tail_of(start) or not upto <= start < max(report.size, 1) or not count:
            report.add("table tails", "names a file that does not belong there")
            continue
        try:
            rows = [index for index, _ in store.tails.read(start, count)]
        except LedgerFault as error:
            # A writer beside us removes the files that a run of it has taken over.
            if start in store.tail_rows():
                report.add("tags", error.message)
            continue
        end = min(start + epoch.STRETCH, report.size)
        if rows != sorted(rows) or rows[0] < start or rows[-1] >= end:
            report.add(f"tags {tail_name(start)}", "holds a row that does not belong there")


def _wrong_in_tag_rows(run: Run, row: RunRow) -> str:
    """What is wrong in a run of tags; empty when nothing is."""
    last = b""
    try:
        for stored in run.scan():
            if stored[:16] <= last or not row.start <= TAGS_ROW.unpack(stored)[1] < row.stop:
                return "holds a row that does not belong there"
            last = stored[:16]
    except CounterfoilError as error:
        return str(error)
    return ""
