"""What an audit has to do, cut into pieces that any process can do.

A span is done in two steps: its registry entries come first, since what the spans before and this
one say about the registry must be known before signatures are looked at. Jobs on records follow
when all spans have been read.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, overload

from verifier.audit.chains import LogSegments, check_chains
from verifier.audit.heads import RunResult, ShortRuns
from verifier.audit.ids import check_ids
from verifier.audit.listed import Listed, difference
from verifier.audit.prefetch import at_hand
from verifier.audit.reading import RegistryEntry, SpanReader, registry_entries
from verifier.audit.references import check_references
from verifier.audit.runfiles import merge_run
from verifier.audit.skimming import skim
from verifier.audit.spanaudit import LogFacts, SpanAudit
from verifier.audit.spans import SPAN, MemoryRecord, Record, Span
from verifier.audit.store import Store
from verifier.errors import NotVerified, Problem
from verifier.formats.tiles import Source
from verifier.rules.registered import Changes, Question
from verifier.rules.registry import Registry
from verifier.verdicts.logreport import MAX_PROBLEMS

_ENTRIES_AT_ONCE = 1 << 22
"""Bytes of leaves in one message."""


@dataclass(frozen=True, slots=True)
class LogTask:
    """A log that is about to be read."""

    source: int
    """Number among the sources that were told at the beginning."""
    store: Store
    facts: LogFacts | None
    """None: its genesis is false, and nothing but its tree is looked at."""
    size: int
    skims: bool
    """Of its leaves nothing but tree and registry is looked at."""


@dataclass(frozen=True, slots=True)
class SpanTask:
    span: Span
    known: bytes = b""
    """Hashes of its first leaves, whose signatures were checked before."""


@dataclass(frozen=True, slots=True)
class ReadLog:
    """A log all of whose spans, up to some leaf, have their record."""

    store: Store
    leaves: int
    log: bytes
    log_chain: bytes
    epoch_chain: bytes

    @property
    def records(self) -> Sequence[Record]:
        return Records(self.store, self.leaves)


class Records(Sequence[Record]):
    """Of all spans, opened when they are asked for."""

    def __init__(self, store: Store, leaves: int) -> None:
        self._store = store
        self._count = -(-leaves // SPAN)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Record: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Record]: ...

    def __getitem__(self, number: int | slice) -> Record | Sequence[Record]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        return self._store.get(number * SPAN)


@dataclass(slots=True)
class Outcome:
    problems: list[Problem] = field(default_factory=list)
    capped: bool = False
    number: int = 0
    """What the job counted."""
    run: RunResult | None = None
    record: MemoryRecord | None = None

    def add(self, error: NotVerified, index: int) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.at(index))
        else:
            self.capped = True


class Job(Protocol):
    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        """`line`: the log and those before it, the oldest first."""


class ChainsJob(NamedTuple):
    low: int
    high: int
    questions: list[Question]

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        outcome = Outcome()
        logs = [LogSegments(log.records, log.log_chain, log.epoch_chain) for log in line]
        outcome.number = check_chains(logs, self.low, self.high, self.questions, outcome.add)
        return outcome


class IdsJob(NamedTuple):
    low: int
    high: int

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        outcome = Outcome()
        check_ids(line[-1].records, self.low, self.high, outcome.add)
        return outcome


class ReferencesJob(NamedTuple):
    start: int
    end: int

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        outcome = Outcome()
        check_references([log.records for log in line], self.start, self.end, outcome.add)
        return outcome


class ShortRunsJob(NamedTuple):
    listed: list[Listed]
    """With one start, in order of their ends."""

    @property
    def start(self) -> int:
        return self.listed[0].run.start

    @property
    def end(self) -> int:
        return self.listed[-1].run.to

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        outcome, log = Outcome(), line[-1]
        runs = ShortRuns(log.log, log.store.get(self.start))
        for one in self.listed:
            found = difference(one, runs.up_to(one.run.to))
            if found is not None:
                outcome.add(NotVerified("epoch", *found), one.epoch)
        return outcome


class MergeJob(NamedTuple):
    """An aligned run out of the four that it is made of."""

    level: int
    start: int

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        return Outcome(run=merge_run(line[-1].store, self.level, self.start))


class RangeJob(NamedTuple):
    """Some leaves in full, where all registry entries of the log are known."""

    task: LogTask
    span: Span

    def run(self, line: Sequence[ReadLog], worker: Worker) -> Outcome:
        record = worker.audit(self.task, self.span)
        problems = [Problem(*one) for one in record.header["problems"]]
        if record.header["stopped"] == "unreadable":
            # Reported with the tree.
            problems = [one for one in problems if one.step != "bundle"]
        kept = {name: record.sections[name] for name in ("lead", "opened")}
        return Outcome(problems, record.header["capped"], record=MemoryRecord(record.header, kept))


class Scanned(NamedTuple):
    """Some of a span's registry entries, in order."""

    entries: list[RegistryEntry]
    whole: bool
    """There are no more; what the registry says up to here is awaited."""


class Worker:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._registry = Registry(b"")
        self._task: LogTask | None = None

    def begin(self, task: LogTask, registry: Registry | None = None) -> None:
        """`registry`: one that needs not be told what is new, in the same process."""
        self._task = task
        self._registry = registry or Registry(b"")

    def span(self, work: SpanTask) -> Generator[Scanned, Sequence[Changes], None]:
        task = self._task
        if task is None:
            raise ValueError("no log was begun")
        with at_hand(self._sources[task.source], work.span, task.size) as source:
            reader = SpanReader(source, work.span, task.size)
            if task.facts is None:
                yield Scanned([], whole=True)
            else:
                yield from self._scan(reader)
            if task.skims or task.facts is None:
                record = skim(source, reader, work.span)
            else:
                audit = SpanAudit(source, work.span, reader, self._registry, task.facts, work.known)
                record = audit.run()
        task.store.put(record)

    def _scan(self, reader: SpanReader) -> Generator[Scanned, Sequence[Changes], None]:
        chunk: list[RegistryEntry] = []
        size = 0
        for entry in registry_entries(reader):
            chunk.append(entry)
            size += len(entry.leaf.claim_bytes)
            if size > _ENTRIES_AT_ONCE:
                yield Scanned(chunk, whole=False)
                chunk, size = [], 0
        self.adopt((yield Scanned(chunk, whole=True)) or ())

    def adopt(self, news: Sequence[Changes]) -> None:
        for changes in news:
            self._registry.adopt(changes)

    def audit(self, task: LogTask, span: Span) -> MemoryRecord:
        if task.facts is None:
            raise ValueError("a log without a genesis has no leaves to check")
        with at_hand(self._sources[task.source], span, task.size) as source:
            reader = SpanReader(source, span, task.size)
            return SpanAudit(source, span, reader, self._registry, task.facts).run()
