"""Timelines, links and moves over a line of logs: records that go on in a successor."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from ledger.keyfiles import governor_key_path
from tests.cli.conftest import persons
from tests.cli.console import CLINIC, DATA, HOSPITAL, done, run
from tests.cli.ledger_line import Line

FIRST, SECOND, THIRD = (
    f"{HOSPITAL}|{number}" for number in ("POP-00261", "POP-00107", "POP-00042")
)
RECORDS = (FIRST, SECOND, THIRD)
WRONG = f"{CLINIC}|C07002"
BY = ("--as", "clinic")
WHY = ("--reason", "linked to the wrong person")
TREAT = (*BY, "--purpose", "TREAT")
TEXT = ("--type", "text/plain")
VIEWS = [(), ("--accesses",), ("--view", "person")]


def write(tmp: Path, text: str) -> Path:
    file = tmp / "note.txt"
    file.write_text(text)
    return file


def appended(ledger: Path, tmp: Path, text: str, record: str, *options: str) -> str:
    """A note in a record; returns where it stands."""
    ran = done("append", ledger, write(tmp, text), *BY, "--record", record, *TEXT, *options)
    return ran.text.strip()


@pytest.fixture(scope="module")
def lived(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a ledger in which everything was done that a timeline tells of."""
    place = tmp_path_factory.mktemp("lived")
    copytree(founded.parent, place, dirs_exist_ok=True)
    ledger = place / "ledger"
    done("import", ledger, DATA / "hospital_a.ndjson", "--as", "hospital", "--create")
    records = [record_of(ledger, one) for one in (SECOND, FIRST, THIRD)]
    to = persons(CLINIC, ["C07002", "C07015", "C07028"], records)
    done("import", ledger, DATA / "clinic_b.ndjson", *BY, "--create", *to)
    done("enrol", ledger, "dr-mori", "--role", "practitioner")
    done("enrol", ledger, "dr-doi", "--role", "practitioner")
    draft = appended(ledger, place, "letter, day 1", SECOND, "--state", "unapproved")
    amended = ("--state", "unapproved", "--amends", draft, *WHY)
    second = appended(ledger, place, "letter, day 2", SECOND, *amended)
    done("approve", ledger, second, "--as", "dr-mori")
    lost = appended(ledger, place, "letter, by mistake", SECOND)
    done("append", ledger, "--record", SECOND, "--retracts", lost, *BY, *WHY)
    waiting = ("--state", "unapproved", "--approve-after", "24h")
    doubted = appended(ledger, place, "letter, in doubt", FIRST, *waiting)
    done("approve", ledger, doubted, "--as", "dr-doi")
    done("contest", ledger, "dr-doi", "--since", doubted)
    done("unlink", ledger, WRONG, *BY, *WHY)
    done("join", ledger, FIRST, THIRD, *BY)
    done("show", ledger, draft, "--content", "--as", "hospital", "--purpose", "ETREAT")
    return place


@pytest.fixture
def place(lived: Path, tmp_path: Path) -> Path:
    return copytree(lived, tmp_path / "place")


def record_of(ledger: Path, record: str) -> str:
    return str(done("history", ledger, record, "--json").json["record"])


def now() -> str:
    """A time that all that was received lies before, and all that comes behind."""
    time.sleep(0.002)
    at = datetime.now(UTC)
    time.sleep(0.002)
    return at.isoformat()


def timeline(ledger: Path, record: str, *options: str) -> dict[str, Any]:
    shown: dict[str, Any] = done("timeline", ledger, record, *TREAT, *options, "--json").json
    return shown


def sights(ledger: Path, at: str) -> list[dict[str, Any]]:
    """All records in all views at a time."""
    return [timeline(ledger, one, "--as-of", at, *view) for one in RECORDS for view in VIEWS]


def test_a_line_shows_what_its_first_log_showed(place: Path) -> None:
    line, at = Line([place / "ledger"]), now()
    shown = sights(line.ledgers[0], at)
    wanted = line.in_one_log(shown)
    # There is something of everything to show.
    text = str(wanted)
    for words in ("letter, day 2", "'contested': True", "'ended': True", "'stands': True"):
        assert words in text
    assert [len(one["records"]) for one in wanted] == [2, 2, 2, 1, 1, 1, 2, 2, 2]
    for name in ("second", "third"):
        newest = line.succeed(name)
        assert line.in_one_log(sights(newest, at)) == wanted
        line.check()
    rows = done("timeline", newest, SECOND, *TREAT, "--lang", "en").text.splitlines()
    assert sum("replaces" in row and "~2" in row.partition("replaces")[2] for row in rows) == 1
    (access,) = timeline(newest, SECOND)["access_entries"]
    assert done("show", newest, str(access), "--json").json["kind"] == "access"


def stages(ledger: Path, record: str) -> dict[str, tuple[str, bool]]:
    """Title -> stage of the version, and whether its document is retracted."""
    return {
        version["title"]: (version["stage"], item["retracted"])
        for item in timeline(ledger, record)["items"]
        for version in item.get("versions", ())
    }


def place_of(ledger: Path, record: str, title: str) -> str:
    """Where a note stands, as users write it."""
    (found,) = (
        version
        for item in timeline(ledger, record)["items"]
        for version in item.get("versions", ())
        if version["title"] == title
    )
    return f"{found['index']}~{found['back']}" if found["back"] else str(found["index"])


def test_documents_go_on_over_the_seam(place: Path, tmp_path: Path) -> None:
    line = Line([place / "ledger"])
    draft = appended(line.ledgers[0], tmp_path, "plan", SECOND, "--state", "unapproved")
    line.succeed("second")
    new = line.succeed("third")
    assert place_of(new, SECOND, "plan") == f"{draft}~2"
    assert stages(new, SECOND)["plan"] == ("unapproved", False)
    done("approve", new, f"{draft}~2", "--as", "dr-mori")
    assert stages(new, SECOND)["plan"] == ("approved", False)
    to = ("--state", "unapproved", "--amends", f"{draft}~2", *WHY)
    later = appended(new, tmp_path, "plan, amended", SECOND, *to)
    assert "~" not in later
    (item,) = (
        item
        for item in timeline(new, SECOND)["items"]
        if "versions" in item and item["versions"][0]["title"] == "plan, amended"
    )
    assert [one["amends"] for one in item["versions"]] == [f"{draft}~2", None]
    assert [one["stage"] for one in item["versions"]] == ["unapproved", "approved"]
    gone = place_of(new, SECOND, "letter, day 2")
    assert gone.endswith("~2")
    done("append", new, "--record", SECOND, "--retracts", gone, *BY, *WHY)
    assert stages(new, SECOND)["letter, day 2"] == ("approved", True)
    brought = place_of(new, SECOND, "letter, by mistake")
    appended(new, tmp_path, "letter, after all", SECOND, "--amends", brought, *WHY)
    assert stages(new, SECOND)["letter, after all"] == ("final", False)
    # What stands in the first log is named from each log in its own way.
    for wrong in (draft, f"{draft}~1", f"{draft}~3"):
        words = ("--record", SECOND, "--retracts", wrong, *BY, *WHY)
        assert run("append", new, *words).code == 2
    line.check()


def test_links_go_on_over_the_seam(place: Path) -> None:
    old = place / "ledger"
    one, two, three = (record_of(old, record) for record in RECORDS)
    line = Line([old])
    new = line.succeed("second")
    number = f"{CLINIC}|C07015"
    known = done("link", new, number, one, *BY, "--json").json
    assert (known["known"], known["back"]) == (True, 1)
    assert run("link", new, number, two, *BY).code == 2
    assert run("history", new, WRONG).code == 2
    done("unlink", new, number, *BY, *WHY)
    assert run("history", new, number).code == 2
    done("link", new, number, two, *BY)
    assert record_of(new, number) == two
    ended = [one for one in timeline(new, FIRST)["items"] if one.get("ended")]
    assert [(one["back"], one["linked"]["value"]) for one in ended] == [(1, "C07015")]
    assert done("join", new, FIRST, THIRD, *BY, "--json").json["indexes"] == []
    done("part", new, FIRST, THIRD, *BY, *WHY)
    assert timeline(new, FIRST)["records"] == [one]
    done("join", new, SECOND, THIRD, *BY)
    newest = line.succeed("third")
    assert timeline(newest, THIRD)["records"] == [three, two]
    again = done("import", newest, DATA / "clinic_b.ndjson", *BY, "--json").json
    assert (again["added"], again["opened"]) == (0, [])
    line.check()


def test_documents_are_moved_out_of_an_earlier_log(place: Path, tmp_path: Path) -> None:
    line = Line([place / "ledger"])
    first = appended(line.ledgers[0], tmp_path, "scan, day 1", SECOND)
    new = line.succeed("second")
    to = ("--amends", f"{first}~1", *WHY)
    second = appended(new, tmp_path, "scan, day 2", SECOND, *to)
    words = ("--content", "--as", "hospital", "--purpose", "ETREAT")
    done("show", new, f"{first}~1", *words)
    letter = place_of(new, SECOND, "letter, day 1")
    moving = (letter, second, "--to", FIRST, *BY, *WHY, "--json")
    moved = done("move", new, *moving).json
    # The letter was approved; it was read before the succession, and the scan behind it.
    assert (moved["documents"], moved["appended"], moved["retracted"]) == (2, 5, 2)
    left, right = stages(new, SECOND), stages(new, FIRST)
    for title in ("scan, day 1", "scan, day 2", "letter, day 1", "letter, day 2"):
        assert left[title][1] is True
        assert right[title] == (left[title][0], False)
    told = [one for one in timeline(new, FIRST, "--accesses")["items"] if one.get("moved_from")]
    assert [one["purpose"] for one in told].count("ETREAT") == 2
    at = place_of(new, FIRST, "scan, day 1")
    assert "~" not in at
    assert done("show", new, at, "--content", *TREAT).out == b"scan, day 1"
    # The same command from the next log finds everything done, and tells of the readings since.
    newest = line.succeed("third")
    first, _, back = letter.partition("~")
    again = (f"{first}~{int(back) + 1}", f"{second}~1", *moving[2:])
    ran = done("move", newest, *again).json
    assert (ran["documents"], ran["appended"], ran["retracted"]) == (2, 0, 0)
    elsewhere = run("move", newest, f"{second}~1", "--to", THIRD, *BY, *WHY)
    assert "was moved to another record already" in elsewhere.complaint
    line.check()


def test_an_erased_version_of_an_earlier_log_is_not_moved(place: Path, tmp_path: Path) -> None:
    old = place / "ledger"
    first = appended(old, tmp_path, "scan", SECOND)
    done("erase", old, "--entry", first, *BY, *WHY, "--yes")
    line = Line([old])
    new = line.succeed("second")
    ran = run("move", new, f"{first}~1", "--to", FIRST, *BY, *WHY)
    assert ran.complaint == f"the document of entry {first}~1 has a version that was erased"
    (erased,) = (
        version
        for item in timeline(new, SECOND)["items"]
        for version in item.get("versions", ())
        if (version["index"], version["back"]) == (int(first), 1)
    )
    assert erased["hidden"] == "the content was erased"


def test_doubt_counts_from_an_entry_of_an_earlier_log(place: Path, tmp_path: Path) -> None:
    old = place / "ledger"
    note = write(tmp_path, "by mori")
    by = ("--as", "dr-mori", "--record", SECOND, *TEXT)
    done("append", old, note, *by)
    line = Line([old])
    new = line.succeed("second")
    note.write_text("by mori, later")
    index = done("append", new, note, *by).text.strip()
    done("contest", new, "dr-mori", "--since", index, "--governor-key", governor_key_path(old))
    doubted = {
        version["title"]: version["contested"]
        for item in timeline(new, SECOND)["items"]
        for version in item.get("versions", ())
    }
    assert doubted["by mori"] is False
    assert doubted["by mori, later"] is True
