"""Arguments that name a patient: everybody on a machine can read a command line, so ``@FILE`` and
``-`` (standard input) stand for what a file or a pipe says.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest

_MAX: Final = 1 << 20


def lines_of(text: str) -> list[str]:
    """The argument itself, or the lines of what it stands for. Raises BadRequest."""
    if text != "-" and not text.startswith("@"):
        return [text]
    try:
        if text == "-":
            data = sys.stdin.buffer.read(_MAX + 1)
        else:
            with Path(text[1:]).open("rb") as file:
                data = file.read(_MAX + 1)
        lines = data.decode().splitlines()
    except OSError as error:
        raise BadRequest(
            f"cannot read {Path(text).name}: {(error.strerror or 'refused').lower()}",
            hint="@FILE stands for what a file says, - for standard input",
        ) from error
    except UnicodeDecodeError:
        lines = []
    if not lines or len(data) > _MAX or not all(lines):
        raise BadRequest(
            f"{Path(text).name} does not say what it stands for", hint="lines of UTF-8 text"
        )
    return lines


def line_of(text: str) -> str:
    """The argument itself, or the one line that it stands for. Raises BadRequest."""
    lines = lines_of(text)
    if len(lines) != 1:
        raise BadRequest(
            f"{Path(text).name} says more than one thing", hint="one line of UTF-8 text"
        )
    return lines[0]
