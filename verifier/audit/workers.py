"""Who does the work: this process alone, or one process for each core.

Spans are handed out in order. A worker first tells the registry entries of its span, which are
taken in order too, and goes on when it is told what they and all before them changed. Since every
span before has been handed out by then, nobody waits for long.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Protocol

from verifier.audit.jobs import Job, LogTask, Outcome, ReadLog, Scanned, SpanTask, Worker
from verifier.audit.reading import RegistryEntry
from verifier.errors import Unreadable
from verifier.formats.tiles import Source
from verifier.rules.registered import Changes
from verifier.rules.registry import Registry


class Director(Protocol):
    """Whom the workers work for."""

    def replay(self, entry: RegistryEntry) -> None:
        """The next registry entry of the log."""

    def done(self, first: int) -> None:
        """The record of the span that begins there is written."""

    def next_span(self) -> SpanTask | None:
        """Spans in order; None: no more, or nobody needs more."""

    def next_job(self) -> Job | None:
        """What can be done between spans."""

    def finished(self, job: Job, outcome: Outcome) -> None: ...

    @property
    def line(self) -> list[ReadLog]:
        """For such jobs."""


class Pool(Protocol):
    def begin(self, task: LogTask, registry: Registry | None) -> None:
        """A log is about to be read; `registry` is the director's, None when there is none."""

    def spans(self, director: Director) -> None:
        """Do all of them."""

    def jobs(
        self, jobs: Iterable[Job], line: Sequence[ReadLog], done: Callable[[Job, Outcome], None]
    ) -> None:
        """Do all of them, in any order."""

    def close(self) -> None: ...


class LocalPool:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._worker = Worker(sources)

    def begin(self, task: LogTask, registry: Registry | None) -> None:
        self._worker.begin(task, registry)

    def spans(self, director: Director) -> None:
        while (task := director.next_span()) is not None:
            while (job := director.next_job()) is not None:
                director.finished(job, job.run(director.line, self._worker))
            for scanned in self._worker.span(task):
                for entry in scanned.entries:
                    director.replay(entry)
            director.done(task.span.first)

    def jobs(
        self, jobs: Iterable[Job], line: Sequence[ReadLog], done: Callable[[Job, Outcome], None]
    ) -> None:
        for job in jobs:
            done(job, job.run(line, self._worker))

    def close(self) -> None:
        pass


# Messages to and from a worker process, beside LogTask, SpanTask, Scanned and Outcome.


class _Begin(NamedTuple):
    task: LogTask


class _Changes(NamedTuple):
    changes: list[Changes]


class _Run(NamedTuple):
    job: Job
    line: list[ReadLog] | None
    """None: as in the message before."""


class _SpanDone(NamedTuple):
    first: int


class _Failed(NamedTuple):
    message: str
    hint: str | None
    """None: it is a bug of ours."""


class _Peer:
    """A worker process, as the others see it."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self.span: int | None = None
        """First leaf of the span that it works on."""
        self.scanned = False
        """It has told all registry entries of it."""
        self.changes: list[Changes] = []
        """That it was not told yet."""
        self.job: Job | None = None
        self._line: list[ReadLog] | None = None

    def run(self, job: Job, line: list[ReadLog]) -> None:
        if self.changes:
            self.tell()
        self.send(_Run(job, None if self._line == line else line))
        self.job, self._line = job, line

    def tell(self) -> None:
        """What is new in the registry."""
        self.send(_Changes(self.changes))
        self.changes = []

    def send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            raise _died() from None

    def receive(self) -> Any:
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise _died() from None
        if isinstance(message, _Failed):
            if message.hint is None:
                raise RuntimeError(message.message)
            raise Unreadable(message.message, message.hint)
        return message


class ProcessPool:
    def __init__(self, sources: Sequence[Source], count: int) -> None:
        # A fork costs nothing, but is safe only while there is no other thread.
        forks = sys.platform == "linux" and threading.active_count() == 1
        context = (
            multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")
        )
        self._peers: list[_Peer] = []
        self._registry: Registry | None = None
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, list(sources)), name=f"audit-{number}", daemon=True
            )
            process.start()
            theirs.close()
            self._peers.append(_Peer(process, ours))

    def begin(self, task: LogTask, registry: Registry | None) -> None:
        self._registry = registry
        for peer in self._peers:
            peer.send(_Begin(task))
            peer.changes = [] if registry is None else [registry.everything()]
        if registry is not None:
            registry.take_changes()

    def spans(self, director: Director) -> None:
        idle = deque(self._peers)
        awaited: deque[int] = deque()
        """Spans whose registry entries are not all taken, in order."""
        while True:
            while idle and (work := _next_work(director)) is not None:
                peer = idle.popleft()
                if isinstance(work, SpanTask):
                    peer.span, peer.scanned = work.span.first, False
                    awaited.append(work.span.first)
                    peer.send(work)
                else:
                    peer.run(work, director.line)
            if len(idle) == len(self._peers):
                return
            ready = [
                peer
                for peer in self._peers
                if peer.job or (peer.span is not None and (peer.scanned or peer.span == awaited[0]))
            ]
            for peer in _readable(ready):
                message = peer.receive()
                if isinstance(message, Scanned):
                    self._take(message, peer, director, awaited)
                    continue
                idle.append(peer)
                if isinstance(message, Outcome) and peer.job is not None:
                    job, peer.job = peer.job, None
                    director.finished(job, message)
                else:
                    peer.span = None
                    director.done(message.first)

    def _take(self, scanned: Scanned, peer: _Peer, director: Director, awaited: deque[int]) -> None:
        for entry in scanned.entries:
            director.replay(entry)
        if not scanned.whole:
            return
        if scanned.entries and self._registry is not None:
            changes = self._registry.take_changes()
            for one in self._peers:
                one.changes.append(changes)
        awaited.popleft()
        peer.scanned = True
        peer.tell()

    def jobs(
        self, jobs: Iterable[Job], line: Sequence[ReadLog], done: Callable[[Job, Outcome], None]
    ) -> None:
        left, told = iter(jobs), list(line)
        for peer, first in zip(self._peers, left, strict=False):
            peer.run(first, told)
        while busy := [peer for peer in self._peers if peer.job is not None]:
            for peer in _readable(busy):
                outcome, job = peer.receive(), peer.job
                peer.job = None
                if job is not None:
                    done(job, outcome)
                following = next(left, None)
                if following is not None:
                    peer.run(following, told)

    def close(self) -> None:
        for peer in self._peers:
            peer.connection.close()
            peer.process.terminate()
        for peer in self._peers:
            peer.process.join()


def _next_work(director: Director) -> SpanTask | Job | None:
    return director.next_job() or director.next_span()


def _readable(peers: Sequence[_Peer]) -> list[_Peer]:
    ready = wait([peer.connection for peer in peers])
    return [peer for peer in peers if peer.connection in ready]


def _died() -> Unreadable:
    return Unreadable("a process of this audit was killed", "is there enough memory?")


def make_pool(sources: Sequence[Source], cores: int) -> Pool:
    return LocalPool(sources) if cores < 2 else ProcessPool(sources, cores)


def _serve(connection: Connection, sources: Sequence[Source]) -> None:
    """A worker process: ends when nobody is at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _Server(connection, sources)
    try:
        while True:
            server.answer(connection.recv())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Unreadable as error:
        connection.send(_Failed(str(error), error.hint))
    except Exception:
        connection.send(_Failed(traceback.format_exc(), None))


class _Server:
    def __init__(self, connection: Connection, sources: Sequence[Source]) -> None:
        self._connection = connection
        self._worker = Worker(sources)
        self._line: list[ReadLog] = []

    def answer(self, message: Any) -> None:
        if isinstance(message, _Begin):
            self._worker.begin(message.task)
        elif isinstance(message, SpanTask):
            self._span(self._worker.span(message), message.span.first)
        elif isinstance(message, _Changes):
            self._worker.adopt(message.changes)
        else:
            self._line = self._line if message.line is None else message.line
            self._connection.send(message.job.run(self._line, self._worker))

    def _span(self, steps: Generator[Scanned, Sequence[Changes], None], first: int) -> None:
        scanned = next(steps)
        try:
            while True:
                self._connection.send(scanned)
                scanned = steps.send(self._connection.recv().changes if scanned.whole else [])
        except StopIteration:
            self._connection.send(_SpanDone(first))
