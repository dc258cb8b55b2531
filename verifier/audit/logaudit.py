"""One log of a line: its spans, handed to workers and taken back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from verifier.audit.inorder import InOrder
from verifier.audit.jobs import Job, LogTask, Outcome, ReadLog, ShortRunsJob, SpanTask
from verifier.audit.reading import RegistryEntry
from verifier.audit.registrar import Registrar
from verifier.audit.resuming import fits, kept_entries, known_hashes
from verifier.audit.spanaudit import LogFacts
from verifier.audit.spans import SPAN, Span, spans_of
from verifier.audit.store import DirectoryStore, Store
from verifier.audit.workers import Pool
from verifier.verdicts.logreport import LogReport

Progress = Callable[[int, int], None]


class LogAudit:
    """Directs the workers."""

    def __init__(
        self,
        store: Store,
        size: int,
        inorder: InOrder,
        registrar: Registrar,
        report: LogReport,
        line: Sequence[ReadLog],
        progress: Progress,
        charge: Callable[[int], None],
    ) -> None:
        """`line`: the logs before this one. `charge` is told what was written, in bytes."""
        self._charge = charge
        self._store = store
        self._size = size
        self._inorder = inorder
        self._registrar = registrar
        self._report = report
        self._progress = progress
        self._earlier = list(line)
        self._next = 0
        """First leaf of the span that is handed out next."""
        self._skims = False
        self._resumed = 0
        """First leaf behind the whole spans of an audit before."""
        self._known = b""
        """Hashes of leaves behind that, whose signatures were checked."""
        self._written: set[int] = set()
        self._waiting: deque[ShortRunsJob] = deque()

    def read(self, pool: Pool, task: LogTask) -> None:
        self._skims = task.skims
        registry = None if task.facts is None else self._registrar.registry
        if isinstance(self._store, DirectoryStore) and task.facts and not task.skims:
            self._go_on(self._store, task.facts)
        pool.begin(task, registry)
        pool.spans(self)
        if task.skims:
            return
        self._close_short(everything=True)
        # Where a bundle cannot be read, what epochs say of the leaves behind it stays open.
        read = [job for job in self._waiting if job.end <= self._inorder.leaves]
        pool.jobs(read, self.line, self.finished)

    @property
    def line(self) -> list[ReadLog]:
        registrar = self._registrar
        chains = (b"", b"")
        if registrar.genesis is not None:
            chains = (registrar.log_chain, registrar.registry.epoch_chain)
        return [*self._earlier, ReadLog(self._store, self._inorder.leaves, registrar.log, *chains)]

    def _go_on(self, store: DirectoryStore, facts: LogFacts) -> None:
        """Take what an audit before has done, as far as it is of use."""
        for span in spans_of(self._size):
            record = store.sound(span.first)
            if record is None:
                return
            if not fits(record, span, facts):
                self._known = known_hashes(record, span, facts)
                return
            for entry in kept_entries(record):
                self.replay(entry)
            self._inorder.take(record, skimmed=False)
            self._next = span.end
            self._resumed = span.end

    # What workers ask

    def replay(self, entry: RegistryEntry) -> None:
        self._registrar.replay(entry)

    def next_span(self) -> SpanTask | None:
        if self._next >= self._size or self._inorder.stopped:
            return None
        span = Span(self._next, min(SPAN, self._size - self._next))
        self._next = span.end
        known = self._known if span.first == self._resumed else b""
        return SpanTask(span, known)

    def done(self, first: int) -> None:
        self._written.add(first)
        while self._inorder.leaves in self._written and not self._inorder.stopped:
            self._written.remove(self._inorder.leaves)
            self._take(self._inorder.leaves)
            self._progress(self._inorder.leaves, self._size)
        self._close_short()

    def _take(self, first: int) -> None:
        record = self._store.get(first)
        self._inorder.take(record, self._skims)
        if isinstance(self._store, DirectoryStore):
            self._charge(self._store.size(first))

    def next_job(self) -> Job | None:
        # The span that a short run lies in must have been read.
        if (
            not self._skims
            and self._waiting
            and self._waiting[0].start + SPAN <= self._inorder.leaves
        ):
            return self._waiting.popleft()
        return None

    def finished(self, job: Job, outcome: Outcome) -> None:
        self._report.take(outcome.problems, outcome.capped)

    def _close_short(self, everything: bool = False) -> None:
        whole = self._registrar.runs.take_short(everything)
        if not self._skims:
            self._waiting += map(ShortRunsJob, whole)
