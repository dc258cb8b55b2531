"""Runs commands in this process, as a shell would see them."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.cli.app import main

ROOT = Path(__file__).parents[2]
DATA = ROOT / "docs" / "demo"
NUMBER = "urn:oid:1.2.392.100495.20.3.51."
HOSPITAL, CLINIC, PHARMACY = (NUMBER + code for code in ("1310000001", "1310000002", "1340000003"))


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The message, where there is one with its hint and nothing else."""
        first, hint = self.err.splitlines()
        assert first.startswith("counterfoil: ")
        assert hint.startswith("hint: ")
        message = first.removeprefix("counterfoil: ")
        assert not message.endswith(".")
        assert message[0].islower() or not message[0].isalpha() or message[:2].isupper()
        return message


def run(*words: str | Path, command: Callable[[list[str]], int] = main) -> Ran:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(out), redirect_stderr(err):
        code = command([str(word) for word in words])
    assert isinstance(out.buffer, io.BytesIO)
    assert isinstance(err.buffer, io.BytesIO)
    ran = Ran(code, out.buffer.getvalue(), err.buffer.getvalue().decode())
    assert "Traceback" not in ran.err
    return ran


def done(*words: str | Path) -> Ran:
    ran = run(*words)
    assert ran.code == 0, ran.err
    return ran


def real(*words: str | Path) -> Ran:
    ran = subprocess.run(
        [sys.executable, "-m", "ledger.cli", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr.decode())


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
