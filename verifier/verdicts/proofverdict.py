"""The verdict on one entry's proof, in words and as JSON."""

from __future__ import annotations

import json

from verifier.errors import quote
from verifier.formats.claim import KINDS
from verifier.formats.policy import Policy
from verifier.proof import ProofReport
from verifier.verdicts.report import (
    LIMITS,
    false_verdict,
    is_provisional,
    limit_lines,
    missing_keys,
    problems_json,
    provisional,
    signer_lines,
)


def in_words(report: ProofReport, policy: Policy) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    if checkpoint is None or leaf is None or not report.verified:
        return false_verdict(report.problems, False, f"entry in log {quote(_log(report, policy))}")
    verdict = (
        f"verified{provisional(policy.log_keys)}: leaf {report.index} of log "
        f"{quote(checkpoint.origin)} at size {checkpoint.size}; the author's key was "
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
    signers = [] if report.opened is None else signer_lines(report.opened, policy)
    limits = limit_lines(_not_checked(report, policy))
    return "\n".join([verdict, *seams, entry, *signers, *limits])


def as_json(report: ProofReport, policy: Policy) -> str:
    checkpoint, leaf = report.checkpoint, report.leaf
    claim = leaf.claim if leaf else None
    return json.dumps(
        {
            "verdict": "verified" if report.verified else "false",
            "provisional": is_provisional(policy.log_keys),
            "log": _log(report, policy),
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
            "custodians": [one.name for one in report.opened.custodians] if report.opened else [],
            "witnesses": [one.name for one in report.opened.witnesses] if report.opened else [],
            "problems": problems_json(report.problems),
            "not_checked": _not_checked(report, policy),
            "limits": LIMITS,
        }
    )


def _log(report: ProofReport, policy: Policy) -> str:
    """Name of the log that the entry is said to be in."""
    return report.successions[-1].predecessor.origin if report.successions else policy.origin


def _not_checked(report: ProofReport, policy: Policy) -> list[str]:
    cosigners = "custodian and witness signatures"
    if policy.custodians:
        cosigners = "whether custodians' keys are registered: the registry is in other leaves"
    elif policy.witnesses:
        cosigners = "custodian signatures"
    blob = "the sealed blob: only its hash is in the entry"
    return [*report.not_checked, *missing_keys(policy.log_keys), cosigners, blob]
