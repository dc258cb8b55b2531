"""`proof`: one entry's tlog-proof, or a receipt."""

from __future__ import annotations

import argparse

from verifier.cli.arguments import Commands, add_command, add_policy, must_read, policy_of
from verifier.cli.outcome import finish
from verifier.formats.leaf import MAX_LEAF_BYTES
from verifier.formats.succession import MAX_SUCCESSION_BYTES
from verifier.proof import MAX_PROOF_BYTES, check_proof
from verifier.verdicts import proofverdict
from verifier.verdicts.report import problem_lines

EXAMPLES = """\
  counterfoil-verify proof receipt.tlog-proof --vkey "$ED25519"
  counterfoil-verify proof old.tlog-proof --succession new.succession --vkey "$ED25519"
  counterfoil-verify proof entry.tlog-proof --entry leaf.bin --vkey "$ED25519" --vkey "$ML_DSA"
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "proof", "check one entry's tlog-proof, or a receipt", EXAMPLES)
    parser.add_argument("proof", metavar="FILE", help="a tlog-proof file")
    parser.add_argument(
        "--entry", metavar="F", help="raw leaf; without it the proof's extra line is read"
    )
    parser.add_argument(
        "--succession",
        action="append",
        default=[],
        metavar="F",
        help="for a proof of an old log, checked with the keys of the log that took over; "
        "for one further back, repeat, the newest first",
    )
    add_policy(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    raw = must_read(options.proof, MAX_PROOF_BYTES)
    leaf = None if options.entry is None else must_read(options.entry, MAX_LEAF_BYTES)
    successions = [must_read(path, MAX_SUCCESSION_BYTES) for path in options.succession]
    result = check_proof(raw, policy, leaf, successions)
    render = proofverdict.as_json if options.json else proofverdict.in_words
    return finish(render(result, policy), problem_lines(result.problems), result.verified)
