"""What an import does: routing, linking, repeating, refusing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.importing import authored_ms
from ledger.vault.keys import MasterKey
from tests.cli.conftest import persons
from tests.cli.console import CLINIC, DATA, HOSPITAL, PHARMACY, done, run

HOSPITAL_FILE = DATA / "hospital_a.ndjson"
CLINIC_FILE = DATA / "clinic_b.ndjson"


def resources(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def history(ledger: Path, record: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = done("history", ledger, record, "--json").json["entries"]
    return entries


def test_three_persons_end_with_one_chain_each_and_the_stranger_with_their_own(
    filled: Path,
) -> None:
    known_as = [
        (f"{HOSPITAL}|POP-00261", f"{CLINIC}|C07002", f"{PHARMACY}|P07003"),
        (f"{HOSPITAL}|POP-00107", f"{CLINIC}|C07015", f"{PHARMACY}|P07016"),
        (f"{HOSPITAL}|POP-00042", f"{CLINIC}|C07028", f"{PHARMACY}|P07029"),
    ]
    records = set()
    for names in known_as:
        (record,) = {done("history", filled, name, "--json").json["record"] for name in names}
        entries = history(filled, record)
        assert [entry["seq"] for entry in entries] == list(range(len(entries)))
        assert entries[0]["kind"] == "open"
        assert {entry["author_name"] for entry in entries} == {"hospital", "clinic", "pharmacy"}
        assert Counter(entry["kind"] for entry in entries)["link"] == 3
        records.add(record)
    stranger = done("history", filled, f"{CLINIC}|C09999", "--json").json
    assert stranger["record"] not in records
    assert [entry["kind"] for entry in stranger["entries"]] == ["open", "link", *["record"] * 3]
    assert len(records) == 3


def test_every_line_is_one_entry_and_directory_resources_have_a_chain_of_their_own(
    filled: Path,
) -> None:
    counts = done("stats", filled, "--json").json
    lines = sum(len(path.read_bytes().splitlines()) for path in DATA.glob("*.ndjson"))
    assert counts["entries"]["record"] == lines
    assert counts["chains"] == {"log": 1, "actors": 3, "records": 4, "directories": 3}


def test_content_comes_back_byte_for_byte(full: Path) -> None:
    lines = HOSPITAL_FILE.read_bytes().splitlines()
    (number,) = (i for i, line in enumerate(lines) if b'"DiagnosticReport"' in line)
    entries = history(full, f"{HOSPITAL}|POP-00261")
    wanted = [e for e in entries if e["author_name"] == "hospital" and e["kind"] == "record"]
    reading = ("--content", "--as", "clinic", "--purpose", "TREAT")
    released = [run("show", full, str(entry["index"]), *reading).out for entry in wanted]
    assert lines[number] in released
    after = history(full, f"{HOSPITAL}|POP-00261")
    assert [entry["kind"] for entry in after[len(entries) :]] == ["access"] * len(wanted)
    # In the order of the file.
    assert [lines.index(one) for one in released] == sorted(lines.index(one) for one in released)


def test_a_second_import_adds_nothing(full: Path) -> None:
    before = done("stats", full, "--json").json["size"]
    again = done("import", full, HOSPITAL_FILE, "--as", "hospital", "--create", "--json").json
    assert again == {
        "read": 44,
        "added": 0,
        "known": 44,
        "refused": 0,
        "linked": 0,
        "opened": [],
    }
    assert done("stats", full, "--json").json["size"] == before


def test_a_line_that_stands_twice_is_one_entry(ledger: Path, tmp_path: Path) -> None:
    lines = HOSPITAL_FILE.read_text().splitlines(keepends=True)
    twice = tmp_path / "twice.ndjson"
    twice.write_text("".join(lines[:4] * 2))
    summary = done("import", ledger, twice, twice, "--as", "hospital", "--create", "--json").json
    assert (summary["read"], summary["added"], summary["known"]) == (16, 4, 12)


def test_the_same_bytes_of_another_institution_are_another_entry(
    ledger: Path, tmp_path: Path
) -> None:
    done("import", ledger, HOSPITAL_FILE, "--as", "hospital", "--create")
    summary = done("import", ledger, HOSPITAL_FILE, "--as", "clinic", "--json").json
    assert (summary["added"], summary["known"], summary["linked"]) == (44, 0, 0)


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
    for resource in resources(CLINIC_FILE):
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


def test_a_second_number_of_a_linked_patient_is_linked_too(full: Path, tmp_path: Path) -> None:
    moved = {
        "resourceType": "Patient",
        "identifier": [
            {"system": HOSPITAL, "value": "POP-00261"},
            {"system": HOSPITAL, "value": "NEW-1"},
        ],
    }
    file = tmp_path / "moved.json"
    file.write_text(json.dumps(moved))
    assert done("import", full, file, "--as", "hospital", "--json").json["linked"] == 1
    record = done("history", full, f"{HOSPITAL}|NEW-1", "--json").json["record"]
    assert record == done("history", full, f"{HOSPITAL}|POP-00261", "--json").json["record"]


def test_a_bundle_of_two_persons(ledger: Path, tmp_path: Path) -> None:
    lines = [line for line in HOSPITAL_FILE.read_text().splitlines() if '"Patient"' in line][:2]
    bundle = '{"resourceType":"Bundle","type":"collection","entry":[%s]}'
    file = tmp_path / "bundle.json"
    file.write_text(bundle % ",".join(f'{{"resource": {line}}}' for line in lines))
    summary = done("import", ledger, file, "--as", "hospital", "--create", "--json").json
    assert (summary["added"], len(summary["opened"])) == (2, 2)
    assert summary["opened"][1]["source"] == "bundle.json entry 2"


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


def test_an_import_killed_in_the_middle_is_completed_by_the_next(
    ledger: Path, tmp_path: Path
) -> None:
    killing = (
        "import os, sys\n"
        "from ledger import importing\n"
        "from ledger.cli.app import main\n"
        "importing.GROUP_ENTRIES = 8\n"
        "settle = importing.Importer._settle\n"
        "def deadly(self):\n"
        "    settle(self)\n"
        "    if self.summary.added > 20:\n"
        "        os.kill(os.getpid(), 9)\n"
        "importing.Importer._settle = deadly\n"
        "main(sys.argv[1:])\n"
    )
    words = ["import", str(ledger), str(HOSPITAL_FILE), "--as", "hospital", "--create"]
    root = Path(__file__).parents[2]
    dead = subprocess.run([sys.executable, "-c", killing, *words], cwd=root, check=False)
    assert dead.returncode == -signal.SIGKILL
    cut = done("stats", ledger, "--json").json["entries"]["record"]
    assert 20 < cut < 44
    again = done(*words, "--json").json
    assert (again["added"], again["known"]) == (44 - cut, cut)
    counts = done("stats", ledger, "--json").json
    assert counts["entries"]["record"] == 44
    assert counts["entries"]["open"] == counts["entries"]["link"] == 3
    assert run("check", ledger).code == 0


def test_a_long_file_goes_in_by_groups_and_in_order(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.importing.GROUP_ENTRIES", 16)
    patient = HOSPITAL_FILE.read_text().splitlines()[0]
    (first,) = (r for r in resources(HOSPITAL_FILE)[35:36])
    lines = [json.dumps({**first, "id": f"o{number}"}) for number in range(100)]
    file = tmp_path / "long.ndjson"
    file.write_text("\n".join([patient, *lines]))
    assert (
        done("import", ledger, file, "--as", "hospital", "--create", "--json").json["added"] == 101
    )
    entries = history(ledger, f"{HOSPITAL}|POP-00261")
    reading = ("--content", "--as", "hospital", "--purpose", "TREAT")
    for at in (3, 50, 102):
        content = run("show", ledger, str(entries[at]["index"]), *reading).json
        assert content["id"] == f"o{at - 3}"


def test_authored_time_is_what_the_resource_says() -> None:
    assert authored_ms({"meta": {"lastUpdated": "2025-12-21T10:05:00+09:00"}}) == 1766279100000
    assert authored_ms({"issued": "2025-12-21T01:05:00Z"}) == 1766279100000
    assert authored_ms({"authoredOn": "2025-12-21"}) is None
    assert authored_ms({"date": "2025-12-21T10:05:00"}) is None
    assert authored_ms({"date": "2999-01-01T00:00:00Z"}) is None
    assert authored_ms({"date": "1869-01-01T00:00:00Z"}) is None
    assert authored_ms({"meta": [], "issued": 5, "date": "no Time"}) is None


def test_authored_time_of_an_entry(filled: Path) -> None:
    entries = history(filled, f"{HOSPITAL}|POP-00261")
    assert 1766279100000 in [entry["authored_ms"] for entry in entries]
    assert all(entry["authored_ms"] <= time.time() * 1000 for entry in entries)


def test_tags_are_worth_nothing_without_the_vault(filled: Path, tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    key.write_bytes(os.urandom(32))
    other = MasterKey.load(key).tag(b"alias", HOSPITAL.encode(), b"POP-00261")
    mine = MasterKey.load(filled / "vault" / "master.key")
    assert other != mine.tag(b"alias", HOSPITAL.encode(), b"POP-00261")
    data = (filled / "log" / "data.mdb").read_bytes()
    assert b"POP-00261" not in data
