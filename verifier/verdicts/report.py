"""What all verdicts share, in words and as JSON. The limits stand beside every verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.errors import Problem, quote
from verifier.formats.checkpoint import Opened
from verifier.formats.note import ED25519, ML_DSA_44, TYPE_NAMES, VerifierKey
from verifier.formats.policy import Policy

LIMITS = (
    "order and time are the log's word, bounded only by cosignatures",
    "only what was logged is proven: an operator can log under a second record id or not at all",
    "a signature shows a key, not a person; a gateway's is an assertion of the gateway",
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


def false_verdict(problems: Sequence[Problem], capped: bool, what: str) -> str:
    count = f"{'over ' if capped else ''}{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return f"false: {what}: {count}, the first in step {problems[0].step}"


def provisional(keys: Sequence[VerifierKey]) -> str:
    return " (provisional: no ML-DSA-44 signature checked)" if is_provisional(keys) else ""


def limit_lines(not_checked: Sequence[str]) -> list[str]:
    return [
        *(f"  not checked: {item}" for item in not_checked),
        *(f"  limit: {item}" for item in LIMITS),
    ]


def problems_json(problems: Sequence[Problem]) -> list[dict[str, str | int | None]]:
    return [
        {"step": p.step, "index": p.index, "expected": p.expected, "found": p.found}
        for p in problems
    ]


def signer_lines(opened: Opened, policy: Policy) -> Iterable[str]:
    """Which of the cosigners that the policy names signed a checkpoint."""
    for word, pinned, signed in (
        ("custodians", policy.custodians, opened.custodians),
        ("witnesses", policy.witnesses, opened.witnesses),
    ):
        if pinned:
            names = ", ".join(quote(signer.name) for signer in signed) or "none"
            yield f"  {word} that signed: {names}, of {len({key.name for key in pinned})}"
