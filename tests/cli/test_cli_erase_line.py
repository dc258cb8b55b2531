"""counterfoil erase after a succession: what an earlier log holds is destroyed there too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ledger.check import check_ledger
from ledger.log import Log
from ledger.reader import open_reader
from tests.cli.console import HOSPITAL, done, run

PERSON = f"{HOSPITAL}|POP-00261"
REASON = ("--as", "hospital", "--reason", "asked for", "--yes")
READ = ("--as", "clinic", "--purpose", "TREAT")
WINDOW = 32


@pytest.fixture
def line(full: Path) -> tuple[Path, Path]:
    """A ledger and the one that took over from it, with an entry of its own."""
    new = full.with_name("new")
    done("succeed", full, new, "--origin", "log.example.net/second")
    note = full.with_name("note.txt")
    note.write_text("blood pressure 128/82, sitting")
    done("append", new, note, "--as", "hospital", "--type", "text/plain", "--record", PERSON)
    return full, new


def _blobs(ledger: Path, new: Path) -> list[bytes]:
    """Windows of the sealed blobs that the person's record has in an earlier ledger."""
    history = done("history", new, PERSON, "--json").json["entries"]
    reader = open_reader(ledger)
    try:
        blobs = [reader.store.payload(one["index"]) for one in history if one["back"] == 1]
    finally:
        reader.close()
    return [blob[:WINDOW] for blob in blobs if blob]


def _bytes(ledger: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(ledger.rglob("*")) if path.is_file())


def test_a_record_is_erased_in_every_log_of_the_line(line: tuple[Path, Path]) -> None:
    old, new = line
    windows, index = _blobs(old, new), _first_old(new)
    before = _bytes(old)
    assert windows and all(window in before for window in windows)
    ran = done("erase", new, *REASON, "--record", PERSON, "--attest-as", "clinic", "--json").json
    (row,) = ran["orders"]
    assert [one for one in row["entries"] if re.fullmatch(r"[0-9]+~1", str(one))]
    after = _bytes(old)
    assert not [window for window in windows if window in after]
    assert run("show", new, f"{index}~1", "--content", *READ).code == 2
    assert "linked to no record" in run("history", new, PERSON).err
    for ledger in (new, old):
        assert check_ledger(ledger).problems == []
    assert check_ledger(new).notes == []
    # By itself the old one cannot know the order.
    assert {note.what for note in check_ledger(old).notes} == {
        "is erased; the order must stand in the log that took over"
    }


def _first_old(new: Path) -> int:
    history = done("history", new, PERSON, "--json").json["entries"]
    return next(
        int(one["index"]) for one in history if one["back"] == 1 and one["kind"] == "record"
    )


def test_one_entry_of_an_earlier_log_is_erased(line: tuple[Path, Path]) -> None:
    old, new = line
    index = _first_old(new)
    done("erase", new, *REASON, "--entry", f"{index}~1")
    assert "erased on order of entry" in done("show", new, f"{index}~1").text
    assert check_ledger(new).problems == []
    assert check_ledger(new).notes == []
    assert [note.where for note in check_ledger(old).notes] == [f"payload {index}"]


def test_an_order_that_did_not_reach_the_earlier_log_is_pending(
    line: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = line
    index = _first_old(new)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.cli.erasing.destroy_earlier", lambda *_: None)
        done("erase", new, *REASON, "--entry", f"{index}~1")
    report = check_ledger(new)
    assert report.problems == []
    assert [note.where for note in report.notes] == [f"{old.name}: entry {index}"]
    done("erase", new, "--pending")
    assert check_ledger(new).notes == []


def test_what_is_attested_and_still_there_is_damage(
    line: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = line
    index = _first_old(new)
    monkeypatch.setattr("ledger.cli.erasing.destroy_earlier", lambda *_: None)
    done("erase", new, *REASON, "--entry", f"{index}~1", "--attest-as", "clinic")
    (problem,) = check_ledger(new).problems
    assert problem.where == f"{old.name}: entry {index}"


def test_content_that_nobody_ordered_to_be_erased_is_damage(line: tuple[Path, Path]) -> None:
    old, new = line
    index = _first_old(new)
    with Log.open(old, ended=True) as log:
        log.destroy([index], "nobody asked")
    assert {problem.where for problem in check_ledger(new).problems} >= {
        f"{old.name}: payload {index}"
    }
