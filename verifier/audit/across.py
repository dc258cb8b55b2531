"""What takes the records of all spans: chains, entry ids, what is named by hash, runs of epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.audit.heads import RunResult
from verifier.audit.inorder import InOrder
from verifier.audit.jobs import ChainsJob, IdsJob, Job, MergeJob, Outcome, ReadLog, ReferencesJob
from verifier.audit.listed import Listed, difference
from verifier.audit.references import MOST_AT_ONCE, reference_groups
from verifier.audit.registrar import Registrar
from verifier.audit.runfiles import remove_runs
from verifier.audit.spans import PARTITIONS
from verifier.audit.workers import Pool
from verifier.errors import NotVerified
from verifier.formats.epoch import blinded_id
from verifier.verdicts.logreport import LogReport

_ROWS_AT_ONCE = 1 << 17
"""In a partition, unless somebody has chosen ids that fall together."""


class Across:
    def __init__(
        self, pool: Pool, line: Sequence[ReadLog], registrar: Registrar, report: LogReport
    ) -> None:
        self._pool = pool
        self._line = line
        self._log = line[-1]
        self._registrar = registrar
        self._report = report

    def check(self, rows: InOrder, runs: dict[tuple[int, int], RunResult]) -> None:
        """`runs`: larger aligned ones that were computed before, by level and start; more are
        added.
        """
        jobs = [*self._chains(rows.rows["segments"]), *self._ids(rows.rows["ids"])]
        if rows.rows["references"]:
            jobs += [ReferencesJob(*group) for group in self._groups()]
        self._pool.jobs(jobs, self._line, self._done)
        self._merge(runs)
        self._compare(runs)
        remove_runs(self._log.store)

    def _done(self, job: Job, outcome: Outcome) -> None:
        self._report.take(outcome.problems, outcome.capped)
        if isinstance(job, ChainsJob):
            self._report.chains += outcome.number

    def _chains(self, segments: int) -> Iterator[Job]:
        first_log = self._line[0].log
        width = _width(segments)
        asked = [(blinded_id(first_log, one.chain)[0], one) for one in self._registrar.questions]
        asked.sort(key=lambda row: row[0])
        for low in range(0, PARTITIONS, width):
            questions = [one for byte, one in asked if low <= byte < low + width]
            yield ChainsJob(low, low + width, questions)

    def _ids(self, ids: int) -> Iterator[Job]:
        width = _width(ids)
        for low in range(0, PARTITIONS, width):
            yield IdsJob(low, low + width)

    def _groups(self) -> Iterator[tuple[int, int]]:
        return reference_groups(self._log.records, MOST_AT_ONCE)

    def _listed(self) -> Iterator[Listed]:
        """Over leaves that were read."""
        return (one for one in self._registrar.runs.aligned if one.run.to <= self._log.leaves)

    def _merge(self, runs: dict[tuple[int, int], RunResult]) -> None:
        """The larger runs that epochs list, the smaller of them first."""
        listed = {(one.run.level or 0, one.run.start) for one in self._listed()}
        wanted = {(level, start) for level, start in listed if level} - set(runs)
        for level in range(1, max((level for level, _ in wanted), default=0) + 1):

            def keep(job: Job, outcome: Outcome) -> None:
                if isinstance(job, MergeJob) and outcome.run is not None:
                    runs[job.level, job.start] = outcome.run

            jobs = [MergeJob(*one) for one in sorted(wanted) if one[0] == level]
            self._pool.jobs(jobs, self._line, keep)

    def _compare(self, runs: dict[tuple[int, int], RunResult]) -> None:
        for one in self._listed():
            level, start = one.run.level or 0, one.run.start
            if level:
                found = runs[level, start]
            else:
                rows, root = self._log.store.get(start).header["run"]
                found = RunResult(rows, bytes.fromhex(root))
            false = difference(one, found)
            if false is not None:
                self._report.add(NotVerified("epoch", *false).at(one.epoch))


def _width(rows: int) -> int:
    """Partition bytes that go together."""
    width = PARTITIONS
    while width > 1 and rows * width > _ROWS_AT_ONCE * PARTITIONS:
        width //= 2
    return width
