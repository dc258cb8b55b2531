"""Text that others wrote, on a terminal: it must not write over what stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from ledger.author import Draft
from ledger.cli import authors
from ledger.cli.terminal import on_one_line
from ledger.identity import Enrol, NewKey
from ledger.log import Log
from ledger.wire import cbor
from tests.cli.console import done, run
from tests.log.governed import make_governed, new_key

EVIL: Final = "\x1b[2A\x1b[2K\x9b2Aenrol\u202enothing\rof\nFORGED\x07\u2028kind"
ACTING: Final = "\x1b\x9b\u202e\r\x07\u2028"


@pytest.mark.parametrize("field", ["reason", "machine", "labels", "purpose"])
@pytest.mark.parametrize("view", ["institution", "person"])
def test_a_timeline_shows_what_is_sealed_without_obeying_it(
    tmp_path: Path, field: str, view: str
) -> None:
    ledger = tmp_path / "ledger"
    done("init", ledger, "--origin", "log.example.org/terminal")
    done("enrol", ledger, "clinic")
    value: cbor.Value = [EVIL] if field == "labels" else EVIL
    with Log.open(ledger) as log:
        author = authors.signer(log, "clinic")
        record, opening = author.open_record()
        draft = Draft(record, b"{}", "application/json", header={field: value})
        log.append([opening, author.entry(draft)])
    words = ("--as", "clinic", "--purpose", "TREAT", "--view", view)
    ran = done("timeline", ledger, record.hex(), *words)
    assert not set(ACTING) & set(ran.text + ran.err)
    assert not any(line.strip().startswith("FORGED") for line in ran.text.splitlines())
    assert field == "purpose" or "FORGED" in ran.text


def test_a_proposers_note_does_not_write_over_what_is_approved(tmp_path: Path) -> None:
    governed = make_governed(tmp_path)
    with Log.open(governed.directory) as log:
        proposal = log.propose(Enrol("auditor", (NewKey(new_key().public_key),)), 2**50, note=EVIL)
    file, key = tmp_path / "asked", tmp_path / "key"
    file.write_bytes(proposal.encode())
    done("govern", "new-key", key)
    ran = done("govern", "approve", file, "--key", key, "-o", tmp_path / "ok")
    lines = ran.err.splitlines()
    where, *summary, until, says = lines
    assert proposal.act.log.hex() in where
    assert summary == proposal.summary
    assert until.startswith("the log takes it until ")
    assert says.startswith("the proposer says: ")
    assert not set(ACTING) & set(ran.err)


def test_a_message_quotes_without_obeying(tmp_path: Path) -> None:
    ran = run("show", tmp_path / EVIL, "0")
    assert not set(ACTING) & set(ran.err)
    assert ran.err.count("\n") == 2


@pytest.mark.parametrize("text", ["林 拓也", "全角\u3000空白", "café", "שלום", "👩‍⚕️"])
def test_words_of_every_script_stay_as_they_are(text: str) -> None:
    assert on_one_line(text) == text
