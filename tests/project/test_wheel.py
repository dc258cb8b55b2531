"""The wheel, and what a bare installation of it can do."""

import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.project.bare import create, run
from tests.project.tree import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    # The backend itself: no isolation, hence no network.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel and what `verifier.lock` names, nothing else."""
    home = tmp_path_factory.mktemp("bare")
    create(home)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python")]
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-compile", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    subprocess.run([*pip, "check"], check=True)
    return home


def test_the_wheel_has_exactly_three_import_roots(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        files = archive.namelist()
    roots = {name.partition("/")[0] for name in files}
    assert {root for root in roots if not root.endswith(".dist-info")} == {
        "ledger",
        "api",
        "verifier",
    }
    assert {"ledger/py.typed", "api/py.typed", "verifier/py.typed"} <= set(files)
    assert not [name for name in files if "__pycache__" in name]


def test_the_wheel_needs_only_what_the_verifier_needs(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    required = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line.partition(">")[0] for line in required] == ["cryptography"]
    assert headers["Name"] == "counterfoil"
    assert sorted(headers.get_all("Provides-Extra", [])) == ["hsm", "server"]


def test_a_bare_installation_verifies(bare: Path) -> None:
    result = run(bare, "counterfoil-verify", "--help")
    assert result.returncode == 0, result.stderr
    assert "proof" in result.stdout
    assert result.stderr == ""


def test_it_says_which_version_it_is(wheel: Path, bare: Path) -> None:
    version = wheel.name.split("-")[1]
    assert run(bare, "counterfoil-verify", "--version").stdout == f"counterfoil-verify {version}\n"


def test_a_bare_installation_says_what_the_ledger_lacks(bare: Path) -> None:
    result = run(bare, "counterfoil", "--help")
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "counterfoil[server]" in result.stderr
