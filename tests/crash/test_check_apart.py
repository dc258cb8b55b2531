"""The check survives what LMDB does not, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.check import check_ledger
from ledger.check.apart import check_apart
from ledger.errors import BadRequest, LedgerFault
from ledger.log import Log
from tests.crash.ledgers import Record, Workload, record_path


@pytest.fixture
def grown(ledger: Path) -> Path:
    with Log.open(ledger) as log:
        workload = Workload(log, Record(record_path(ledger)), 1)
        workload.open_records()
        for _ in range(10):
            workload.group()
    return ledger


def test_a_page_that_is_not_there_is_reported(grown: Path) -> None:
    data = grown / "log/data.mdb"
    os.truncate(data, data.stat().st_size // 8192 * 4096)
    report = check_apart(grown)
    assert ("log/data.mdb", "LMDB ended the check (SIGBUS): a page of it is damaged") in [
        (problem.where, problem.what) for problem in report.problems
    ]
    command = [sys.executable, "-m", "ledger.cli", "check", str(grown)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SIGBUS" in done.stdout


def test_it_says_what_the_check_says(grown: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    # Runs of another length than production's are themselves a problem to the child.
    report = check_apart(grown, lambda *at: steps.append(at))
    assert report.size == check_ledger(grown).size
    assert steps[-1] == ("leaves", report.size, report.size)
    with open(grown / "payloads/00000000.seg", "r+b") as file:
        file.write(b"\xff\xff")
    assert any(problem.where.startswith("payload") for problem in check_apart(grown).problems)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="is not a ledger"):
        check_apart(tmp_path)
    (tmp_path / "ledger.json").write_text("{")
    with pytest.raises(LedgerFault, match="is damaged"):
        check_apart(tmp_path)


def test_the_child_ends_with_whoever_asked(
    grown: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    started: list[subprocess.Popen[str]] = []

    class Kept(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Kept)
    with pytest.raises(KeyboardInterrupt):
        check_apart(grown, interrupt)
    assert started[0].returncode in (0, -signal.SIGKILL)
    assert capfd.readouterr().err == ""
