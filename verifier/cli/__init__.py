"""The command `counterfoil-verify`. The verdict goes to stdout, everything else to stderr.

Each command is a module with `add`, which describes it to argparse and names what runs it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from verifier import __version__
from verifier.cli import compare, consistency, evidence, explain, log, proof, watch
from verifier.cli.arguments import EXIT_CODES
from verifier.cli.outcome import COULD_NOT_FINISH, USAGE, complain
from verifier.errors import BadArgument, Unreadable

_COMMANDS = (log, evidence, proof, consistency, compare, watch, explain)
_EXAMPLES = "\n".join(module.EXAMPLES.splitlines()[0] for module in _COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # An origin may be in any script; a terminal that cannot show it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BadArgument as error:
        return complain(USAGE, str(error), error.hint)
    except Unreadable as error:
        return complain(COULD_NOT_FINISH, str(error), f"this is no verdict: {error.hint}")
    except KeyboardInterrupt:
        return complain(COULD_NOT_FINISH, "interrupted", "this is no verdict")
    except OSError as error:
        # Python's own exit code would be 1, which calls a true log false.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = f"the verdict cannot be written: {error.strerror}"
        return complain(COULD_NOT_FINISH, reason, "write it elsewhere")
    except Exception:
        # So would a crash: what fails here says nothing about the evidence.
        traceback.print_exc()
        reason = "a fault of this program"
        return complain(COULD_NOT_FINISH, reason, "this is no verdict: report the lines above")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="counterfoil-verify",
        description="Check a counterfoil log, or what it proves, without trusting who keeps it.",
        epilog=f"examples:\n{_EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add(commands)
    return parser
