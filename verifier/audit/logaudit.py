"""One log of a line: its spans, handed to workers and taken back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from verifier.audit.inorder import InOrder
from verifier.audit.jobs import Job, LogTask, Outcome, ReadLog, ShortRunsJob, SpanTask
from verifier.audit.reading import RegistryEntry
from verifier.audit.registrar import Registrar
from verifier.audit.spans import SPAN, Span
from verifier.audit.store import Store
from verifier.audit.workers import Pool
from verifier.logreport import LogReport

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
    ) -> None:
        """`line`: the logs before this one."""
        self._store = store
        self._size = size
        self._inorder = inorder
        self._registrar = registrar
        self._report = report
        self._progress = progress
        self._earlier = list(line)
        self._next = 0
        """First leaf of the span that is handed out next."""
        self._written: set[int] = set()
        self._waiting: deque[ShortRunsJob] = deque()

    @property
    def skims(self) -> bool:
        return self._registrar.genesis is None

    def read(self, pool: Pool, task: LogTask) -> None:
        registry = None if self.skims else self._registrar.registry
        pool.begin(task, registry)
        pool.spans(self)
        self._close_short(everything=True)
        pool.jobs(self._waiting, self.line, self.finished)

    @property
    def line(self) -> list[ReadLog]:
        registrar = self._registrar
        chains = (b"", b"")
        if not self.skims:
            chains = (registrar.log_chain, registrar.registry.epoch_chain)
        return [*self._earlier, ReadLog(self._store, self._inorder.leaves, registrar.log, *chains)]

    # What workers ask

    def replay(self, entry: RegistryEntry) -> None:
        self._registrar.replay(entry)

    def next_span(self) -> SpanTask | None:
        if self._next >= self._size or self._inorder.stopped:
            return None
        span = Span(self._next, min(SPAN, self._size - self._next))
        self._next = span.end
        return SpanTask(span)

    def done(self, first: int) -> None:
        self._written.add(first)
        while self._inorder.leaves in self._written and not self._inorder.stopped:
            self._written.remove(self._inorder.leaves)
            self._inorder.take(self._store.get(self._inorder.leaves), self.skims)
            self._progress(self._inorder.leaves, self._size)
        self._close_short()

    def next_job(self) -> Job | None:
        # The span that a short run lies in must have been read.
        if self._waiting and self._waiting[0].start + SPAN <= self._inorder.leaves:
            return self._waiting.popleft()
        return None

    def finished(self, job: Job, outcome: Outcome) -> None:
        self._report.take(outcome.problems, outcome.capped)

    def _close_short(self, everything: bool = False) -> None:
        self._waiting += map(ShortRunsJob, self._registrar.runs.take_short(everything))
