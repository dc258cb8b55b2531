"""`consistency`: does one checkpoint continue another."""

from __future__ import annotations

import argparse
import json

from verifier.cli.arguments import Commands, add_command, add_policy, must_read, policy_of
from verifier.cli.credentials import add_credentials, credentials_of
from verifier.cli.outcome import finish
from verifier.errors import NotVerified, Problem
from verifier.evidence.container import MAX_EVIDENCE_BYTES
from verifier.fetch import open_source
from verifier.formats.policy import Policy
from verifier.states import verdict as words
from verifier.states.consistency import (
    MAX_HASH_FILE_BYTES,
    Forked,
    Signed,
    check_continues,
    check_hashes,
    checkpoint_in,
    open_signed,
    parse_hashes,
)
from verifier.verdicts.report import problem_lines

EXAMPLES = """\
  counterfoil-verify consistency old.checkpoint new.checkpoint --source ./export --policy F
  counterfoil-verify consistency old new --source https://log.example.com/ --policy F
  counterfoil-verify consistency old new --hashes proof.txt --vkey "$ED25519" --vkey "$ML_DSA"
"""


def add(commands: Commands) -> None:
    summary = "check that a log's newer checkpoint continues an older one"
    parser = add_command(commands, "consistency", summary, EXAMPLES)
    parser.add_argument("old", metavar="OLD", help="a checkpoint, receipt or evidence file")
    parser.add_argument("new", metavar="NEW", help="a newer checkpoint")
    proof = parser.add_mutually_exclusive_group()
    proof.add_argument(
        "--source", metavar="PATH_OR_URL", help="where the log's tiles are, up to the newer size"
    )
    proof.add_argument(
        "--hashes", metavar="F", help="RFC 9162 consistency proof: a hash in base64 on each line"
    )
    add_policy(parser)
    add_credentials(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    notes = [must_read(path, MAX_EVIDENCE_BYTES) for path in (options.old, options.new)]
    signed: list[Signed] = []
    problem: Problem | None = None
    forked = False
    try:
        signed += (open_signed(checkpoint_in(note), policy) for note in notes)
        _check(options, signed[0], signed[1])
    except NotVerified as error:
        problem, forked = error.problem, isinstance(error, Forked)
    verdict = _verdict(options, policy, signed, problem, forked)
    return finish(verdict, problem_lines([problem] if problem else []), problem is None)


def _check(options: argparse.Namespace, old: Signed, new: Signed) -> None:
    if options.hashes is not None:
        check_hashes(old, new, parse_hashes(must_read(options.hashes, MAX_HASH_FILE_BYTES)))
    else:
        source = (
            None if options.source is None else open_source(options.source, credentials_of(options))
        )
        check_continues(old, new, source)


def _verdict(
    options: argparse.Namespace,
    policy: Policy,
    signed: list[Signed],
    problem: Problem | None,
    forked: bool,
) -> str:
    older, newer = signed if len(signed) == 2 else (None, None)
    if options.json:
        return json.dumps(words.as_json(older, newer, problem, forked))
    if problem is not None or older is None or newer is None:
        return words.false(problem, policy, forked) if problem else ""
    return words.continues(older, newer, policy)
