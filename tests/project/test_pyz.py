"""`counterfoil-verify.pyz`: the same bytes wherever it is built, and all that it needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.project import bare
from tests.project.tree import ROOT
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Sample, write

LOG = Sample()
add_epoch(LOG)
KEYS = ["--vkey", LOG.vkeys[0], "--vkey", LOG.vkeys[1]]


def built(root: Path, target: Path, mask: int) -> bytes:
    command = f'umask {mask:03o} && exec "$0" tools/pyz.py "$1"'
    subprocess.run(
        ["sh", "-c", command, sys.executable, str(target)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return target.read_bytes()


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built") / "counterfoil-verify.pyz"
    built(ROOT, target, 0o022)
    return target


def test_it_is_the_same_elsewhere_and_later(pyz: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/pyz.py", copy / "tools")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "verifier", copy / "verifier", ignore=without)
    for path in (copy / "verifier").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)
    (copy / "verifier/__pycache__").mkdir()
    (copy / "verifier/__pycache__/x.pyc").write_bytes(b"x")
    assert built(copy, tmp_path / "again.pyz", 0o077) == pyz.read_bytes()


def test_it_holds_the_verifier_alone(pyz: Path) -> None:
    with ZipFile(pyz) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {"__main__.py", "verifier"}
    assert all(name.endswith(".py") for name in names)
    assert os.access(pyz, os.X_OK)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bare")
    bare.create(home)
    write(LOG.files(), home / "log")
    (home / "proof").write_bytes(LOG.proof(5, extra=LOG.leaves[5]))
    (home / "evidence").write_bytes(prove([LOG], HISTORY, LOG.person).render())
    return home


@pytest.mark.parametrize(
    "command",
    [
        ["log", "log", *KEYS],
        ["proof", "proof", *KEYS],
        ["evidence", "evidence", *KEYS],
        ["evidence", "evidence", *KEYS, "--lang", "ja", "--json"],
        ["consistency", "log/checkpoint", "log/checkpoint", *KEYS],
        ["compare", "log", "log", *KEYS],
        ["watch", "log", "--state", "state", "--once", *KEYS],
        ["explain", "evidence"],
        ["--help"],
        ["--version"],
    ],
    ids=lambda command: " ".join(command[:1]),
)
def test_it_runs_where_there_is_nothing_else(pyz: Path, home: Path, command: list[str]) -> None:
    result = bare.run(home, "python", "-I", str(pyz), *command)
    assert (result.returncode, result.stderr) == (0, "")
    assert "verif" in result.stdout


def test_it_finds_what_is_false(pyz: Path, home: Path) -> None:
    (home / "changed").write_bytes((home / "evidence").read_bytes()[:-1] + b"\x02")
    result = bare.run(home, "python", "-I", str(pyz), "evidence", "changed", *KEYS)
    assert result.returncode == 1
    assert result.stdout.startswith("false: ")
