"""The stage of the demonstration: runs real commands, shows them as a transcript, and insists on
what the story says about them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_COLUMNS: Final = 100
_LINES: Final = 26
_LONG: Final = 92
_MODULES: Final = {"counterfoil": "ledger.cli", "counterfoil-verify": "verifier.cli"}


class NotAsTold(Exception):
    """A command did something else than the story says."""


@dataclass(frozen=True, slots=True)
class Stage:
    """``aliases``: how long words are typed, a verifier key for one."""

    aliases: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        *command: str | Path,
        code: int = 0,
        says: Sequence[str] = (),
        into: Path | None = None,
        tail: int = 0,
    ) -> str:
        """Run a command in a process of its own, show it and what it wrote; returns its stdout.

        Raises NotAsTold unless it ends with ``code`` and says all of ``says``.
        """
        words = [str(word) for word in command]
        typed = self._typed(words) + (f" > {into}" if into else "")
        typed += f" | tail -n {tail}" if tail else ""
        print(f"\n$ {typed}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", _MODULES[words[0]], *words[1:]],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        if into is None:
            _show(done.stdout, tail)
        else:
            into.write_text(done.stdout, encoding="utf-8")
        _show(done.stderr)
        insist(done.returncode == code, f"`{typed}` ended with {done.returncode}, not {code}")
        for text in says:
            insist(text in done.stdout + done.stderr, f"`{typed}` did not say: {text}")
        return done.stdout

    def _typed(self, words: Sequence[str]) -> str:
        shown = " ".join(self.aliases.get(word, shlex.quote(word)) for word in words)
        if len(shown) <= _LONG:
            return shown
        for option in (" --create", " --person", " --entry", " --vkey", " -o"):
            shown = shown.replace(option, " \\\n   " + option)
        return shown


def insist(holds: bool, what: str) -> None:
    """Raises NotAsTold when a part of the story does not hold."""
    if not holds:
        raise NotAsTold(what)


def _show(text: str, tail: int = 0) -> None:
    lines = text.splitlines()[-tail:]
    for line in lines[:_LINES]:
        print(line if len(line) <= _COLUMNS else line[: _COLUMNS - 1] + "…")
    if len(lines) > _LINES:
        print(f"… {len(lines) - _LINES} more lines")
