"""The commands in docs/auditor-guide.md, run on what an auditor is handed.

A block of the guide shows a command and, in order, lines that it writes; "…" stands for anything.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import DATA, HOSPITAL, ROOT, Ran, done, inside, run
from tools.pyz import build
from verifier.audit.workdir import BYTES_PER_LEAF
from verifier.cli import main

GUIDE = ROOT / "docs" / "auditor-guide.md"
ORIGIN, PATIENT = "records.example.org/log", f"{HOSPITAL}|POP-00261"
PROGRAM = ["python3", "counterfoil-verify.pyz"]
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_SED = re.compile(r'"\$\(sed -n (\d)p (\S+)\)"')


def shown() -> Iterator[tuple[str, list[str]]]:
    """Commands, each with the lines below it."""
    for block in _BLOCK.findall(GUIDE.read_text()):
        for part in block.split("$ ")[1:]:
            command, *lines = part.splitlines()
            yield command, lines


SHOWN = list(shown())


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Verifier keys, a policy, an export, an evidence file, a receipt."""
    place = tmp_path_factory.mktemp("auditor")
    ledger, keys = place / "ledger", place / "custodian"
    vkeys = done("init", ledger, "--origin", ORIGIN).text
    (place / "vkeys").write_text(vkeys)
    done("enrol", ledger, "hospital")
    done("import", ledger, DATA / "hospital_a.ndjson", "--as", "hospital", "--create")
    done("show", ledger, "32", "--content", "--as", "hospital", "--purpose", "TREAT")
    pinned = done("custodian-keys", keys, "--name", "custodian.example.net").text
    public, lines = keys / "statement.pub", keys / "cosigning"
    named: list[str | Path] = ["--public-key", public, "--cosigning", lines]
    done("enrol", ledger, "prefecture", "--role", "custodian", *named)
    log_lines = "".join(f"log {vkey}\n" for vkey in vkeys.split())
    (place / "policy").write_text(f"{log_lines}{pinned.splitlines()[0]}\nquorum 1\n")
    done("checkpoint", ledger)
    done("export-tiles", ledger, place / "export", "--with-entries")
    line = place / "cosignature"
    signer: list[str | Path] = [
        "--key",
        keys / "custodian.ed25519",
        "--name",
        "custodian.example.net",
    ]
    notes: list[str | Path] = ["--state", place / "notes", "--begin", "-o", line]
    done("cosign", place / "export", *signer, "--policy", place / "policy", *notes)
    done("checkpoint", ledger, "--cosignature", line)
    done("export-tiles", ledger, place / "export", "--with-entries")
    done("history", ledger, PATIENT, "--evidence", place / "person.evidence")
    done("receipt", ledger, "32", "-o", place / "entry.receipt")
    return place


def words_of(command: str) -> list[str]:
    """As a shell in this directory would split it."""
    line = _SED.sub(lambda m: Path(m[2]).read_text().splitlines()[int(m[1]) - 1], command)
    words = shlex.split(line)
    assert words[:2] == PROGRAM
    return words[2:]


def written(ran: Ran) -> list[str]:
    return (ran.text + ran.err).splitlines()


def pattern(line: str) -> re.Pattern[str]:
    return re.compile(re.escape(line).replace("…", ".*"))


@pytest.mark.parametrize(("command", "lines"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_guide_is_run(handed: Path, command: str, lines: list[str]) -> None:
    with inside(handed):
        ran = run(*words_of(command), command=main)
    assert ran.code == 0, ran.err
    left = iter(written(ran))
    for line in lines:
        assert any(pattern(line).fullmatch(one) for one in left), (line, ran.text)


def test_the_program_of_one_file_gives_the_first_verdict(handed: Path, tmp_path: Path) -> None:
    """As a reader does it: the file, a policy and a directory, in a place of its own."""
    (tmp_path / PROGRAM[1]).write_bytes(build())
    for name in ("policy", "export"):
        (tmp_path / name).symlink_to(handed / name)
    with inside(tmp_path):
        words = words_of(SHOWN[0][0])
    ran = subprocess.run(
        [sys.executable, "-I", PROGRAM[1], *words],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert pattern(SHOWN[0][1][0]).match(ran.stdout)


def test_what_the_guide_says_of_disk_is_what_an_audit_takes() -> None:
    assert f"{BYTES_PER_LEAF} bytes for each entry" in " ".join(GUIDE.read_text().split())


def test_all_commands_are_shown() -> None:
    assert {command.split()[2] for command, _ in SHOWN} == {
        "log",
        "evidence",
        "proof",
        "compare",
        "watch",
    }


def test_the_steps_in_the_guide_are_those_of_the_verifier() -> None:
    named = set(re.findall(r"^\| (`[^|]*) \|", GUIDE.read_text(), re.MULTILINE))
    steps = {step for row in named for step in re.findall(r"`([^`]+)`", row)}
    sources = "".join(path.read_text() for path in (ROOT / "verifier").rglob("*.py"))
    assert len(steps) > 25
    for step in steps:
        assert f'"{step}"' in sources, step
