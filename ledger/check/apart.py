"""The check in a process of its own: LMDB ends the process that follows a badly damaged page.

The child writes one JSON object a line to its standard output:

    {"progress": [what, done, of]}                                      any number of times
    {"size": n, "problems": [[where, what, hint], …], "more": n,
     "notes": [[where, what], …]}                                       at the end, or
    {"refused": [class, message, hint]}                                 when it is no ledger

A child that a signal ends has found damage all the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.check.ledger import MAX_PROBLEMS, check_ledger
from ledger.check.report import Problem, Progress, Report
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.keyfiles import Unlock


def check_apart(
    directory: Path, progress: Progress = lambda *_: None, unlock: Unlock | None = None
) -> Report:
    """``check_ledger`` in a child. Raises BadRequest or LedgerFault as it does.

    Of ``unlock`` the files count: nobody is asked.
    """
    report = Report(MAX_PROBLEMS, progress)
    # -P: what lies where the command is given is not imported, the paths of this process are.
    command = [sys.executable, "-P", "-m", "ledger.check.apart", str(directory)]
    command += [str(path) for path in (unlock or Unlock()).passphrase_files]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    # In a group of its own: a Ctrl-C at the terminal is for the parent, which ends the child.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, process_group=0
    ) as child:
        try:
            answered = _answered(child, report, progress)
        except BaseException:
            child.kill()
            raise
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        report.add("log/data.mdb", f"LMDB ended the check ({name}): a page of it is damaged")
    elif not answered:
        raise LedgerFault("the check ended without an answer", hint="its message is above")
    return report


def _answered(child: subprocess.Popen[str], report: Report, progress: Progress) -> bool:
    """Read all that the child says into the report; whether it came to its end."""
    assert child.stdout is not None
    answered = False
    for line in child.stdout:
        said: dict[str, Any] = json.loads(line)
        if "progress" in said:
            progress(*said["progress"])
            continue
        if "refused" in said:
            raise _error(*said["refused"])
        answered = True
        report.size, report.more = said["size"], said["more"]
        report.problems = [Problem(*problem) for problem in said["problems"]]
        report.notes = [Problem(*note) for note in said["notes"]]
    return answered


def _error(name: str, message: str, hint: str) -> CounterfoilError:
    return (BadRequest if name == "BadRequest" else LedgerFault)(message, hint=hint)


def _say(**said: object) -> None:
    print(json.dumps(said), flush=True)


def _main(directory: Path, *passphrase_files: Path) -> None:
    try:
        report = check_ledger(directory, lambda *at: _say(progress=at), Unlock(passphrase_files))
    except CounterfoilError as error:
        _say(refused=[type(error).__name__, error.message, error.hint])
        return
    problems = [[problem.where, problem.what, problem.hint] for problem in report.problems]
    notes = [[note.where, note.what] for note in report.notes]
    _say(size=report.size, problems=problems, more=report.more, notes=notes)


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:]))
