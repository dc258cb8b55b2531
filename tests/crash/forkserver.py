"""A process that is nothing but imported modules, and forks a child for every job.

A child costs a few milliseconds instead of an interpreter's start, and dies alone. Forking happens
here, not under pytest, because a process with threads must not fork. One JSON request a line on
standard input, one answer a line on standard output:

    {"job": "module:function", "arguments": {…}, "kill_after": seconds or null}  ->  {"status": n}

``status`` is what ``waitpid`` says. A child that hangs is ended by SIGALRM.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
HANG_SECONDS: Final = 60


class ForkServer:
    """The server, seen from a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forkserver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(self, job: str, kill_after: float | None = None, **arguments: Any) -> int:
        """Run a job in a child; returns its exit code, or minus the signal that ended it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"job": job, "arguments": arguments, "kill_after": kill_after}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline())["status"])


def _child(job: str, arguments: dict[str, Any]) -> None:
    try:
        signal.alarm(HANG_SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        module, function = job.split(":")
        getattr(importlib.import_module(module), function)(**arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _serve() -> None:
    for module in ("tests.crash.appending", "tests.crash.probing"):
        importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _child(request["job"], request["arguments"])
        if request["kill_after"] is not None:
            time.sleep(request["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    _serve()
