"""How a command ends: exit codes, the verdict on stdout, problems and complaints on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from verifier.errors import BadArgument, quote

VERIFIED, FALSE, USAGE, COULD_NOT_FINISH = 0, 1, 2, 3


def finish(verdict: str, problems: Iterable[str], verified: bool) -> int:
    print(verdict)
    for line in problems:
        print(line, file=sys.stderr)
    return VERIFIED if verified else FALSE


def complain(code: int, message: str, hint: str) -> int:
    print(f"counterfoil-verify: {message}\nhint: {hint}", file=sys.stderr)
    return code


def write_new(path: str, content: bytes) -> None:
    """Which only its owner can read."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadArgument(
            f"cannot write {quote(path)}: {reason}", "name a new file where you may write"
        ) from None
