"""What an import refuses, and what it says about it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import persons
from tests.cli.console import CLINIC, DATA, HOSPITAL, done, run

HOSPITAL_FILE = DATA / "hospital_a.ndjson"
CLINIC_FILE = DATA / "clinic_b.ndjson"


def test_unknown_patients_are_refused_line_by_line(ledger: Path, tmp_path: Path) -> None:
    errors = tmp_path / "errors.ndjson"
    ran = run("import", ledger, CLINIC_FILE, "--as", "clinic", "--errors", errors, "--json")
    assert ran.code == 4
    assert (ran.json["added"], ran.json["refused"]) == (11, 23)
    assert ran.json["opened"] == []
    rows = [json.loads(line) for line in errors.read_text().splitlines()]
    assert len(rows) == 23
    assert all(set(row) == {"source", "reason", "hint"} for row in rows)
    assert rows[0]["source"] == "clinic_b.ndjson line 1"
    assert "--create" in rows[0]["hint"]
    assert errors.stat().st_mode & 0o777 == 0o600
    # Once it is said whose they are, the rest goes in and nothing twice.
    done("import", ledger, HOSPITAL_FILE, "--as", "hospital", "--create")
    again = done("import", ledger, CLINIC_FILE, "--as", "clinic", "--create", "--json").json
    assert (again["added"], again["known"]) == (23, 11)


def test_no_health_data_in_errors_and_messages(ledger: Path, tmp_path: Path) -> None:
    errors = tmp_path / "errors.ndjson"
    ran = run("import", ledger, CLINIC_FILE, "--as", "clinic", "--errors", errors, "--json")
    said = ran.err + ran.text + errors.read_text()
    for resource in map(json.loads, CLINIC_FILE.read_text().splitlines()):
        if resource["resourceType"] == "Patient":
            names = [name["text"] for name in resource["name"]]
            for secret in (*names, resource["birthDate"], resource["identifier"][0]["value"]):
                assert secret not in said


_PATIENT = '{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:x","value":"%d"}]}'
_ABOUT = '{"resourceType":"Observation","status":"%s","code":{"text":"x"},"subject":%s}'
_ONE = '{"reference":"Patient/1"}'
BAD_LINES = {
    "invalid FHIR": (
        '{"resourceType":"Observation","id":"a","subject":{"reference":"Patient/1"}}',
    ),
    "bad status code": (_ABOUT % ("finished", _ONE),),
    "ambiguous person": (_PATIENT % 1, _PATIENT % 2, _ABOUT % ("final", _ONE)),
    "nobody's": ('{"resourceType":"Observation","status":"final","code":{"text":"x"}}',),
    "not JSON": ("{",),
    "cut short": ('{"resourceType":"Observation","status":"fin',),
}


@pytest.mark.parametrize("lines", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_and_the_others_go_in(
    ledger: Path, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    good = HOSPITAL_FILE.read_text().splitlines()[:6]
    file = tmp_path / "mixed.ndjson"
    file.write_text("\n".join([good[0], *lines, *good[1:]]))
    ran = run("import", ledger, file, "--as", "hospital", "--create", "--json")
    assert ran.code == 4
    assert ran.json["refused"] == 1
    assert ran.json["added"] == 6 + len(lines) - 1
    assert ran.err.count("refused mixed.ndjson line") == 1
    assert "hint: " in ran.err


def test_a_resource_over_16_mib_is_refused(ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "large.ndjson"
    patient = HOSPITAL_FILE.read_bytes().splitlines()[0]
    file.write_bytes(patient + b'\n{"resourceType":"Binary","data":"' + b"A" * (16 << 20) + b'"}\n')
    ran = run("import", ledger, file, "--as", "hospital", "--create", "--json")
    assert (ran.code, ran.json["added"], ran.json["refused"]) == (4, 1, 1)
    assert "larger than 16 MiB" in ran.err


def test_identifiers_of_two_records_in_one_patient_are_refused(full: Path, tmp_path: Path) -> None:
    both = {
        "resourceType": "Patient",
        "identifier": [
            {"system": HOSPITAL, "value": "POP-00261"},
            {"system": CLINIC, "value": "C09999"},
        ],
    }
    file = tmp_path / "both.json"
    file.write_text(json.dumps(both))
    ran = run("import", full, file, "--as", "hospital", "--create")
    assert ran.code == 4
    assert "belong to two records" in ran.err


def test_a_declared_person_must_not_be_another_ones(full: Path) -> None:
    stranger = done("history", full, f"{CLINIC}|C09999", "--json").json["record"]
    before = done("stats", full, "--json").json["size"]
    wrong = persons(CLINIC, ["C07002"], [stranger])
    ran = run("import", full, CLINIC_FILE, "--as", "clinic", *wrong)
    assert (ran.code, "another one" in ran.complaint) == (2, True)
    assert "C07002" not in ran.err
    assert done("stats", full, "--json").json["size"] == before


def test_declared_identifiers_that_nothing_needed_are_not_linked(full: Path) -> None:
    record = done("history", full, f"{CLINIC}|C09999", "--json").json["record"]
    unused = persons(CLINIC, ["C0TYPO"], [record])
    ran = done("import", full, CLINIC_FILE, "--as", "clinic", *unused)
    assert "1 identifier(s) given with --person stand in none of the files" in ran.err
    assert run("history", full, f"{CLINIC}|C0TYPO").code == 2


@pytest.mark.parametrize("text", ["", "x=y", "a|b=c", "|b=" + "0" * 32, "a|b", "a|=" + "0" * 32])
def test_a_malformed_person_is_refused(ledger: Path, text: str) -> None:
    ran = run("import", ledger, CLINIC_FILE, "--as", "clinic", "--person", text)
    assert ran.code == 2
    assert ran.complaint


def test_a_file_that_is_not_there_stops_before_anything_is_written(
    ledger: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.ndjson"
    ran = run("import", ledger, HOSPITAL_FILE, missing, "--as", "hospital", "--create")
    assert (ran.code, ran.complaint) == (2, "missing.ndjson: no such file")
    assert done("stats", ledger, "--json").json["size"] == 4


def test_a_file_of_ones_own_is_not_overwritten_by_errors(ledger: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary\n")
    ran = run("import", ledger, CLINIC_FILE, "--as", "clinic", "--errors", diary)
    assert ran.code == 2
    assert "no list of refused lines" in ran.complaint
    assert diary.read_text() == "dear diary\n"
