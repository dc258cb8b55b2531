"""The command `counterfoil-verify`. The verdict goes to stdout, everything else to stderr.

Exit 0 verified, 1 not verified, 2 no verdict: bad arguments, evidence that cannot be read, or a log
whose predecessor was not given.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from verifier import report
from verifier.audit import audit_log
from verifier.errors import NotVerified, Unreadable, quote
from verifier.fetch import open_source, read_file
from verifier.leaf import MAX_LEAF_BYTES
from verifier.note import VerifierKey, parse_verifier_key
from verifier.proof import MAX_PROOF_BYTES, check_proof
from verifier.succession import MAX_SUCCESSION_BYTES

VERIFIED, NOT_VERIFIED, USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  counterfoil-verify log ./export --vkey "$ED25519" --vkey "$ML_DSA"
  counterfoil-verify log https://log.example.com/ --vkey "$ED25519" --vkey "$ML_DSA" --json
  counterfoil-verify log ./new --predecessor ./old --vkey "$ED25519" --vkey "$ML_DSA"
  counterfoil-verify proof receipt.tlog-proof --vkey "$ED25519"
  counterfoil-verify proof old.tlog-proof --succession new.succession --vkey "$ED25519"
  counterfoil-verify proof entry.tlog-proof --entry leaf.bin --vkey "$ED25519" --vkey "$ML_DSA"

exit status: 0 verified, 1 not verified, 2 no verdict: bad arguments, evidence missing or unreadable
"""


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # An origin may be in any script; a terminal that cannot show it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    keys = list({key.text: key for key in options.vkey}.values())
    if len({key.name for key in keys}) != 1:
        return _usage("verifier keys of several logs", "give the keys of one log")
    try:
        if options.command == "log":
            code = _log(options, keys)
        else:
            code = _proof(options, keys)
        sys.stdout.flush()
        return code
    except OSError as error:
        # Python's own exit code would be 1, which calls a true log false.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _usage(f"the verdict cannot be written: {error.strerror}", "write it elsewhere")
    except Unreadable as error:
        return _usage(str(error), f"this is no verdict: {error.hint}")
    except KeyboardInterrupt:
        return _usage("interrupted", "this is no verdict")


def _log(options: argparse.Namespace, keys: list[VerifierKey]) -> int:
    progress = _Progress()
    predecessors = [open_source(place) for place in options.predecessor]
    try:
        result = audit_log(
            open_source(options.log), keys, progress=progress, predecessors=predecessors
        )
    finally:
        progress.clear()
    render = report.log_json if options.json else report.log_verdict
    print(render(result, keys))
    return _finish(report.log_problem_lines(result), result.verified)


def _proof(options: argparse.Namespace, keys: list[VerifierKey]) -> int:
    raw = _must_read(options.proof, MAX_PROOF_BYTES)
    leaf = None if options.entry is None else _must_read(options.entry, MAX_LEAF_BYTES)
    successions = [_must_read(path, MAX_SUCCESSION_BYTES) for path in options.succession]
    result = check_proof(raw, keys, leaf, successions)
    render = report.proof_json if options.json else report.proof_verdict
    print(render(result, keys))
    return _finish(report.problem_lines(result.problems), result.verified)


def _finish(lines: Iterable[str], verified: bool) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return VERIFIED if verified else NOT_VERIFIED


def _must_read(path: str, limit: int) -> bytes:
    raw = read_file(Path(path), limit)
    if raw is None:
        raise Unreadable(f"no such file: {quote(path)}")
    return raw


def _usage(message: str, hint: str) -> int:
    print(f"counterfoil-verify: {message}\nhint: {hint}", file=sys.stderr)
    return USAGE


def _verifier_key(text: str) -> VerifierKey:
    try:
        return parse_verifier_key(text)
    except NotVerified as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="counterfoil-verify",
        description="Check a counterfoil log, or one entry's proof, without trusting who keeps it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    log = commands.add_parser(
        "log", help="check a whole log: a directory or URL in tlog-tiles layout"
    )
    log.add_argument(
        "log", metavar="PATH_OR_URL", help="directory with `checkpoint` and `tile/`, or its URL"
    )
    log.add_argument(
        "--predecessor",
        action="append",
        default=[],
        metavar="PATH_OR_URL",
        help="a log that it takes over from; repeat for each log of its line, in any order",
    )
    proof = commands.add_parser("proof", help="check one entry's tlog-proof, or a receipt")
    proof.add_argument("proof", metavar="FILE", help="a tlog-proof file")
    proof.add_argument(
        "--entry", metavar="F", help="raw leaf; without it the proof's extra line is read"
    )
    proof.add_argument(
        "--succession",
        action="append",
        default=[],
        metavar="F",
        help="for a proof of an old log, checked with the keys of the log that took over; "
        "for one further back, repeat, the newest first",
    )
    for command in (log, proof):
        command.add_argument(
            "--vkey",
            action="append",
            required=True,
            type=_verifier_key,
            metavar="V",
            help="verifier key of the log; may be repeated: all must have signed the checkpoint",
        )
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
        command.epilog = _EXAMPLES
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


class _Progress:
    """A counter on stderr, when somebody watches and it takes over a second."""

    def __init__(self) -> None:
        self._shown = False
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")

    def __call__(self, done: int, size: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.5
            self._shown = True
            print(f"\r{done:,} of {size:,} leaves", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
