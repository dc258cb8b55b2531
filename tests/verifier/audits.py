"""Audits of logs that are in memory, as the tests want them."""

from __future__ import annotations

from tests.verifier.logmaker import Log, Memory
from verifier.audit import audit_log
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport


def audit(
    log: Log, files: dict[str, bytes] | None = None, predecessors: tuple[Log, ...] = ()
) -> LogReport:
    keys = [parse_verifier_key(text) for text in log.vkeys]
    before = [Memory(one.files()) for one in predecessors]
    return audit_log(Memory(log.files() if files is None else files), policy_of_keys(keys), before)


def steps(report: LogReport) -> list[str]:
    return [problem.step for problem in report.problems]
