"""`evidence`: an evidence file, offline."""

from __future__ import annotations

import argparse
import time

from verifier.cli.arguments import (
    Commands,
    add_command,
    add_max_age,
    add_policy,
    must_read,
    policy_of,
)
from verifier.cli.outcome import finish, write_new
from verifier.errors import BadArgument, quote
from verifier.evidence import verdict as words
from verifier.evidence.check import check_evidence
from verifier.evidence.container import MAX_EVIDENCE_BYTES
from verifier.verdicts.report import problem_lines

EXAMPLES = """\
  counterfoil-verify evidence mine.evidence --policy people-i-trust.policy --max-age 30d
  counterfoil-verify evidence mine.evidence --vkey "$ED25519" --vkey "$ML_DSA" --lang ja
  counterfoil-verify evidence one.evidence --policy F --content letter.pdf
"""


def add(commands: Commands) -> None:
    summary = "check an evidence file: an entry, all entries of a record, or that there are none"
    parser = add_command(commands, "evidence", summary, EXAMPLES)
    parser.add_argument("evidence", metavar="FILE", help="an evidence file")
    add_policy(parser)
    add_max_age(parser, "the epoch")
    parser.add_argument("--lang", choices=("en", "ja"), default="en", help="language: en, ja")
    parser.add_argument(
        "--content",
        metavar="F",
        help="write the disclosed content to this new file, which only its owner can read",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    raw = must_read(options.evidence, MAX_EVIDENCE_BYTES)
    report = check_evidence(raw, policy, time.time_ns() // 1_000_000, options.max_age)
    if options.content is not None and report.verified:
        if report.content is None:
            raise BadArgument("this file discloses no content", "leave --content out")
        write_new(options.content, report.content.content)
    if options.json:
        verdict = words.as_json(report, policy)
    else:
        verdict = words.in_words(report, policy, options.lang)
    where = f" of log {quote(report.false_log)}" if report.false_log else ""
    return finish(verdict, problem_lines(report.problems, log=where), report.verified)
