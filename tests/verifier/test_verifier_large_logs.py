"""What only large logs have: runs that were merged, and more ids and chains than fit at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.biglog import BigLog
from tests.verifier.formats import AMEND, RECORD, sha256
from tests.verifier.logmaker import Memory, Sample
from verifier.audit import Options, audit_log
from verifier.audit.chains import check_chains
from verifier.audit.ids import check_ids
from verifier.audit.references import reference_groups
from verifier.audit.spans import MemoryRecord
from verifier.fetch import DirectorySource
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport

MERGED = 16 * 4096


def audit(log: BigLog) -> LogReport:
    policy = policy_of_keys(parse_verifier_key(text) for text in log.vkeys)
    options = Options(signatures=False, cores=2)
    return audit_log(DirectorySource(str(log.directory)), policy, options=options)


def test_a_merged_run(tmp_path: Path) -> None:
    log = BigLog(tmp_path)
    log.fill(MERGED + 5000)
    report = audit(log)
    assert report.problems == []
    assert report.chains == log.chains


class Forgetful(BigLog):
    """Leaves a chain out of a run that was merged."""

    def _add_run(self, start: int, end: int, rows: dict[bytes, bytes]) -> None:
        if end - start == MERGED:
            rows = dict(rows)
            del rows[min(rows)]
        super()._add_run(start, end, rows)


def test_a_chain_is_left_out_of_a_merged_run(tmp_path: Path) -> None:
    log = Forgetful(tmp_path)
    log.fill(MERGED + 5000)
    report = audit(log)
    # The same run stands in each epoch from then on, and is named once.
    assert [one.step for one in report.problems] == ["epoch"]
    assert f"run 0 to {MERGED}" in report.problems[0].expected


def id_again(log: Sample) -> None:
    log.add(RECORD, log.person, log.clinic, entry_id=log.leaves[log.record][57 + 153 + 66 :][:16])


LIES: dict[str, Callable[[Sample], object]] = {
    "nothing": lambda log: None,
    "amends nothing": lambda log: log.add(AMEND, log.person, log.clinic, amended=sha256(b"x")),
    "chain begins anew": lambda log: log.add(RECORD, b"n" * 16, log.clinic),
    "enrolled for no record": lambda log: log.enrol("x", "person", fields={"record": b"n" * 16}),
    "chain forks": lambda log: log.add(RECORD, log.person, log.clinic, seq=3),
    "id again": id_again,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_in_many_small_passes(
    lie: Callable[[Sample], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a few rows were all that memory holds: the same is found."""
    log = Sample()
    for number in range(60):
        log.open(f"person {number}", log.clinic)
        log.add(AMEND, log.person, log.clinic, amended=log.hashes[log.record])
    lie(log)
    policy = policy_of_keys(parse_verifier_key(text) for text in log.vkeys)
    wanted = audit_log(Memory(log.files()), policy)
    assert wanted.verified is (lie is LIES["nothing"])
    monkeypatch.setattr("verifier.audit.across._ROWS_AT_ONCE", 8)
    monkeypatch.setattr("verifier.audit.across.MOST_AT_ONCE", 5)
    monkeypatch.setattr("verifier.audit.jobs.check_ids", partial(check_ids, most_at_once=3))
    monkeypatch.setattr("verifier.audit.jobs.check_chains", partial(check_chains, most_at_once=3))
    found = audit_log(Memory(log.files()), policy)
    assert (found.problems, found.chains) == (wanted.problems, wanted.chains)


def test_groups_of_references() -> None:
    records = [MemoryRecord({"references": count}) for count in (0, 3, 0, 2, 9, 0, 1, 1)]
    assert list(reference_groups(records, 5)) == [(0, 4), (4, 5), (5, 8)]
    assert list(reference_groups(records[:1], 5)) == []
