"""`log`: audit of a whole log."""

from __future__ import annotations

import argparse

from verifier import logverdict
from verifier.audit import Options, audit_log
from verifier.cli.arguments import Commands, add_command, add_policy, policy_of
from verifier.cli.outcome import Progress, finish
from verifier.fetch import open_source

EXAMPLES = """\
  counterfoil-verify log ./export --vkey "$ED25519" --vkey "$ML_DSA"
  counterfoil-verify log https://log.example.com/ --vkey "$ED25519" --vkey "$ML_DSA" --json
  counterfoil-verify log ./new --predecessor ./old --vkey "$ED25519" --vkey "$ML_DSA"
"""


def add(commands: Commands) -> None:
    parser = add_command(
        commands, "log", "check a whole log: a directory or URL in tlog-tiles layout", EXAMPLES
    )
    parser.add_argument(
        "log", metavar="PATH_OR_URL", help="directory with `checkpoint` and `tile/`, or its URL"
    )
    parser.add_argument(
        "--predecessor",
        action="append",
        default=[],
        metavar="PATH_OR_URL",
        help="a log that it takes over from; repeat for each log of its line, in any order",
    )
    add_policy(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    progress = Progress()
    predecessors = [open_source(place) for place in options.predecessor]
    try:
        result = audit_log(
            open_source(options.log), policy, predecessors, Options(progress=progress)
        )
    finally:
        progress.clear()
    render = logverdict.as_json if options.json else logverdict.in_words
    text = render(result, policy.log_keys)
    return finish(text, logverdict.problem_lines(result), result.verified)
