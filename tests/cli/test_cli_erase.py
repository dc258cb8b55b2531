"""counterfoil erase: what it asks for, what it prints, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.cli import authors
from ledger.erasing import order_entries
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import Position
from tests.cli.console import HOSPITAL, done, run

PERSON = f"{HOSPITAL}|POP-00261"
REASON = ("--as", "hospital", "--reason", "asked for")


def entries_of(ledger: Path) -> list[int]:
    entries = done("history", ledger, PERSON, "--json").json["entries"]
    return [entry["index"] for entry in entries if entry["kind"] == "record"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--entry", "5"),
        ("--as", "hospital", "--entry", "5"),
        ("--as", "hospital", "--reason", "x"),
        (*REASON, "--entry", "5", "--record", PERSON),
        ("--pending", "--as", "hospital"),
        ("--pending", "--entry", "5"),
    ],
)
def test_an_order_says_who_what_and_why(full: Path, words: tuple[str, ...]) -> None:
    assert run("erase", full, *words, "--yes").code == 2


def test_nothing_is_erased_without_a_yes(full: Path) -> None:
    (index, *_) = entries_of(full)
    ran = run("erase", full, *REASON, "--entry", str(index))
    assert (ran.code, ran.complaint) == (2, "what is erased never comes back")
    assert run("erase", full, "--pending").err == "nothing is ordered that is not done\n"


def test_entries_are_erased_and_attested(full: Path) -> None:
    first, second, *rest = entries_of(full)
    two = ("--entry", str(first), "--entry", str(second))
    ran = done("erase", full, *REASON, *two, "--attest-as", "clinic", "--yes", "--json").json
    (row,) = ran["orders"]
    assert (row["entries"], row["contents"]) == ([first, second], 2)
    assert row["attestation"] == row["order"] + 1
    shown = done("show", full, str(first), "--json").json
    assert shown["erased_by"] == row["order"]
    assert f"on order of entry {row['order']}" in done("show", full, str(first)).text
    assert done("show", full, str(rest[0]), "--json").json["erased_by"] is None
    history = done("history", full, PERSON, "--json").json["entries"]
    assert [one["index"] for one in history if one["erased_by"]] == [first, second]
    size = done("stats", full, "--json").json["size"]
    read = ("--content", "--as", "clinic", "--purpose", "TREAT")
    assert run("show", full, str(first), *read).code == 2
    assert done("stats", full, "--json").json["size"] == size
    assert done("show", full, str(rest[0]), *read).out
    assert done("check", full, "--json").json["notes"] == []


def test_what_is_ordered_and_not_done_is_named_and_finished(full: Path) -> None:
    (index, *_) = entries_of(full)
    with Log.open(full) as log:
        draft = order_entries(log.reader, [Position(index)], "asked for")
        (placed,) = log.append([authors.signer(log, "hospital").entry(draft)])
        assert isinstance(placed, Appended)
    ran = done("check", full)
    assert f"erasure {placed.index}: is ordered and not done yet (1 of 1 entries)" in ran.err
    text = done("erase", full, "--pending", "--attest-as", "hospital").text
    assert text.splitlines()[0] == f"ordered at entry {placed.index}"
    assert done("check", full).err == ""
    assert done("erase", full, "--pending", "--json").json == {"orders": []}


def test_entries_of_two_records_need_two_orders(full: Path) -> None:
    (index, *_) = entries_of(full)
    ran = run("erase", full, *REASON, "--entry", str(index), "--entry", "1", "--yes")
    assert ran.complaint == "an order is about entries of one record"
