"""What a command ends with: the exit code follows from the class of the error alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ledger.cli.terminal import note, on_one_line
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault

DONE: Final = 0
FALSE: Final = 1
USAGE: Final = 2
FAULT: Final = 3
SOME_REFUSED: Final = 4
INTERRUPTED: Final = 130
"""As shells say it: 128 + SIGINT."""

_CODES: Final[tuple[tuple[type[BaseException], int], ...]] = (
    (BadEvidence, FALSE),
    (BadRequest, USAGE),
    (LedgerFault, FAULT),
    (OSError, FAULT),
    (KeyboardInterrupt, INTERRUPTED),
)

EXIT_CODES: Final = """\
exit codes: 0 done; 1 something is false or damaged; 2 usage, or a request that cannot be met;
3 the ledger's own fault (disk, damage found on opening, another writer); 4 some lines of an
import were refused; 130 interrupted"""


def exit_code(error: BaseException) -> int:
    """What the process ends with; a bug of our own counts as the ledger's fault."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAULT)


def report(error: BaseException) -> int:
    """Say on stderr what went wrong and what to do; returns the exit code.

    Nothing of an unforeseen error but its class and place is shown: its text may quote content.
    """
    if isinstance(error, CounterfoilError):
        say(error.message, error.hint or "see `counterfoil --help`")
    elif isinstance(error, KeyboardInterrupt):
        say("interrupted", "what was acknowledged is in the ledger; the same command goes on")
    elif isinstance(error, OSError):
        name = Path(str(error.filename)).name if error.filename else "a file"
        reason = (error.strerror or type(error).__name__).lower()
        say(f"{name}: {reason}", "mend it and run the command again")
    else:
        say(
            f"unforeseen {type(error).__name__} {_place(error)}".rstrip(),
            "this is a fault of counterfoil: please report this line",
        )
    return exit_code(error)


def say(message: str, hint: str) -> None:
    first = message[:1].lower() if message[1:2].islower() else message[:1]
    note(f"counterfoil: {on_one_line(first + message[1:])}\nhint: {on_one_line(hint)}")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        parts = path.split(os.sep)
        if "ledger" in parts:
            module = "/".join(parts[parts.index("ledger") :])
            place = f"at {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
