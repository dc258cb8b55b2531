"""Lines of logs that the ledger wrote, under the verifier."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ledger.check import check_ledger
from ledger.identity.requests import approve
from ledger.succeeding import draft_succession, finish_succession
from tests.agreement.lines import Line, written_line
from tests.log.governed import make_governed
from tests.log.lines import SECOND, publish
from tests.log.sample import make_sample, memory_directory
from verifier import cli
from verifier.formats import keys as verifier_keys
from verifier.formats import note
from verifier.formats.ed25519 import check_public_key


@pytest.fixture(autouse=True)
def _fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys again and again: check each once."""
    checked = cache(check_public_key)
    monkeypatch.setattr(verifier_keys, "check_public_key", checked)
    monkeypatch.setattr(note, "check_public_key", checked)


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with written_line() as made:
        yield made


def test_both_take_the_line(line: Line) -> None:
    for at, before in ((0, ()), (1, (0,)), (2, (0, 1)), (2, (1, 0))):
        report = line.audit(at, before)
        assert [one.problems for one in (*report.predecessors, report)] == [[]] * (at + 1)
        assert report.verified
        assert check_ledger(line.directories[at]).problems == []
    assert any("blobs" in item for item in line.audit(1, (0,)).not_checked)


def test_the_verifiers_command(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [f"--vkey={text}" for text in line.vkeys(2)]
    before = [f"--predecessor={line.export(at)}" for at in (0, 1)]
    assert cli.main(["log", str(line.export(2)), *before, *wanted]) == 0
    assert capsys.readouterr().out.startswith("verified: ")
    assert cli.main(["log", str(line.export(2)), before[1], *wanted]) == 3
    assert "among the predecessors" in capsys.readouterr().err
    assert cli.main(["log", str(line.export(1)), *before, *wanted]) == 1


def test_three_governors() -> None:
    with memory_directory() as place:
        governed = make_governed(place)
        draft, new = place / "draft", place / "new"
        publish(governed.directory)
        asked = draft_succession(governed.directory, draft, SECOND)
        files = [approve(asked.old, key) for key in governed.keys]
        files += [approve(asked.new, key) for key in governed.keys[1:]]
        finish_succession(governed.directory, draft, new, governed.keys[0], files)
        both = Line(make_sample(place), (governed.directory, new))
        report = both.audit(1, (0,))
        assert report.problems == []
        assert report.verified
        assert check_ledger(new).problems == []


def test_the_verifier_says_the_same_each_time(line: Line) -> None:
    """In one order, whatever order sets have in a run."""
    options = [f"--vkey={line.vkeys(2)[0]}", *(f"--predecessor={line.export(at)}" for at in (1, 0))]
    command = [sys.executable, "-m", "verifier.cli", "log", str(line.export(2)), *options]
    said = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
