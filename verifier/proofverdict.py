"""The verdict on one entry's proof, in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from verifier.claim import KINDS
from verifier.errors import quote
from verifier.note import VerifierKey
from verifier.proof import ProofReport
from verifier.report import (
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
    "the sealed blob: only its hash is in the entry",
)


def in_words(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    if checkpoint is None or leaf is None or not report.verified:
        return false_verdict(report.problems, False, f"entry in log {quote(_log(report, keys))}")
    verdict = (
        f"verified{provisional(keys)}: leaf {report.index} of log {quote(checkpoint.origin)} "
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
    return "\n".join([verdict, *seams, entry, *limit_lines(_not_checked(report, keys))])


def as_json(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    claim = leaf.claim if leaf else None
    return json.dumps(
        {
            "verdict": "verified" if report.verified else "false",
            "provisional": is_provisional(keys),
            "log": _log(report, keys),
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
            "problems": problems_json(report.problems),
            "not_checked": _not_checked(report, keys),
            "limits": LIMITS,
        }
    )


def _log(report: ProofReport, keys: Sequence[VerifierKey]) -> str:
    """Name of the log that the entry is said to be in."""
    return report.successions[-1].predecessor.origin if report.successions else keys[0].name


def _not_checked(report: ProofReport, keys: Sequence[VerifierKey]) -> list[str]:
    return [*report.not_checked, *missing_keys(keys), *_NOT_CHECKED]
