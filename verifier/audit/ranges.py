"""Audits of a part: some leaves in full, of all others their place in the tree and the registry.

A range goes over whole batches, since a member alone does not show who signed it. What needs other
leaves is not checked: see `NOT_CHECKED`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from verifier.audit.batchstate import lead_of, opened_of
from verifier.audit.jobs import Job, LogTask, Outcome, RangeJob, ReadLog
from verifier.audit.options import Options
from verifier.audit.spans import SPAN, Span
from verifier.audit.workers import Pool
from verifier.errors import NotVerified
from verifier.formats.bodies import MAX_MEMBERS, parse_batch
from verifier.formats.claim import BATCH
from verifier.formats.leaf import Leaf, parse_leaf
from verifier.formats.tiles import WIDTH, Source, read_bundle
from verifier.rules.batches import Batches, Opened, join_lead
from verifier.verdicts.logreport import LogReport

NOT_CHECKED = (
    "what needs other leaves: chains, that entry ids are used once, what is named by hash, time "
    "from part to part, the runs that epochs list"
)


class Range(NamedTuple):
    start: int
    end: int


def ranges_of(source: Source, size: int, options: Options) -> list[Range]:
    """What is to be checked in full, in order."""
    if options.part is not None:
        start, end = options.part
        chosen = [Range(start, min(end, size))]
    else:
        bundles = range(-(-size // WIDTH))
        numbers = secrets.SystemRandom().sample(bundles, min(options.sample or 0, len(bundles)))
        chosen = [Range(WIDTH * n, min(WIDTH * n + WIDTH, size)) for n in sorted(numbers)]
    merged: list[Range] = []
    for one in chosen:
        whole = _whole_batches(source, size, one)
        if merged and whole.start <= merged[-1].end:
            merged[-1] = Range(merged[-1].start, max(merged[-1].end, whole.end))
        else:
            merged.append(whole)
    return merged


def _whole_batches(source: Source, size: int, one: Range) -> Range:
    start, end = one
    first, last = _leaf(source, size, start), _leaf(source, size, end - 1)
    if first is not None and first.member is not None:
        batch = first.member.batch_index
        if start - MAX_MEMBERS <= batch < start:
            start = batch
    batch = end - 1
    if last is not None and last.member is not None:
        batch = last.member.batch_index
        last = _leaf(source, size, batch) if end - 1 - MAX_MEMBERS <= batch < end else None
    if last is not None and last.claim.kind == BATCH:
        with suppress(NotVerified):
            end = min(size, max(end, batch + 1 + parse_batch(last.body).count))
    return Range(start, end)


def _leaf(source: Source, size: int, index: int) -> Leaf | None:
    number = index // WIDTH
    try:
        entries = read_bundle(source, number, min(WIDTH, size - WIDTH * number))
        return parse_leaf(entries[index % WIDTH])
    except NotVerified:
        return None


class RangeAudit:
    def __init__(self, pool: Pool, task: LogTask, log: ReadLog, report: LogReport) -> None:
        self._pool = pool
        self._task = task
        self._log = log
        self._report = report

    def check(self, ranges: Sequence[Range], size: int) -> None:
        outcomes: dict[int, Outcome] = {}

        def keep(job: Job, outcome: Outcome) -> None:
            if isinstance(job, RangeJob):
                outcomes[job.span.first] = outcome

        pieces = [piece for one in ranges for piece in _pieces(one)]
        self._pool.jobs([RangeJob(self._task, piece) for piece in pieces], [self._log], keep)
        for one in ranges:
            self._join([outcomes[piece.first] for piece in _pieces(one)], one.end, size)

    def _join(self, outcomes: Sequence[Outcome], end: int, size: int) -> None:
        report = self._report
        opened: Opened | None = None
        for outcome in outcomes:
            record = outcome.record
            report.take(outcome.problems, outcome.capped)
            if record is None:
                continue
            for kind, count in record.header["kinds"]:
                report.count_kind(kind, count)
            report.checked_leaves += record.header["count"]
            opened = join_lead(opened, lead_of(record), self._add)
            if record.header["lead_ended_at"] is not None:
                opened = opened_of(record)
        if end == size:
            batches = Batches(self._add)
            batches.resume(opened)
            batches.end(size)

    def _add(self, error: NotVerified) -> None:
        self._report.add(error.problem)


def _pieces(one: Range) -> Iterator[Span]:
    for first in range(one.start, one.end, SPAN):
        yield Span(first, min(SPAN, one.end - first))
