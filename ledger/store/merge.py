"""Making runs in a process of its own, so that neither hashing rows nor a merge of a million of
them holds the appender's interpreter.

The child reads one request after the other from its standard input and answers one JSON line each
on its standard output; it ends when its input ends, so it never outlives a writer that was killed.
A run is a pure function of rows or of other runs. A request is a JSON line, and for a build the
rows as they are handed over behind it:

    {"build": bytes, "form": [row size, log in hex], "output": path}  rows
    {"inputs": [[path, rows, digest], …], "form": …, "output": path}
        ->  {"rows": n, "digest": hex}
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.errors import CounterfoilError, LedgerFault
from ledger.store.run_form import RunForm
from ledger.store.runs import Run, merge_rows, write_run


def merge(inputs: list[Run], output: Path, form: RunForm) -> tuple[int, bytes]:
    """Merge in this process; returns (rows, digest)."""
    return write_run(output, merge_rows(inputs), form)


def build(raw: bytes, output: Path, form: RunForm) -> tuple[int, bytes]:
    """Make a run of rows as they are handed over, in this process; returns (rows, digest)."""
    return write_run(output, form.rows(raw), form)


class Merger:
    """The child process, started when it is first needed. Owned by one thread."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def build(self, raw: bytes, output: Path, form: RunForm) -> tuple[int, bytes]:
        """``build`` in the child. Raises LedgerFault when it fails."""
        return self._ask({"build": len(raw)}, output, form, raw)

    def merge(
        self, inputs: list[tuple[Path, int, bytes]], output: Path, form: RunForm
    ) -> tuple[int, bytes]:
        """``merge`` in the child. Raises LedgerFault when it fails."""
        listed = [[str(path.absolute()), rows, digest.hex()] for path, rows, digest in inputs]
        return self._ask({"inputs": listed}, output, form, b"")

    def _ask(
        self, request: dict[str, Any], output: Path, form: RunForm, raw: bytes
    ) -> tuple[int, bytes]:
        child = self._child or self._start()
        request["form"] = [form.row_size, form.log.hex()]
        request["output"] = str(output.absolute())
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n" + raw)
            child.stdin.flush()
            answer = json.loads(child.stdout.readline() or b'{"error": "it ended"}')
        except (OSError, ValueError) as error:
            raise LedgerFault("the process that makes the index stopped answering") from error
        if "error" in answer:
            raise LedgerFault(f"making the index failed: {answer['error']}")
        return int(answer["rows"]), bytes.fromhex(answer["digest"])

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ledger.store.merge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # `-m` looks there first: for this very package, not for what lies where we are.
            cwd=Path(__file__).absolute().parents[2],
        )
        return self._child

    def close(self) -> None:
        """End the child and wait for it."""
        if self._child is None:
            return
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait()
        self._child = None


def _serve() -> None:
    source = sys.stdin.buffer
    while line := source.readline():
        request = json.loads(line)
        raw = source.read(request.get("build", 0))
        try:
            rows, digest = _make(request, raw)
            answer: dict[str, object] = {"rows": rows, "digest": digest.hex()}
        except (CounterfoilError, OSError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def _make(request: dict[str, Any], raw: bytes) -> tuple[int, bytes]:
    size, log = request["form"]
    form, output = RunForm(size, bytes.fromhex(log)), Path(request["output"])
    if "build" in request:
        return build(raw, output, form)
    inputs = [
        Run(Path(path), form, rows, bytes.fromhex(digest))
        for path, rows, digest in request["inputs"]
    ]
    return merge(inputs, output, form)


if __name__ == "__main__":
    _serve()
