"""The index, forged by the operator or shown in part."""

from __future__ import annotations

import pytest

from tests.verifier import heads
from tests.verifier.evidenceedits import again
from tests.verifier.evidencemaker import ABSENCE, HISTORY, multi_proof, prove
from tests.verifier.evidenceworld import GUARD, check, policy, step
from tests.verifier.formats import ACCESS, RECORD, sha256
from tests.verifier.logmaker import Sample


def test_a_forged_head_is_no_complete_list() -> None:
    """The operator's epoch hides the last access. No custodian that recomputes it signs that; with
    the operator's word alone, nobody can tell, and the verdict says whose word it is.
    """
    log = Sample("forger")
    honest = len(log.leaves)
    log.add(ACCESS, log.person, log.pharmacy)
    covered = len(log.leaves)

    def hide(runs: list[heads.Run]) -> list[heads.Run]:
        rows = [row for row in runs[0].rows if row[:16] != heads.blinded(log, log.person)]
        return [heads.Run(covered, sorted([*rows, heads.row(log, 14)]))]

    heads.add_epoch(log, edit=hide)
    file = prove([log], HISTORY, log.person)
    assert step(file, policy(log)) == "look-up"
    forged = hide(heads.runs(log, [covered]))[0]
    part = file.parts[0]
    part.leaves = [item for item in part.leaves if item[0] != honest]
    again(part)
    part.runs[0].pages = list(enumerate(forged.pages))
    part.runs[0].hashes = []
    report = check(file, policy(log, GUARD))
    assert report.verified
    assert not report.complete


def two_runs() -> Sample:
    """An aligned run with about 90 chains, and a short one that has the person's last entry."""
    log = Sample("runs")
    people = [log.open(f"p{number}", log.clinic) for number in range(90)]
    while len(log.leaves) < 4096:
        count = min(90, 4095 - len(log.leaves))
        log.batch(log.clinic, people[:count]) if count else log.add(RECORD, people[0], log.clinic)
    log.last = log.add(ACCESS, log.person, log.pharmacy)  # type: ignore[attr-defined]
    heads.add_epoch(log)
    return log


@pytest.fixture(scope="module")
def runs() -> Sample:
    return two_runs()


def test_a_newer_run_hides_nothing(runs: Sample) -> None:
    """The head in an older run is not the head, when the newer run has the chain."""
    file = prove([runs], HISTORY, runs.person)
    part = file.parts[0]
    assert step(file, policy(runs)) == ""
    part.leaves = [item for item in part.leaves if item[0] != runs.last]  # type: ignore[attr-defined]
    again(part)
    every = [heads.run(runs, *ends) for ends in part.listed]
    for run, here in zip(every, part.runs, strict=True):
        here.pages, here.hashes = list(enumerate(run.pages)), []
    assert step(file, policy(runs)) == "look-up"


def test_rows_that_are_no_neighbours(runs: Sample) -> None:
    """An absence shown by two rows with others between them, on two pages."""
    chain = next(
        chain
        for chain in (sha256(b"%d" % number)[:16] for number in range(500))
        if place(runs, chain)[1] == 1
    )
    file = prove([runs], ABSENCE, chain)
    assert step(file, policy(runs)) == ""
    part = file.parts[0]
    run = heads.run(runs, *part.listed[0])
    at = place(runs, chain)[0]
    pages = sorted(number for number, _ in part.runs[0].pages)
    for thin in (
        [number for number in pages if number != at],
        sorted({*pages, at - 1, at + 1} - {at}),
    ):
        part.runs[0].pages = [(number, run.pages[number]) for number in thin]
        part.runs[0].hashes = multi_proof(thin, run.page_hashes)
        assert step(file, policy(runs)) == "look-up"


def place(log: Sample, chain: bytes) -> tuple[int, int]:
    """Page of the first run that shows the chain's absence, and how many are needed there."""
    rows = [row[:16] for row in heads.run(log, 0, 4096).rows]
    below = sum(row < heads.blinded(log, chain) for row in rows)
    return below // 16, 1 if below % 16 and 16 < below < len(rows) - 32 else 2


def test_rows_out_of_order() -> None:
    log = Sample("disorder")

    def reverse(runs: list[heads.Run]) -> list[heads.Run]:
        return [run._replace(rows=run.rows[::-1]) for run in runs]

    heads.add_epoch(log, edit=reverse)
    file = prove([log], ABSENCE, bytes(16))
    run = reverse(heads.runs(log, [15]))[0]
    file.parts[0].runs[0].pages = list(enumerate(run.pages))
    file.parts[0].runs[0].hashes = []
    assert step(file, policy(log)) == "look-up"
