import shutil
from pathlib import Path

import pytest

from tests.cli.console import CLINIC, DATA, PHARMACY, done


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that has enrolled three institutions and holds nothing of theirs."""
    directory = tmp_path_factory.mktemp("founded") / "ledger"
    done("init", directory, "--origin", "test.example/log")
    for name in ("hospital", "clinic", "pharmacy"):
        done("enrol", directory, name)
    return directory


@pytest.fixture(scope="session")
def filled(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three files imported: three persons and the stranger; published."""
    directory = copy(founded, tmp_path_factory.mktemp("filled"))
    files = ["hospital_a.ndjson", "clinic_b.ndjson", "pharmacy_c.ndjson"]
    hospital, clinic, pharmacy = (DATA / name for name in files)
    opened = done("import", directory, hospital, "--as", "hospital", "--create", "--json").json
    records = [row["record"] for row in opened["opened"]]
    at_clinic = persons(CLINIC, ["C07002", "C07015", "C07028"], records)
    done("import", directory, clinic, "--as", "clinic", "--create", *at_clinic)
    at_pharmacy = persons(PHARMACY, ["P07003", "P07016", "P07029"], records)
    done("import", directory, pharmacy, "--as", "pharmacy", *at_pharmacy)
    done("checkpoint", directory)
    return directory


@pytest.fixture
def ledger(founded: Path, tmp_path: Path) -> Path:
    return copy(founded, tmp_path)


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Path:
    return copy(filled, tmp_path)


def copy(ledger: Path, to: Path) -> Path:
    shutil.copytree(ledger, to / ledger.name)
    shutil.copyfile(ledger.with_name("ledger.guard"), to / "ledger.guard")
    return to / ledger.name


def persons(system: str, values: list[str], records: list[str]) -> list[str]:
    pairs = zip(values, records, strict=True)
    return [word for value, record in pairs for word in ("--person", f"{system}|{value}={record}")]
