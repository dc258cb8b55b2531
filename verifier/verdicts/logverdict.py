"""The verdict on a whole log, in words and as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from verifier.errors import quote
from verifier.formats.actors import CUSTODIAN
from verifier.formats.policy import Policy
from verifier.verdicts import report as words
from verifier.verdicts.logreport import LogReport
from verifier.verdicts.report import (
    LIMITS,
    false_verdict,
    is_provisional,
    limit_lines,
    missing_keys,
    problems_json,
    provisional,
)
from verifier.verdicts.times import utc

ASSERTED = "consistent; completeness asserted by the operator"
_MOST_RANGES = 10


def in_words(report: LogReport, policy: Policy) -> str:
    checkpoint, name = report.checkpoint, f"log {quote(report.origin)}"
    for before in report.predecessors:
        if before.problems:
            what = f"log {quote(before.origin)}, before {name}"
            return false_verdict(before.problems, before.capped, what)
    if checkpoint is None or not report.verified:
        return false_verdict(report.problems, report.capped, name)
    verdict = (
        f"{verified_word(report)}{provisional(policy.log_keys)}: {_extent(report)} of log "
        f"{quote(checkpoint.origin)}, root {base64.b64encode(checkpoint.root).decode()}; "
        f"{completeness(report)}"
    )
    logs = [line for log in (*report.predecessors, report) for line in _counts(log, report)]
    return "\n".join([verdict, *logs, *_signers(report), *limit_lines(not_checked(report, policy))])


def verified_word(report: LogReport) -> str:
    if report.ranges is not None:
        word = "verified in part"
        return word if report.signatures else f"{word}, without author signatures"
    return "verified" if report.signatures else "structure verified, without author signatures"


def _extent(report: LogReport) -> str:
    if report.ranges is None:
        return f"{report.leaves} leaves"
    return f"{report.checked_leaves} of {report.leaves} leaves"


def completeness(report: LogReport) -> str:
    """What a list of entries of this log is worth to whoever did not audit it."""
    counted, epoch = report.custodians, report.epoch
    if epoch is None:
        return f"{ASSERTED}: it has no epoch"
    until = f"up to epoch {epoch.covered} of time {utc(epoch.received_ms)}"
    if counted is not None and counted.complete:
        count = len(counted.names)
        return f"complete {until} by {count} custodian{'' if count == 1 else 's'}"
    return f"{ASSERTED}, {until}"


def _counts(report: LogReport, newest: LogReport) -> Iterator[str]:
    if report is not newest and report.log_id is not None:
        log = f"log {quote(report.origin)}, id {report.log_id.hex()}"
        yield f"  taken over from: {log}, verified up to its leaf {report.leaves - 1}"
    kinds = ", ".join(f"{count} {name}" for name, count in report.kinds.items())
    yield f"  entries: {kinds}; {report.chains} chains, {report.actors} actors"
    if report.epochs and report.ranges is None:
        epochs = "1 epoch" if report.epochs == 1 else f"{report.epochs} epochs"
        yield f"  heads index: every run of {epochs} was computed again"
    if report.continues is not None:
        yield f"  continues the checkpoint of size {report.continues} that was audited before"


def _signers(report: LogReport) -> Iterator[str]:
    counted, opened = report.custodians, report.opened
    if counted is None or opened is None:
        return
    if counted.names:
        yield f"  custodians: {', '.join(quote(name) for name in counted.names)}"
    if len(counted.names) < counted.quorum:
        yield f"  custodians that count: {len(counted.names)}, of {counted.quorum} that are needed"
    for reason in counted.refused:
        yield f"  {reason}"
    if opened.witnesses:
        yield f"  witnesses: {', '.join(quote(signer.name) for signer in opened.witnesses)}"


def problem_lines(report: LogReport) -> Iterator[str]:
    for before in report.predecessors:
        yield from words.problem_lines(
            before.problems, before.capped, f" of log {quote(before.origin)}"
        )
    yield from words.problem_lines(report.problems, report.capped)


def as_json(report: LogReport, policy: Policy) -> str:
    counted, opened = report.custodians, report.opened
    return json.dumps(
        {
            "verdict": verified_word(report) if report.verified else "false",
            "provisional": is_provisional(policy.log_keys),
            "whole": report.whole,
            "completeness": "custodians"
            if counted is not None and counted.complete
            else "asserted by the operator",
            "custodians": list(counted.names) if counted else [],
            "custodians_refused": list(counted.refused) if counted else [],
            "quorum": policy.quorum,
            "witnesses": [signer.name for signer in opened.witnesses] if opened else [],
            **_fields(report),
            "checkpoint": report.note,
            "custodian_keys": _custodian_keys(report),
            "continues": report.continues,
            "predecessors": [
                {
                    "verdict": _verdict(before),
                    **_fields(before),
                    "not_checked": before.not_checked,
                }
                for before in report.predecessors
            ],
            "not_checked": not_checked(report, policy),
            "limits": LIMITS,
        }
    )


def _custodian_keys(report: LogReport) -> list[str]:
    """Of those that are registered and have not ended, raw."""
    registered = report.registry.keys_for(CUSTODIAN) if report.registry else ()
    return sorted(key.key.raw.hex() for key in registered if key.ended_at is None)


def _verdict(report: LogReport) -> str:
    if report.problems:
        return "false"
    return "verified" if report.verified else "not checked"


def _fields(report: LogReport) -> dict[str, Any]:
    checkpoint, epoch = report.checkpoint, report.epoch
    return {
        "log": report.origin,
        "log_id": report.log_id.hex() if report.log_id else None,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "leaves": report.leaves,
        "checked_leaves": report.checked_leaves,
        "ranges": report.ranges,
        "signatures": report.signatures,
        "kinds": dict(report.kinds),
        "chains": report.chains,
        "actors": report.actors,
        "epochs": report.epochs,
        "newest_ms": report.newest_ms,
        "epoch": None
        if epoch is None
        else {
            "index": epoch.leaf_index,
            "covered": epoch.covered,
            "received_ms": epoch.received_ms,
        },
        "problems": problems_json(report.problems),
        "more_problems": report.capped,
    }


def not_checked(report: LogReport, policy: Policy) -> list[str]:
    return [*_unchecked(report, policy)]


def _unchecked(report: LogReport, policy: Policy) -> Iterator[str]:
    yield from report.not_checked
    if report.ranges is not None:
        yield f"leaves but {_ranges(report.ranges)}: only their place in the tree, and the registry"
    if not report.signatures:
        yield "the signatures of authors"
    for before in report.predecessors:
        if before.checkpoint is not None:
            yield f"log {quote(before.origin)} behind its leaf {before.checkpoint.size - 1}"
    if report.epoch is not None and report.epoch.skipped:
        skipped = report.epoch.skipped
        yield f"the index of {skipped} entries before the newest epoch: it leaves them out"
    yield from missing_keys(policy.log_keys)
    if not policy.custodians:
        yield "custodian signatures: the policy names no custodian"
    witnessed = report.opened is not None and report.opened.witnesses
    if report.continues is not None and not witnessed:
        yield "that others see the same log: no witness of the policy signed"
    elif not witnessed:
        yield "earlier checkpoints: that the log only grew, and that others see the same log"
    yield "sealed blobs: only their hashes are in the log"


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{start} to {end - 1}" for start, end in ranges[:_MOST_RANGES])
    more = len(ranges) - _MOST_RANGES
    return f"{shown} and {more} more parts" if more > 0 else shown
