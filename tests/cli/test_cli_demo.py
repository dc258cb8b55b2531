"""`make demo`, told to its end."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli import demo
from tests.cli.console import done

ROOT = Path(__file__).parents[2]


def test_the_demonstration(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    told = subprocess.run(
        [sys.executable, "-m", "ledger.cli.demo", str(directory)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stderr == ""
    assert "everything was as told" in told.stdout
    # What it leaves is what the next lines go on with.
    done("stats", directory / "ledger")
    assert done("check", directory / "ledger").text.startswith("nothing wrong")
    assert (directory / "export" / "checkpoint").exists()
    assert len((directory / "vkeys").read_text().splitlines()) == 2
    # A new telling begins anew, and only where a demonstration was.
    (directory / "mine.txt").write_text("mine")
    assert demo.main([str(directory)]) == 1
    assert (directory / "mine.txt").read_text() == "mine"


def test_a_story_that_does_not_hold_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_DATA", tmp_path / "nothing")
    assert demo.main([str(tmp_path / "demo")]) == 1
