"""`log`: audit of a whole log, or of a part of it."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import replace
from pathlib import Path

from verifier.audit import Options, audit_log
from verifier.audit.options import DISK_BYTES
from verifier.cli.arguments import (
    Commands,
    add_command,
    add_max_age,
    add_policy,
    policy_of,
)
from verifier.cli.credentials import add_credentials, credentials_of
from verifier.cli.outcome import finish, write_new
from verifier.cli.progress import Progress
from verifier.errors import BadArgument, quote
from verifier.fetch import NOBODY, open_source, same_server
from verifier.formats.claim import MAX_INTEGER
from verifier.verdicts import logverdict
from verifier.verdicts.htmlreport import html_report

EXAMPLES = """\
  counterfoil-verify log ./export --policy people-i-trust.policy --max-age 24h
  counterfoil-verify log ./backup --vkey "$ED25519" --vkey "$ML_DSA" --report audit.html
  counterfoil-verify log https://log.example.com/ --policy F --bearer-file token --state ./audited
  counterfoil-verify log ./new --predecessor ./old --policy F --json
  counterfoil-verify log ./export --policy F --sample 100
"""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def add(commands: Commands) -> None:
    parser = add_command(commands, "log", "check a whole log, or a part of it", EXAMPLES)
    parser.add_argument(
        "log",
        metavar="PATH_OR_URL",
        help="directory with `checkpoint` and `tile/`, a backup, or a URL",
    )
    parser.add_argument(
        "--predecessor",
        action="append",
        default=[],
        metavar="PATH_OR_URL",
        help="a log that it takes over from; repeat for each log of its line, in any order",
    )
    add_policy(parser)
    add_max_age(parser, "the newest epoch")
    parser.add_argument(
        "--report", metavar="F.html", help="write a report for signing off to this new file"
    )
    _add_scope(parser)
    _add_work(parser)
    add_credentials(parser)
    parser.set_defaults(run=_run)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_argument_group("a part of the log, and the verdict says so")
    scope.add_argument(
        "--structure-only", action="store_true", help="do not check signatures of authors"
    )
    scope.add_argument(
        "--from", dest="first", type=_natural, metavar="N", help="check leaves from N on in full"
    )
    scope.add_argument(
        "--to", dest="end", type=_natural, metavar="N", help="check leaves below N in full"
    )
    scope.add_argument(
        "--sample", type=_positive, metavar="N", help="check N bundles, chosen at random, in full"
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    work = parser.add_argument_group("large logs")
    work.add_argument(
        "--state",
        metavar="DIR",
        help="keep what was found: an interrupted audit goes on, a log that grew is gone on with",
    )
    work.add_argument(
        "--disk",
        type=_bytes,
        default=DISK_BYTES,
        metavar="SIZE",
        help="bytes that may be written, as in 500M or 64G (default)",
    )


def _run(options: argparse.Namespace) -> int:
    policy, how = policy_of(options), _options(options)
    credentials = credentials_of(options)
    source = open_source(options.log, credentials)
    predecessors = [
        open_source(place, credentials if same_server(place, options.log) else NOBODY)
        for place in options.predecessor
    ]
    if options.report is not None and Path(options.report).exists():
        raise BadArgument(f"{quote(options.report)} exists", "name a new file for the report")
    progress = Progress()
    try:
        result = audit_log(source, policy, predecessors, replace(how, progress=progress))
    finally:
        progress.clear()
    if options.report is not None:
        write_new(options.report, html_report(result, policy, how.now_ms).encode())
    render = logverdict.as_json if options.json else logverdict.in_words
    return finish(render(result, policy), logverdict.problem_lines(result), result.verified)


def _options(options: argparse.Namespace) -> Options:
    part = None
    if options.first is not None or options.end is not None:
        part = (options.first or 0, MAX_INTEGER if options.end is None else options.end)
        if part[0] >= part[1]:
            raise BadArgument("--from is not below --to", "leaves are counted from 0")
    if part is not None and options.sample is not None:
        raise BadArgument("--sample with --from or --to", "choose one of them")
    if options.state is not None and (part is not None or options.sample is not None):
        raise BadArgument("--state with a part of the log", "a state is kept of whole audits")
    return Options(
        signatures=not options.structure_only,
        part=part,
        sample=options.sample,
        max_age_ms=options.max_age,
        now_ms=time.time_ns() // 1_000_000,
        state=None if options.state is None else Path(options.state),
        disk=options.disk,
    )


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= MAX_INTEGER:
        raise argparse.ArgumentTypeError("a number of a leaf, from 0")
    return int(text)


def _positive(text: str) -> int:
    if _natural(text) == 0:
        raise argparse.ArgumentTypeError("a number from 1")
    return int(text)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,14})([KMGT]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError("a number of bytes, as in 500M or 64G")
    return int(found[1]) * _UNITS[found[2]]
