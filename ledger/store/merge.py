"""Merging runs in a process of its own, so that a merge of a million rows never holds the
appender's interpreter.

The child reads one JSON request a line from its standard input and answers one a line on its
standard output; it ends when its input ends, so it never outlives a writer that was killed. A
merge is a pure function of files.

    {"inputs": [[path, rows, digest], …], "row_size": 65, "output": path}  ->  {"rows": n,
    "digest": hex}
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ledger.errors import CounterfoilError, LedgerFault
from ledger.store.runs import Run, merge_rows, write_run


def merge(inputs: list[Run], output: Path, row_size: int) -> tuple[int, bytes]:
    """Merge in this process; returns (rows, digest)."""
    return write_run(output, merge_rows(inputs), row_size)


class Merger:
    """The child process, started when it is first needed. Owned by one thread."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def merge(
        self, inputs: list[tuple[Path, int, bytes]], output: Path, row_size: int
    ) -> tuple[int, bytes]:
        """Merge in the child. Raises LedgerFault when it fails."""
        child = self._child or self._start()
        request = {
            "inputs": [[str(path.absolute()), rows, digest.hex()] for path, rows, digest in inputs],
            "row_size": row_size,
            "output": str(output.absolute()),
        }
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            answer = json.loads(child.stdout.readline() or '{"error": "it ended"}')
        except (OSError, ValueError) as error:
            raise LedgerFault("the process that merges the index stopped answering") from error
        if "error" in answer:
            raise LedgerFault(f"merging the index failed: {answer['error']}")
        return int(answer["rows"]), bytes.fromhex(answer["digest"])

    def _start(self) -> subprocess.Popen[str]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ledger.store.merge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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
    for line in sys.stdin:
        request = json.loads(line)
        try:
            size = request["row_size"]
            runs = [
                Run(Path(path), size, rows, bytes.fromhex(digest))
                for path, rows, digest in request["inputs"]
            ]
            rows, digest = merge(runs, Path(request["output"]), size)
            answer: dict[str, object] = {"rows": rows, "digest": digest.hex()}
        except (CounterfoilError, OSError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
