"""The stage of the demonstration: runs real commands, shows them as a transcript, and insists on
what the story says about them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

_COLUMNS: Final = 100
_LINES: Final = 26
_LONG: Final = 92
_BODY: Final = 14
"""Lines of a body that are shown."""
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

    @contextmanager
    def serving(self, *command: str | Path) -> Iterator[None]:
        """A command that goes on in the background until the end of this. Raises NotAsTold when it
        does not begin to serve.
        """
        words = [str(word) for word in command]
        print(f"\n$ {self._typed(words)} &", flush=True)
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULES[words[0]], *words[1:]],
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stderr is not None
        said = process.stderr.readline()
        # What it logs would fill the pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            insist(said.startswith("serving "), f"the service said: {said.strip()}")
            print(said, end="", flush=True)
            yield
        finally:
            process.terminate()
            insist(process.wait() == 0, "the service did not end well")

    def curl(self, typed: str, url: str, token: str, only: str = "") -> str:
        """A request for JSON, shown as the line for curl that makes it, and of the answer its first
        lines, or those that fit a pattern; returns the body. Raises NotAsTold unless it is answered
        with 200.
        """
        cut = f"grep -E '{only}'" if only else f"head -n {_BODY}"
        print(f"\n$ {typed} |\n    python3 -m json.tool | {cut}", flush=True)
        request = Request(url, headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=30) as answer:
            insist(answer.status == 200, f"`{typed}` was answered {answer.status}")
            body = answer.read().decode()
        lines = json.dumps(json.loads(body), indent=4, ensure_ascii=False).splitlines()
        lines = [line for line in lines if re.search(only, line)] if only else lines[:_BODY]
        _show("\n".join(lines))
        return str(body)

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
