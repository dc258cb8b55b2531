"""What is checked from one span to the next: the tree, time, batches that reach over the border."""

from __future__ import annotations

from collections import Counter
from hashlib import sha3_256

from verifier.audit.batchstate import lead_of, opened_of
from verifier.audit.spans import AUTHOR, Record
from verifier.audit.workdir import Audited
from verifier.errors import NotVerified, Problem
from verifier.formats.checkpoint import Checkpoint
from verifier.formats.merkle import GrowingTree
from verifier.formats.merkle import root as root_of
from verifier.formats.tiles import WIDTH, Source, Tree
from verifier.rules.batches import Batches, Opened, join_lead
from verifier.verdicts.logreport import LogReport


class InOrder:
    """Takes the records of a log's spans, one after the other."""

    def __init__(
        self, source: Source, checkpoint: Checkpoint, report: LogReport, before: Audited
    ) -> None:
        """`before`: the checkpoint of an audit before, which this log must continue."""
        self._before = before
        self._bundles = GrowingTree()
        self._checkpoint = checkpoint
        self._report = report
        self._tree = Tree(source, lambda error: report.add(error.problem))
        self._renewed = GrowingTree(sha3_256)
        self._opened: Opened | None = None
        self.leaves = 0
        self.stopped: str | None = None
        """Why nothing behind the last record is looked at."""
        self.rows: Counter[str] = Counter()
        """Of some sections, in all records."""
        self.last_ms = 0
        self.other_leaves = False
        """The leaves are not those of the checkpoint, or not those of the audit before."""

    def take(self, record: Record, skimmed: bool) -> None:
        header = record.header
        self._report.take([Problem(*one) for one in header["problems"]], header["capped"])
        bundles, hashes = record.section("bundles"), record.section("hashes")
        if header["first"] < self._before.size <= header["first"] + header["count"]:
            self._continues(header["first"], _hashes(bundles), _hashes(hashes))
        self._tree.add(_hashes(bundles), _hashes(hashes)[len(bundles) // 32 * WIDTH :])
        self._bundles.extend(_hashes(bundles))
        self.leaves = self._report.leaves = header["first"] + header["count"]
        self.stopped = header["stopped"] or ("capped" if self._report.capped else None)
        if not skimmed:
            self._count(record)
            self._time(header["first_ms"], header["last_ms"])
            self._opened = join_lead(self._opened, lead_of(record), self._add)
            if header["lead_ended_at"] is not None:
                self._opened = opened_of(record)

    def end(self) -> None:
        """All leaves were taken: the checkpoint's size and root."""
        batches = Batches(self._add)
        batches.resume(self._opened)
        batches.end(self._checkpoint.size)
        root, wanted = self._tree.root(), self._checkpoint.root
        if root != wanted:
            self.other_leaves = True
            self._add(NotVerified("root", f"{wanted.hex()} (checkpoint)", root.hex()))

    @property
    def renewed_root(self) -> bytes:
        return self._renewed.root()

    def _continues(self, first: int, bundles: list[bytes], hashes: list[bytes]) -> None:
        """The leaves up to the size of the audit before have its root."""
        left, tree = self._before.size - first, self._bundles.copy()
        tree.extend(bundles[: left // WIDTH])
        if left % WIDTH:
            tree.extend([root_of(hashes[left // WIDTH * WIDTH : left])])
        if tree.root() != self._before.root:
            self.other_leaves = True
            size, root = self._before.size, self._before.root.hex()
            expected = f"a log that continues the one audited before: size {size}, root {root}"
            self._add(NotVerified("consistency", expected, f"root {tree.root().hex()}"))

    def _count(self, record: Record) -> None:
        header, report = record.header, self._report
        for kind, count in header["kinds"]:
            report.count_kind(kind, count)
        for author, count in AUTHOR.iter_unpack(record.section("authors")):
            report.authors[author] += count
        for name in ("segments", "ids", "references"):
            self.rows[name] += header[name]
        if header["renewed"] is not None:
            self._renewed.extend([bytes.fromhex(header["renewed"])])

    def _time(self, first: tuple[int, int] | None, last_ms: int) -> None:
        if first is None:
            return
        index, received_ms = first
        if received_ms < self.last_ms:
            found = str(received_ms)
            self._add(NotVerified("time", f"received at {self.last_ms} or later", found, index))
        self.last_ms = last_ms

    def _add(self, error: NotVerified) -> None:
        self._report.add(error.problem)


def _hashes(raw: bytes) -> list[bytes]:
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]
