"""Verdicts in words and as JSON. The limits stand beside every verdict, never apart from it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from verifier.claim import KINDS
from verifier.errors import Problem, quote
from verifier.logreport import LogReport
from verifier.note import ED25519, ML_DSA_44, TYPE_NAMES, VerifierKey
from verifier.proof import ProofReport

COMPLETENESS = "completeness is asserted by the operator (no custodian signature checked)"
LIMITS = (
    "order and time are the log's word, bounded only by cosignatures",
    "only what was logged is proven: an operator can log under a second record id or not at all",
    "a signature shows a key, not a person; a gateway's is an assertion of the gateway",
)
_LOG_NOT_CHECKED = (
    "custodian and witness signatures",
    "earlier checkpoints: that the log only grew, and that others see the same log",
    "sealed blobs: only their hashes are in the log",
)
_PROOF_NOT_CHECKED = (
    "custodian and witness signatures",
    "the sealed blob: only its hash is in the entry",
)


def missing_keys(keys: Sequence[VerifierKey]) -> list[str]:
    """What stays unchecked for want of a verifier key."""
    given = {key.type for key in keys}
    return [
        f"the {TYPE_NAMES[kind]} line of the checkpoint: no such verifier key was given"
        for kind in (ED25519, ML_DSA_44)
        if kind not in given
    ]


def is_provisional(keys: Sequence[VerifierKey]) -> bool:
    """Without the ML-DSA-44 line a checkpoint may be a receipt's, not yet published."""
    return all(key.type != ML_DSA_44 for key in keys)


def log_verdict(report: LogReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, name = report.checkpoint, f"log {quote(report.origin)}"
    for before in report.predecessors:
        if before.problems:
            what = f"log {quote(before.origin)}, before {name}"
            return _false(before.problems, before.capped, what)
    if checkpoint is None or not report.verified:
        return _false(report.problems, report.capped, name)
    verdict = (
        f"verified{_provisional(keys)}: {report.leaves} leaves of log {quote(checkpoint.origin)}, "
        f"root {base64.b64encode(checkpoint.root).decode()}; {COMPLETENESS}"
    )
    logs = [line for log in (*report.predecessors, report) for line in _counts(log, report)]
    return "\n".join([verdict, *logs, *_limits(_log_not_checked(report, keys))])


def _counts(report: LogReport, newest: LogReport) -> Iterable[str]:
    if report is not newest and report.log_id is not None:
        log = f"log {quote(report.origin)}, id {report.log_id.hex()}"
        yield f"  taken over from: {log}, verified up to its leaf {report.leaves - 1}"
    kinds = ", ".join(f"{count} {name}" for name, count in report.kinds.items())
    yield f"  entries: {kinds}; {report.chains} chains, {report.actors} actors"


def proof_verdict(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    if checkpoint is None or leaf is None or not report.verified:
        return _false(report.problems, False, f"entry in log {quote(_proof_log(report, keys))}")
    verdict = (
        f"verified{_provisional(keys)}: leaf {report.index} of log {quote(checkpoint.origin)} "
        f"at size {checkpoint.size}; the author's key was "
        f"{'checked against the leaf itself' if report.index == 0 else 'not checked'}"
    )
    seams = [
        f"  bound by: log {quote(one.checkpoint.origin)}, id {one.log_id.hex()}, which took over "
        f"from log {quote(one.predecessor.origin)} at size {one.predecessor.size}"
        for one in report.successions
    ]
    claim = leaf.claim
    entry = (
        f"  entry: {KINDS[claim.kind].name} {claim.entry_id.hex()} by {claim.author.hex()} "
        f"in chain {claim.chain.hex()}, seq {leaf.seq}"
    )
    return "\n".join([verdict, *seams, entry, *_limits(_proof_not_checked(report, keys))])


def log_problem_lines(report: LogReport) -> Iterable[str]:
    for before in report.predecessors:
        yield from problem_lines(before.problems, before.capped, f" of log {quote(before.origin)}")
    yield from problem_lines(report.problems, report.capped)


def problem_lines(
    problems: Sequence[Problem], capped: bool = False, log: str = ""
) -> Iterable[str]:
    for i, problem in enumerate(problems):
        where = "" if problem.index is None else f" at leaf {problem.index}"
        yield f"{'not verified: ' if i == 0 else 'also: '}{problem.step}{where}{log}"
        yield f"  expected {problem.expected}"
        yield f"  found    {problem.found}"
    if capped:
        yield f"more problems than these {len(problems)}"


def log_json(report: LogReport, keys: Sequence[VerifierKey]) -> str:
    return json.dumps(
        {
            "verdict": "verified" if report.verified else "false",
            "provisional": is_provisional(keys),
            "completeness": "asserted by the operator",
            **_log_fields(report),
            "predecessors": [
                {
                    "verdict": _verdict(before),
                    **_log_fields(before),
                    "not_checked": before.not_checked,
                }
                for before in report.predecessors
            ],
            "not_checked": _log_not_checked(report, keys),
            "limits": LIMITS,
        }
    )


def _verdict(report: LogReport) -> str:
    if report.problems:
        return "false"
    return "verified" if report.verified else "not checked"


def _log_fields(report: LogReport) -> dict[str, Any]:
    checkpoint = report.checkpoint
    return {
        "log": report.origin,
        "log_id": report.log_id.hex() if report.log_id else None,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "leaves": report.leaves,
        "kinds": dict(report.kinds),
        "chains": report.chains,
        "actors": report.actors,
        "problems": _problems(report.problems),
        "more_problems": report.capped,
    }


def proof_json(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    claim = leaf.claim if leaf else None
    return json.dumps(
        {
            "verdict": "verified" if report.verified else "false",
            "provisional": is_provisional(keys),
            "log": _proof_log(report, keys),
            "successions": [
                {
                    "log": one.checkpoint.origin,
                    "log_id": one.log_id.hex(),
                    "predecessor": one.predecessor.origin,
                    "predecessor_id": one.predecessor.log.hex(),
                    "predecessor_size": one.predecessor.size,
                }
                for one in report.successions
            ],
            "size": checkpoint.size if checkpoint else None,
            "root": checkpoint.root.hex() if checkpoint else None,
            "index": report.index,
            "leaf_hash": report.leaf_hash.hex() if report.leaf_hash else None,
            "kinds": {KINDS[claim.kind].name: 1} if claim else {},
            "chain": claim.chain.hex() if claim else None,
            "author": claim.author.hex() if claim else None,
            "entry_id": claim.entry_id.hex() if claim else None,
            "received_ms": leaf.received_ms if leaf else None,
            "problems": _problems(report.problems),
            "not_checked": _proof_not_checked(report, keys),
            "limits": LIMITS,
        }
    )


def _proof_log(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    """Name of the log that the entry is said to be in."""
    return report.successions[-1].predecessor.origin if report.successions else keys[0].name


def _log_not_checked(report: LogReport, keys: Sequence[VerifierKey]) -> list[str]:
    ends = [
        f"log {quote(before.origin)} behind its leaf {before.checkpoint.size - 1}"
        for before in report.predecessors
        if before.checkpoint is not None
    ]
    return [*report.not_checked, *ends, *missing_keys(keys), *_LOG_NOT_CHECKED]


def _proof_not_checked(report: ProofReport, keys: Sequence[VerifierKey]) -> list[str]:
    return [*report.not_checked, *missing_keys(keys), *_PROOF_NOT_CHECKED]


def _false(problems: Sequence[Problem], capped: bool, what: str) -> str:
    count = f"{'over ' if capped else ''}{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return f"false: {what}: {count}, the first in step {problems[0].step}"


def _provisional(keys: Sequence[VerifierKey]) -> str:
    return " (provisional: no ML-DSA-44 signature checked)" if is_provisional(keys) else ""


def _limits(not_checked: Sequence[str]) -> list[str]:
    return [
        *(f"  not checked: {item}" for item in not_checked),
        *(f"  limit: {item}" for item in LIMITS),
    ]


def _problems(problems: Sequence[Problem]) -> list[dict[str, str | int | None]]:
    return [
        {"step": p.step, "index": p.index, "expected": p.expected, "found": p.found}
        for p in problems
    ]
