"""Arguments that commands share, and how they are read."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TypeAlias

from verifier.errors import BadArgument, NotVerified, Unreadable, quote
from verifier.fetch import read_file
from verifier.formats.note import VerifierKey, parse_verifier_key
from verifier.formats.policy import MAX_POLICY_BYTES, Policy, parse_policy, policy_of_keys

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXIT_CODES = """\
exit status: 0 verified, 1 false, 2 wrong arguments, 3 could not finish (no verdict)
"""
_DURATION = re.compile(r"([1-9][0-9]{0,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_command(
    commands: Commands, name: str, summary: str, examples: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"examples:\n{examples}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def add_policy(parser: argparse.ArgumentParser) -> None:
    believed = parser.add_mutually_exclusive_group(required=True)
    believed.add_argument(
        "--policy", metavar="F", help="policy file: keys of the log, custodians, witnesses, quorum"
    )
    believed.add_argument(
        "--vkey",
        action="append",
        default=[],
        type=_verifier_key,
        metavar="V",
        help="verifier key of the log; may be repeated: all must have signed the checkpoint",
    )


def add_max_age(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--max-age",
        type=duration_ms,
        metavar="DURATION",
        help=f"false when {what} is older: 90s, 10m, 24h, 30d",
    )


def policy_of(options: argparse.Namespace) -> Policy:
    try:
        if options.policy is not None:
            return parse_policy(must_read(options.policy, MAX_POLICY_BYTES))
        return policy_of_keys(options.vkey)
    except NotVerified as error:
        raise BadArgument(str(error), "give the keys of one log: see --help") from None


def must_read(path: str, limit: int) -> bytes:
    """At most one byte more than the limit, so that what reads it sees that it is too long."""
    raw = read_file(Path(path), limit)
    if raw is None:
        raise Unreadable(f"no such file: {quote(path)}", "check the path")
    return raw


def duration_ms(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a whole number and s, m, h or d, as in 10m, 24h, 30d")
    return int(found[1]) * _SECONDS[found[2]] * 1000


def _verifier_key(text: str) -> VerifierKey:
    try:
        return parse_verifier_key(text)
    except NotVerified as error:
        raise argparse.ArgumentTypeError(str(error)) from None
