"""`watch`: a monitor."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from verifier.cli.arguments import (
    Commands,
    add_command,
    add_max_age,
    add_policy,
    duration_ms,
    policy_of,
)
from verifier.cli.credentials import add_credentials, credentials_of
from verifier.cli.outcome import COULD_NOT_FINISH, FALSE, VERIFIED
from verifier.errors import Unreadable
from verifier.fetch import open_source
from verifier.formats.policy import Policy
from verifier.states import verdict as words
from verifier.states.watch import Look, Watch
from verifier.verdicts.report import problem_lines, signer_lines
from verifier.verdicts.times import utc

EXAMPLES = """\
  counterfoil-verify watch https://log.example.com/ --state ./watched --policy F --every 5m
  counterfoil-verify watch https://log.example.com/ --state ./watched --policy F --once
  counterfoil-verify watch https://log.example.com/ --state ./watched --policy F --max-age 24h
"""


def add(commands: Commands) -> None:
    summary = "watch a log: each state that it shows must continue the last one"
    parser = add_command(commands, "watch", summary, EXAMPLES)
    parser.add_argument("log", metavar="PATH_OR_URL", help="a log in tlog-tiles layout")
    parser.add_argument(
        "--state",
        required=True,
        metavar="DIR",
        help="where the last state is kept, and evidence of the first lie",
    )
    how_often = parser.add_mutually_exclusive_group()
    how_often.add_argument(
        "--every", type=duration_ms, default=60_000, metavar="DURATION", help="default: 60s"
    )
    how_often.add_argument("--once", action="store_true", help="look once, for cron")
    add_policy(parser)
    add_max_age(parser, "the checkpoint")
    add_credentials(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    watch = Watch(
        open_source(options.log, credentials_of(options)),
        policy,
        Path(options.state),
        options.max_age,
    )
    while True:
        now_ms = time.time_ns() // 1_000_000
        try:
            code = _report(options, policy, watch, watch.look(now_ms), now_ms)
        except Unreadable as error:
            print(f"{utc(now_ms)} no answer: {error}", file=sys.stderr, flush=True)
            code = COULD_NOT_FINISH
        if options.once or code == FALSE:
            return code
        time.sleep(options.every / 1000)


def _report(
    options: argparse.Namespace, policy: Policy, watch: Watch, look: Look, now_ms: int
) -> int:
    problem = look.problem
    if options.json:
        found = words.as_json(look.before, look.seen, problem)
        print(json.dumps({"time_ms": now_ms, **found}), flush=True)
    elif problem is not None:
        print(f"{utc(now_ms)} {words.false(problem, policy)}", flush=True)
    elif look.seen is not None:
        _say(policy, look, now_ms)
    if problem is None:
        return VERIFIED
    for line in problem_lines([problem]):
        print(line, file=sys.stderr)
    if look.seen is None:
        print(f"evidence is kept in {watch.evidence}", file=sys.stderr)
    return FALSE


def _say(policy: Policy, look: Look, now_ms: int) -> None:
    if look.seen is None:
        return
    said = words.state(look.seen.opened, policy)
    if look.before is not None:
        said += f", continues size {look.before.checkpoint.size}"
    print(f"{utc(now_ms)} {said}", flush=True)
    for line in signer_lines(look.seen.opened, policy):
        print(line, flush=True)
