"""link, unlink, join, part, move: a wrong link undone, to the last entry."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.admission import Submission
from ledger.appender import Outcome
from ledger.errors import LedgerFault
from ledger.log import Log
from tests.cli.conftest import persons
from tests.cli.console import CLINIC, DATA, HOSPITAL, done, run

FIRST, SECOND, THIRD = (
    f"{HOSPITAL}|{number}" for number in ("POP-00261", "POP-00107", "POP-00042")
)
WRONG = f"{CLINIC}|C07002"
STRANGER = f"{CLINIC}|C09999"
FILE = DATA / "clinic_b.ndjson"
BY = ("--as", "clinic")
WHY = ("--reason", "linked to the wrong person")
TREAT = ("--as", "clinic", "--purpose", "TREAT")


def history(ledger: Path, record: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = done("history", ledger, record, "--json").json["entries"]
    return entries


def kinds(ledger: Path, record: str) -> list[str]:
    return [entry["kind"] for entry in history(ledger, record)]


def record_of(ledger: Path, record: str) -> str:
    return str(done("history", ledger, record, "--json").json["record"])


def timeline(ledger: Path, record: str, *options: str) -> dict[str, Any]:
    shown: dict[str, Any] = done("timeline", ledger, record, *TREAT, *options, "--json").json
    return shown


def contents(ledger: Path, record: str) -> Counter[bytes]:
    """The contents that stand in a record and are not taken back."""
    found: Counter[bytes] = Counter()
    for item in timeline(ledger, record)["items"]:
        if "versions" in item and not item["retracted"]:
            index = str(item["versions"][0]["index"])
            found[done("show", ledger, index, "--content", *TREAT).out] += 1
    return found


@pytest.fixture
def wrong(ledger: Path) -> Path:
    """The clinic's first patient was linked to the hospital's second; the stranger has its own."""
    done("import", ledger, DATA / "hospital_a.ndjson", "--as", "hospital", "--create")
    records = [record_of(ledger, one) for one in (SECOND, FIRST, THIRD)]
    to = persons(CLINIC, ["C07002", "C07015", "C07028"], records)
    done("import", ledger, FILE, *BY, "--create", *to)
    return ledger


def of_patient(file: Path, number: str) -> Counter[bytes]:
    """The lines of a sample file that are one patient's."""
    lines = file.read_bytes().splitlines()
    parsed = [json.loads(line) for line in lines]
    (identity,) = (
        row["id"]
        for row in parsed
        if row["resourceType"] == "Patient" and row["identifier"][0]["value"] == number
    )
    mine = Counter[bytes]()
    for line, row in zip(lines, parsed, strict=True):
        if row["resourceType"] == "Patient":
            mine[line] += row["id"] == identity
        else:
            owner = row.get("subject") or row.get("patient") or row.get("beneficiary") or {}
            mine[line] += owner.get("reference") == f"Patient/{identity}"
    return +mine


def moved_indexes(ledger: Path, record: str) -> list[str]:
    own = [e for e in history(ledger, record) if e["author_name"] == "clinic"]
    return [str(entry["index"]) for entry in own if entry["kind"] == "record"]


def test_after_unlink_and_move_each_record_holds_exactly_its_own(wrong: Path) -> None:
    for number in ("C07002", "C07015"):
        # Both of them were wrong: the other way round is right.
        done("unlink", wrong, f"{CLINIC}|{number}", *BY, *WHY)
    at_second, at_first = moved_indexes(wrong, SECOND), moved_indexes(wrong, FIRST)
    done("link", wrong, WRONG, FIRST, *BY)
    done("link", wrong, f"{CLINIC}|C07015", SECOND, *BY)
    done("move", wrong, *at_second, "--to", WRONG, *BY, *WHY)
    done("move", wrong, *at_first, "--to", f"{CLINIC}|C07015", *BY, *WHY)
    hospital = DATA / "hospital_a.ndjson"
    for record, at_hospital, at_clinic in (
        (FIRST, "POP-00261", "C07002"),
        (SECOND, "POP-00107", "C07015"),
        (THIRD, "POP-00042", "C07028"),
    ):
        own = of_patient(hospital, at_hospital) + of_patient(FILE, at_clinic)
        assert contents(wrong, record) == own
    assert contents(wrong, STRANGER) == of_patient(FILE, "C09999")
    # The sender's file is known, wherever its lines stand now.
    again = done("import", wrong, FILE, *BY, "--json").json
    assert (again["added"], again["known"], again["linked"]) == (0, 34, 0)
    assert run("check", wrong).code == 0


def test_an_unlinked_number_is_not_linked_again_by_an_import(wrong: Path, tmp_path: Path) -> None:
    done("unlink", wrong, WRONG, *BY, *WHY)
    ran = run("history", wrong, WRONG)
    assert ran.complaint == "this patient identifier is linked to no record"
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": CLINIC, "value": "C07002"}],
    }
    file = tmp_path / "again.json"
    file.write_text(json.dumps(patient))
    for create in ((), ("--create",)):
        ran = run("import", wrong, file, *BY, *create, "--json")
        assert (ran.code, ran.json["linked"], ran.json["opened"]) == (4, 0, [])
        assert "the link of the patient's patient number was ended" in ran.err
        assert "C07002" not in ran.err
    to = f"{WRONG}={record_of(wrong, FIRST)}"
    assert done("import", wrong, file, *BY, "--person", to, "--json").json["linked"] == 1
    assert record_of(wrong, WRONG) == record_of(wrong, FIRST)


def test_link_and_unlink_refuse_what_is_not_so(wrong: Path) -> None:
    size = done("stats", wrong, "--json").json["size"]
    assert done("link", wrong, WRONG, SECOND, *BY, "--json").json["known"] is True
    ran = run("link", wrong, WRONG, FIRST, *BY)
    assert "is linked to another one" in ran.complaint
    assert run("unlink", wrong, f"{CLINIC}|nobody", *BY, *WHY).code == 2
    for text in ("nothing", "|7", "system|"):
        ran = run("link", wrong, text, FIRST, *BY)
        assert ran.complaint == "the patient identifier is not of the form SYSTEM|VALUE"
    assert done("stats", wrong, "--json").json["size"] == size
    done("unlink", wrong, WRONG, *BY, *WHY)
    assert run("unlink", wrong, WRONG, *BY, *WHY).code == 2
    assert kinds(wrong, SECOND).count("unlink") == 1


def test_joined_records_are_one_timeline_and_two_chains(wrong: Path) -> None:
    one, two = record_of(wrong, FIRST), record_of(wrong, STRANGER)
    alone = timeline(wrong, FIRST)["items"]
    assert len(done("join", wrong, FIRST, STRANGER, *BY, "--json").json["indexes"]) == 2
    assert done("join", wrong, STRANGER, FIRST, *BY, "--json").json["indexes"] == []
    shown = timeline(wrong, FIRST)
    assert shown["records"] == [one, two]
    assert len(shown["access_entries"]) == 2
    assert {item.get("record") for item in shown["items"] if "versions" in item} == {one, two}
    assert timeline(wrong, STRANGER)["records"] == [two, one]
    assert kinds(wrong, FIRST)[0] == kinds(wrong, STRANGER)[0] == "open"
    done("part", wrong, FIRST, STRANGER, *BY, *WHY)
    assert timeline(wrong, FIRST)["records"] == [one]
    assert len(timeline(wrong, FIRST)["items"]) > len(alone)
    assert run("part", wrong, FIRST, STRANGER, *BY, *WHY).complaint == (
        "these two records are not joined"
    )
    assert run("join", wrong, FIRST, FIRST, *BY).code == 2
    done("join", wrong, FIRST, STRANGER, *BY)
    assert timeline(wrong, FIRST)["records"] == [one, two]


def test_a_document_moves_with_its_amendments_and_its_readings(wrong: Path, tmp_path: Path) -> None:
    done("enrol", wrong, "dr-mori", "--role", "practitioner")
    file = tmp_path / "letter.txt"
    file.write_bytes(b"first")
    text = ("--record", SECOND, "--type", "text/plain", "--state", "unapproved")
    first = done("append", wrong, file, *BY, *text).text.strip()
    file.write_bytes(b"second")
    second = done("append", wrong, file, *BY, *text, "--amends", first, *WHY).text.strip()
    approved = done("approve", wrong, second, "--as", "dr-mori").text.strip()
    reading = ("--content", "--as", "hospital", "--purpose", "ETREAT")
    done("show", wrong, first, *reading)
    before = done("stats", wrong, "--json").json["size"]
    ran = done("move", wrong, second, "--to", FIRST, *BY, *WHY, "--json").json
    # The reading of the hospital and the one of the move itself.
    assert ran == {"documents": 1, "appended": 3, "retracted": 1, "accesses": 2}
    assert done("stats", wrong, "--json").json["size"] == before + 1 + 3 + 1 + 2
    item = timeline(wrong, FIRST, "--view", "person")["items"][-3]
    newest, older = item["versions"]
    hashes = [done("show", wrong, at, "--json").json["leaf_hash"] for at in (first, second)]
    assert [older["moved_from"] if older["hidden"] is None else None, newest["moved_from"]] == [
        None,
        hashes[1],
    ]
    assert (newest["stage"], newest["hidden"], older["hidden"]) == (
        "approved",
        None,
        "an earlier draft",
    )
    # The mover's word that a doctor approved it is the organisation's approval.
    assert [change["counts"] for change in newest["changes"]] == [True]
    assert done("show", wrong, str(newest["index"]), "--content", *TREAT).out == b"second"
    told = timeline(wrong, FIRST, "--accesses")["items"]
    purposes = [one["purpose"] for one in told if one.get("entry") == "access"]
    assert "ETREAT" in purposes
    assert "RECORDMGT" in purposes
    assert kinds(wrong, SECOND).count("access") >= 2
    (left,) = (
        one
        for one in timeline(wrong, SECOND, "--view", "person")["items"]
        if "versions" in one and one["retracted"]
    )
    assert left["moved_away"] is True
    assert {one["hidden"] for one in left["versions"]} == {"the content belonged to another record"}
    assert approved in json.dumps(left)
    again = done("move", wrong, first, second, "--to", FIRST, *BY, *WHY, "--json").json
    assert again == {"documents": 1, "appended": 0, "retracted": 0, "accesses": 1}
    ran_elsewhere = run("move", wrong, first, "--to", THIRD, *BY, *WHY)
    assert "was moved to another record already" in ran_elsewhere.complaint
    assert run("check", wrong).code == 0


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_move_cut_short_is_completed_by_the_same_command(
    wrong: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    command: tuple[str | Path, ...] = (
        "move",
        wrong,
        *moved_indexes(wrong, SECOND)[:2],
        "--to",
        FIRST,
        *BY,
        *WHY,
    )
    calls = 0
    real: Callable[[Log, Sequence[Submission]], list[Outcome]] = Log.append

    def cut(log: Log, submissions: Sequence[Submission]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise LedgerFault("the ledger has stopped")
        return real(log, submissions)

    monkeypatch.setattr(Log, "append", cut)
    ran = run(*command)
    monkeypatch.undo()
    # An access, two entries, two retractions, one access told: six appends in all.
    assert (ran.code == 0) == (stop > 6)
    if ran.code:
        assert "the same command goes on" in ran.err
    done(*command)
    one, two = kinds(wrong, FIRST), kinds(wrong, SECOND)
    assert two.count("retract") == 2
    moved = [
        item["versions"][0]["index"]
        for item in timeline(wrong, FIRST)["items"]
        if "versions" in item and item["versions"][0].get("moved_from")
    ]
    assert len(moved) == 2
    # Every reading of what was moved is known in both.
    assert one.count("access") == two.count("access")
    assert run("check", wrong).code == 0


def test_what_cannot_be_moved_is_refused_before_anything_is_written(wrong: Path) -> None:
    size = done("stats", wrong, "--json").json["size"]
    entries = history(wrong, SECOND)
    link = next(str(entry["index"]) for entry in entries if entry["kind"] == "link")
    good = moved_indexes(wrong, SECOND)[0]
    own = moved_indexes(wrong, FIRST)[0]
    for bad, what in (
        (link, "is no document of a person's record"),
        ("0", "is no document of a person's record"),
        (own, "stands in that record already"),
        ("99999", "there is no entry"),
    ):
        ran = run("move", wrong, good, bad, "--to", FIRST, *BY, *WHY)
        assert what in ran.complaint
    assert run("move", wrong, good, "--to", FIRST, *BY, *WHY, "--purpose", "no code").code == 2
    assert done("stats", wrong, "--json").json["size"] == size


def test_an_erased_document_is_not_moved_by_halves(wrong: Path) -> None:
    first, second = moved_indexes(wrong, SECOND)[:2]
    with Log.open(wrong) as log:
        log.vault.destroy([int(second)], "test")
    size = done("stats", wrong, "--json").json["size"]
    ran = run("move", wrong, first, second, "--to", FIRST, *BY, *WHY)
    assert ran.complaint == f"the document of entry {second} has a version that was erased"
    assert done("stats", wrong, "--json").json["size"] == size
    done("move", wrong, first, "--to", FIRST, *BY, *WHY)


def test_equal_ids_of_three_institutions_end_in_the_right_places(full: Path) -> None:
    files = [DATA / f"{name}.ndjson" for name in ("hospital_a", "clinic_b", "pharmacy_c")]
    lines = sum((Counter(file.read_bytes().splitlines()) for file in files), Counter[bytes]())
    for record, *numbers in (
        (FIRST, "POP-00261", "C07002", "P07003"),
        (SECOND, "POP-00107", "C07015", "P07016"),
        (THIRD, "POP-00042", "C07028", "P07029"),
    ):
        pairs = zip(files, numbers, strict=True)
        own = sum((of_patient(file, number) for file, number in pairs), Counter[bytes]())
        assert contents(full, record) == own
        lines -= own
    assert contents(full, STRANGER) == of_patient(FILE, "C09999")
    lines -= of_patient(FILE, "C09999")
    # What is nobody's stands on the chain of the institution that sent it.
    directories: dict[str, Counter[bytes]] = {}
    for index in range(done("stats", full, "--json").json["size"]):
        shown = done("show", full, str(index), "--json").json
        if shown["chain_type"] == "directory":
            content = done("show", full, str(index), "--content", *TREAT).out
            directories.setdefault(shown["author_name"], Counter())[content] += 1
    assert set(directories) == {"hospital", "clinic", "pharmacy"}
    assert sum(directories.values(), Counter[bytes]()) == lines
    for name, file in zip(("hospital", "clinic", "pharmacy"), files, strict=True):
        assert set(directories[name]) <= set(file.read_bytes().splitlines())


def test_a_large_payload_moves_byte_for_byte(wrong: Path, tmp_path: Path) -> None:
    file = tmp_path / "scan.dcm"
    file.write_bytes(os.urandom(1 << 20) * 17 + b"end")
    to = ("--record", SECOND, "--type", "application/dicom")
    index = done("append", wrong, file, *BY, *to).text.strip()
    done("move", wrong, index, "--to", FIRST, *BY, *WHY)
    (moved,) = (
        item["versions"][0]
        for item in timeline(wrong, FIRST)["items"]
        if "versions" in item and item["versions"][0].get("moved_from")
    )
    assert moved["title"] == "application/dicom"
    assert done("show", wrong, str(moved["index"]), "--content", *TREAT).out == file.read_bytes()
    assert run("check", wrong).code == 0
