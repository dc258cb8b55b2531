"""The check beside a writer: a ledger that is being written to has no problems."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ledger.author import Draft
from ledger.log import Log
from tests.check.grown import SIZE, STRETCH, Grown
from tests.log.sample import placed

ROOT = Path(__file__).parents[2]

CHECK = """
import json, sys
from pathlib import Path
from ledger.check import check_ledger
from ledger.wire import epoch
epoch.STRETCH = int(sys.argv[2])

def progress(what, done, total):
    if not done:
        print("begun", flush=True)
        sys.stdin.readline()

report = check_ledger(Path(sys.argv[1]), progress)
print(json.dumps([report.size, [(one.where, one.what) for one in report.problems]]))
"""


def test_leaves_runs_and_guard_that_come_during_the_check_are_no_problems(grown: Grown) -> None:
    """The check has its snapshot; the writer goes on, registers runs and advances the guard."""
    with (
        Log.open(grown.directory) as log,
        subprocess.Popen(
            [sys.executable, "-c", CHECK, str(grown.directory), str(STRETCH)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        clinic, record = grown.sample.clinic, grown.sample.record
        for _ in range(3):
            placed(log.append_batch(clinic.batch([Draft(record, b"{}")] * 70)))
        log.publish()
        log.vault.use(6, "test")
        child.stdin.write("\n")
        child.stdin.flush()
        size, problems = json.loads(child.stdout.read())
        assert child.wait() == 0
    assert problems == []
    assert size == SIZE
    assert grown.problems() == []
