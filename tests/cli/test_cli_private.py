"""@FILE and - in place of a patient identifier on the command line."""

import io
from pathlib import Path

import pytest

from tests.cli.console import CLINIC, DATA, HOSPITAL, done, run


def test_history_of_a_patient_named_in_a_file(full: Path, tmp_path: Path) -> None:
    plain = done("history", full, f"{HOSPITAL}|POP-00261", "--json").out
    (tmp_path / "patient").write_text(f"{HOSPITAL}|POP-00261\n")
    assert done("history", full, f"@{tmp_path / 'patient'}", "--json").out == plain


def test_history_of_a_patient_named_on_standard_input(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = done("history", full, f"{HOSPITAL}|POP-00261", "--json").out
    stdin = io.TextIOWrapper(io.BytesIO(f"{HOSPITAL}|POP-00261\n".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert done("history", full, "-", "--json").out == plain


def test_persons_of_an_import(ledger: Path, tmp_path: Path) -> None:
    opened = done(
        "import", ledger, DATA / "hospital_a.ndjson", "--as", "hospital", "--create", "--json"
    ).json["opened"]
    pairs = zip(("C07002", "C07015"), opened, strict=False)
    lines = [f"{CLINIC}|{number}={row['record']}" for number, row in pairs]
    (tmp_path / "persons").write_text("\n".join(lines))
    words = ("import", ledger, DATA / "clinic_b.ndjson", "--as", "clinic", "--create", "--json")
    report = done(*words, "--person", f"@{tmp_path / 'persons'}").json
    assert len(report["opened"]) == 2
    for number, row in zip(("C07002", "C07015"), opened, strict=False):
        shown = done("history", ledger, f"{CLINIC}|{number}", "--json").json
        assert shown["record"] == row["record"]


@pytest.mark.parametrize("content", [b"", b"\n", b"a|1\nb|2\n", b"\xff|1\n"], ids=repr)
def test_a_file_that_says_no_one_thing(full: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "patient").write_bytes(content)
    ran = run("history", full, f"@{tmp_path / 'patient'}")
    assert ran.code == 2
    assert ran.complaint.startswith("patient ")


def test_a_file_that_is_not_there(full: Path) -> None:
    ran = run("history", full, "@nothing-here")
    assert ran.code == 2
    assert ran.complaint == "cannot read @nothing-here: no such file or directory"
