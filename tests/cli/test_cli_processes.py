"""Commands in processes of their own: pipes, terminals, a bare installation."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.cli.console import DATA, HOSPITAL, ROOT, done, real


def test_a_real_process(full: Path) -> None:
    assert real("stats", full, "--json").json["origin"] == "test.example/log"
    assert real("stats", full.parent).code == 2
    person = f"{HOSPITAL}|POP-00261"
    assert real("history", full, person).code == 0


def test_whoever_reads_our_output_may_leave(full: Path) -> None:
    words = [sys.executable, "-m", "ledger.cli", "history", str(full), f"{HOSPITAL}|POP-00261"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() in (0, 141)
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


def test_without_the_server_extra() -> None:
    missing = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'typer' else find(name, *a)\n"
        "from ledger.cli import main\n"
        "sys.exit(main())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", missing, "--help"], cwd=ROOT, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, b"")
    text = ran.stderr.decode()
    assert text == "counterfoil needs the server extra: pip install 'counterfoil[server]'\n"


def test_the_version() -> None:
    said = done("--version")
    assert (said.text, said.err) == (f"counterfoil {version('counterfoil')}\n", "")


def test_commands_start_without_the_libraries_of_the_service() -> None:
    asked = "import sys, ledger.cli.app; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False).returncode == 0


def test_a_terminal_sees_progress_and_a_table(full: Path) -> None:
    words = ["import", str(full), str(DATA / "hospital_a.ndjson"), "--as", "clinic"]
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger.cli", *words],
        cwd=ROOT,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait() == 0, seen
    assert b"44/44" in seen
    assert b"known already" in seen
    assert done("stats", full, "--json").json["entries"]["record"] == 136
