"""Words for signed states of a log: what one says, and that one continues another."""

from __future__ import annotations

import base64
from typing import Any

from verifier.errors import Problem, quote
from verifier.formats.checkpoint import Opened
from verifier.formats.policy import Policy
from verifier.states.consistency import Signed
from verifier.verdicts.report import limit_lines, problems_json, provisional, signer_lines

_NOT_CHECKED = (
    "the entries: only that what was there is still there, and in the same order",
    "what others are shown, but for the states that are named here",
)


def continues(older: Signed, newer: Signed, policy: Policy) -> str:
    before, after = older.checkpoint, newer.checkpoint
    hint = provisional(policy.log_keys)
    if before.size == after.size:
        said = f"both are log {quote(after.origin)} at size {after.size}, with the same root"
    else:
        said = f"log {quote(after.origin)} at size {after.size} continues its size {before.size}"
    lines = [f"verified{hint}: {said}", *signer_lines(newer.opened, policy)]
    return "\n".join([*lines, *limit_lines(_NOT_CHECKED)])


def state(opened: Opened, policy: Policy) -> str:
    checkpoint = opened.checkpoint
    root = base64.b64encode(checkpoint.root).decode()
    hint = provisional(policy.log_keys)
    return f"verified{hint}: log {quote(checkpoint.origin)} at size {checkpoint.size}, root {root}"


def false(problem: Problem, policy: Policy, forked: bool = False) -> str:
    said = f"false: log {quote(policy.origin)}: {problem.step}"
    if forked:
        said += "; both states are signed by its keys, so each is evidence against the other"
    return said


def as_json(
    older: Signed | None, newer: Signed | None, problem: Problem | None, forked: bool = False
) -> dict[str, Any]:
    return {
        "verdict": "verified" if problem is None else "false",
        "older": None if older is None else _state(older),
        "newer": None if newer is None else _state(newer),
        "split_view": forked,
        "problems": [] if problem is None else problems_json([problem]),
        "not_checked": _NOT_CHECKED,
    }


def _state(signed: Signed) -> dict[str, Any]:
    checkpoint, opened = signed.checkpoint, signed.opened
    return {
        "log": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "provisional": opened.provisional,
        "custodians": [signer.name for signer in opened.custodians],
        "witnesses": [signer.name for signer in opened.witnesses],
    }
