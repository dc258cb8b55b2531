"""What an import does: routing, linking, repeating, refusing."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.importing import authored_ms
from ledger.vault import VaultPaths, open_vault
from tests.cli.console import CLINIC, DATA, HOSPITAL, PHARMACY, done, run

HOSPITAL_FILE = DATA / "hospital_a.ndjson"
CLINIC_FILE = DATA / "clinic_b.ndjson"


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
    chains = {"log": 1, "actors": 3, "records": 4, "directories": 3, "epochs": 1}
    assert counts["chains"] == chains


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


@pytest.mark.parametrize("said", ["create", "person"])
def test_a_second_number_of_a_linked_patient_is_linked_when_it_is_said(
    full: Path, tmp_path: Path, said: str
) -> None:
    moved = {
        "resourceType": "Patient",
        "identifier": [
            {"system": HOSPITAL, "value": "POP-00261"},
            {"system": HOSPITAL, "value": "NEW-1"},
        ],
    }
    file = tmp_path / "moved.json"
    file.write_text(json.dumps(moved))
    size = done("stats", full, "--json").json["size"]
    ran = run("import", full, file, "--as", "hospital", "--json")
    assert (ran.code, ran.json["linked"], ran.json["added"], ran.json["refused"]) == (4, 0, 0, 1)
    assert "a further patient number that is linked to no record" in ran.err
    assert "NEW-1" not in ran.err + ran.text
    assert done("stats", full, "--json").json["size"] == size
    record = done("history", full, f"{HOSPITAL}|POP-00261", "--json").json["record"]
    told = ("--create",) if said == "create" else ("--person", f"{HOSPITAL}|NEW-1={record}")
    assert done("import", full, file, "--as", "hospital", *told, "--json").json["linked"] == 1
    assert done("history", full, f"{HOSPITAL}|NEW-1", "--json").json["record"] == record


def test_a_bundle_of_two_persons(ledger: Path, tmp_path: Path) -> None:
    lines = [line for line in HOSPITAL_FILE.read_text().splitlines() if '"Patient"' in line][:2]
    bundle = '{"resourceType":"Bundle","type":"collection","entry":[%s]}'
    file = tmp_path / "bundle.json"
    file.write_text(bundle % ",".join(f'{{"resource": {line}}}' for line in lines))
    summary = done("import", ledger, file, "--as", "hospital", "--create", "--json").json
    assert (summary["added"], len(summary["opened"])) == (2, 2)
    assert summary["opened"][1]["source"] == "bundle.json entry 2"


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
    first = json.loads(HOSPITAL_FILE.read_text().splitlines()[35])
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
    done("init", tmp_path / "ledger", "--origin", "test.example/log")
    other = open_vault(VaultPaths(tmp_path / "ledger" / "vault")).tags.tag(
        b"alias", HOSPITAL.encode(), b"POP-00261"
    )
    mine = open_vault(VaultPaths(filled / "vault")).tags
    assert other != mine.tag(b"alias", HOSPITAL.encode(), b"POP-00261")
    data = (filled / "log" / "data.mdb").read_bytes()
    assert b"POP-00261" not in data
