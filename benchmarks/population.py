"""Ledgers of any size: filled by the writer under test while other processes seal ahead.

A step is 4,096 leaves: a tenth opens new records (signed one by one), the rest is one batch whose
members go to random records among all that exist, so most of a large log's records are cold. One
person's entries are spread evenly over all of it. Every entry is
sealed and signed like any other; records have ids derived from their number, so that the sealing
processes need not be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.harness import Scale
from benchmarks.ledgers import CONTENT, ORIGIN, enrol, settle
from ledger.admission import BatchSubmission, Submission
from ledger.author import CBOR, Author, Draft
from ledger.founding import found
from ledger.log import Log
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash
from ledger.wire.statement import StatementKey

STEP = 4096
FIRST = 400
"""Records that a log begins with."""
SEALERS = 2
_AHEAD = 2
"""Jobs that a sealing process may have."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a sealing process makes next."""

    first_open: int
    opens: int
    members: int
    chains: int
    """Members go to records below this number."""
    person: int
    """Of the members, how many go to the one person (record 0)."""
    content: int


@dataclass(frozen=True, slots=True)
class Step:
    """What it made. The opened records are not among those that the batch writes to."""

    opens: list[Submission]
    batch: BatchSubmission


def chain_of(number: int) -> ChainId:
    """The id of a record."""
    return ChainId(
        sha256(b"counterfoil/benchmark/record" + number.to_bytes(8, "big")).digest()[:16]
    )


class Sealers:
    """Processes that seal and sign for one author."""

    def __init__(self, author: Author, private: Ed25519PrivateKey) -> None:
        context = get_context("spawn")
        key = private.private_bytes_raw()
        self._ends: list[Connection] = []
        self._processes = []
        for number in range(SEALERS):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_seal_jobs, args=(theirs, author.log, author.id, key, number), daemon=True
            )
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    @property
    def pids(self) -> set[int]:
        """Their process ids."""
        return {process.pid for process in self._processes if process.pid is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join()

    def run(self, jobs: list[Job], use: Callable[[Job, Step], None]) -> None:
        """Have the jobs sealed ahead and use each, in order."""
        asked = 0
        for at, job in enumerate(jobs):
            while asked < min(len(jobs), at + _AHEAD * SEALERS):
                self._ends[asked % SEALERS].send(jobs[asked])
                asked += 1
            step: Step = self._ends[at % SEALERS].recv()
            use(job, step)


def _seal_jobs(end: Connection, log: Hash, actor: ActorId, key: bytes, seed: int) -> None:
    author = Author(log, actor, StatementKey.of(Ed25519PrivateKey.from_private_bytes(key)))
    random = Random(seed)
    while True:
        try:
            job: Job = end.recv()
        except EOFError:
            return
        opened = range(job.first_open, job.first_open + job.opens)
        opens = [author.entry(Draft(chain_of(at), b"", CBOR, Kind.OPEN)) for at in opened]
        numbers = [0] * job.person
        numbers += [random.randrange(job.chains) for _ in range(job.members - job.person)]
        random.shuffle(numbers)
        batch = author.batch([Draft(chain_of(at), random.randbytes(job.content)) for at in numbers])
        try:
            end.send(Step(opens, batch))
        except BrokenPipeError:
            return


@dataclass(slots=True)
class Population:
    """A ledger that grows. Made by ``create``."""

    log: Log
    author: Author
    sealers: Sealers
    content: int
    chains: int = 0
    person: int = 0
    """Entries of record 0."""
    kept: int = 0
    """Bytes of leaves and sealed payloads appended so far."""

    @classmethod
    def create(cls, log: Log, content: int) -> Population:
        """Enrol an author in a fresh log and open the first records."""
        private = Ed25519PrivateKey.generate()
        author = enrol(log, "Hospital", private)
        population = cls(log, author, Sealers(author, private), content)
        first = [author.entry(Draft(chain_of(at), b"", CBOR, Kind.OPEN)) for at in range(FIRST)]
        settle([log.append_later(first)])
        population.chains, population.person = FIRST, 1
        return population

    @property
    def size(self) -> int:
        return self.log.reader.checkpoint.size

    def grow_to(self, size: int, history: int, progress: Callable[[int], None]) -> None:
        """Append steps until the log has about this size, a tenth as many records, and so many
        entries of the one person.
        """
        jobs = []
        chains, person = self.chains, self.person
        steps = round((size - self.size) / STEP)
        for left in range(steps, 0, -1):
            opens = min(STEP // 2, max(0, -(-(size // 10 - chains) // left)))
            visits = min(STEP // 2 - 1, max(0, -(-(history - person) // left)))
            jobs.append(Job(chains, opens, STEP - opens - 1, chains, visits, self.content))
            chains += opens
            person += visits

        def use(job: Job, step: Step) -> None:
            answers = [self.log.append_later(step.batch), self.log.append_later(step.opens)]
            settle(answers)
            self.chains += job.opens
            self.person += job.person
            self.kept += kept_bytes(step)
            progress(self.size)

        self.sealers.run(jobs, use)

    def batches(self, count: int, chains: int, size: int = STEP) -> list[BatchSubmission]:
        """Sealed batches over the first ``chains`` records, not appended."""
        made: list[BatchSubmission] = []
        job = Job(0, 0, size, chains, 0, self.content)
        self.sealers.run([job] * count, lambda _, step: made.append(step.batch))
        return made


def kept_bytes(step: Step) -> int:
    """Leaves and sealed payloads of a step (and the leaf of its batch's statement)."""
    opens = sum(57 + len(entry.statement) + len(entry.blob) for entry in step.opens)
    members = sum(69 + len(claim) for claim in step.batch.claims)
    return opens + members + 57 + len(step.batch.statement) + sum(map(len, step.batch.blobs))


def grown(scale: Scale, work: Path) -> Path:
    """The largest ledger of a run, which the growth benchmark leaves, made where it did not run."""
    directory = work / "grown" / "ledger"
    if not directory.exists():
        directory.parent.mkdir(exist_ok=True)
        make(directory, scale.sizes[-1], CONTENT, scale.history)
    return directory


def make(directory: Path, size: int, content: int, history: int, workers: int = 1) -> None:
    """A ledger of about ``size`` leaves, closed."""
    found(directory, ORIGIN)
    with Log.open(directory, workers=workers) as log:
        population = Population.create(log, content)
        with population.sealers:
            population.grow_to(size, history, lambda _: None)
