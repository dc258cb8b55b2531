"""The verdict on a whole log, in words and as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from verifier import report as words
from verifier.actors import CUSTODIAN
from verifier.errors import quote
from verifier.logreport import LogReport
from verifier.note import VerifierKey
from verifier.report import (
    COMPLETENESS,
    LIMITS,
    false_verdict,
    is_provisional,
    limit_lines,
    missing_keys,
    problems_json,
    provisional,
)

_NOT_CHECKED = (
    "custodian and witness signatures",
    "earlier checkpoints: that the log only grew, and that others see the same log",
    "sealed blobs: only their hashes are in the log",
)


def in_words(report: LogReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, name = report.checkpoint, f"log {quote(report.origin)}"
    for before in report.predecessors:
        if before.problems:
            what = f"log {quote(before.origin)}, before {name}"
            return false_verdict(before.problems, before.capped, what)
    if checkpoint is None or not report.verified:
        return false_verdict(report.problems, report.capped, name)
    verdict = (
        f"verified{provisional(keys)}: {report.leaves} leaves of log {quote(checkpoint.origin)}, "
        f"root {base64.b64encode(checkpoint.root).decode()}; {COMPLETENESS}"
    )
    logs = [line for log in (*report.predecessors, report) for line in _counts(log, report)]
    return "\n".join([verdict, *logs, *limit_lines(_not_checked(report, keys))])


def _counts(report: LogReport, newest: LogReport) -> Iterable[str]:
    if report is not newest and report.log_id is not None:
        log = f"log {quote(report.origin)}, id {report.log_id.hex()}"
        yield f"  taken over from: {log}, verified up to its leaf {report.leaves - 1}"
    kinds = ", ".join(f"{count} {name}" for name, count in report.kinds.items())
    yield f"  entries: {kinds}; {report.chains} chains, {report.actors} actors"


def problem_lines(report: LogReport) -> Iterable[str]:
    for before in report.predecessors:
        yield from words.problem_lines(
            before.problems, before.capped, f" of log {quote(before.origin)}"
        )
    yield from words.problem_lines(report.problems, report.capped)


def as_json(report: LogReport, keys: Sequence[VerifierKey]) -> str:
    return json.dumps(
        {
            "verdict": "verified" if report.verified else "false",
            "provisional": is_provisional(keys),
            "completeness": "asserted by the operator",
            **_fields(report),
            "checkpoint": report.note,
            "custodians": [one.name for one in report.opened.custodians] if report.opened else [],
            "custodian_keys": _custodian_keys(report),
            "predecessors": [
                {
                    "verdict": _verdict(before),
                    **_fields(before),
                    "not_checked": before.not_checked,
                }
                for before in report.predecessors
            ],
            "not_checked": _not_checked(report, keys),
            "limits": LIMITS,
        }
    )


def _custodian_keys(report: LogReport) -> list[str]:
    """Of those that are registered and have not ended, raw."""
    registered = report.registry.keys_for(CUSTODIAN) if report.registry else ()
    keys = [key.public_key.public_bytes_raw() for key in registered if key.ended_at is None]
    return sorted(key.hex() for key in keys)


def _verdict(report: LogReport) -> str:
    if report.problems:
        return "false"
    return "verified" if report.verified else "not checked"


def _fields(report: LogReport) -> dict[str, Any]:
    checkpoint = report.checkpoint
    return {
        "log": report.origin,
        "log_id": report.log_id.hex() if report.log_id else None,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "leaves": report.leaves,
        "newest_ms": report.newest_ms,
        "epoch": None
        if report.epoch is None
        else {
            "index": report.epoch.leaf_index,
            "covered": report.epoch.covered,
            "received_ms": report.epoch.received_ms,
        },
        "kinds": dict(report.kinds),
        "chains": report.chains,
        "actors": report.actors,
        "problems": problems_json(report.problems),
        "more_problems": report.capped,
    }


def _not_checked(report: LogReport, keys: Sequence[VerifierKey]) -> list[str]:
    ends = [
        f"log {quote(before.origin)} behind its leaf {before.checkpoint.size - 1}"
        for before in report.predecessors
        if before.checkpoint is not None
    ]
    return [*report.not_checked, *ends, *missing_keys(keys), *_NOT_CHECKED]
