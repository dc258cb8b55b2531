"""What a custodian makes of the verifier's report: what is missing or odd there is not checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.custody import audited
from ledger.custody.audited import Source
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault

REPORT: dict[str, Any] = {
    "verdict": "verified",
    "whole": True,
    "log": "example.org/log",
    "size": 9,
    "root": "07" * 32,
    "checkpoint": "the note",
    "newest_ms": 5,
    "epoch": {"index": 8, "covered": 8, "received_ms": 4},
    "custodian_keys": ["aa" * 32],
    "custodians": ["one"],
}
PROGRAM = """\
import json, sys
json.dump(sys.argv[1:], open({seen!r}, "w"))
sys.stderr.write("not verified: chain at leaf 7\\n  expected this\\n")
sys.stdout.write({out!r})
sys.exit({code})
"""


class Verifier:
    """A program in its place."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self._seen, self._patch = place / "seen", patch

    def says(self, out: object, code: int = 0) -> None:
        text = out if isinstance(out, str) else json.dumps(out)
        program = PROGRAM.format(seen=str(self._seen), out=text, code=code)
        self._patch.setattr(audited, "VERIFIER", (sys.executable, "-c", program))

    @property
    def words(self) -> list[str]:
        words: list[str] = json.loads(self._seen.read_text())
        return words


@pytest.fixture
def verifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verifier:
    return Verifier(tmp_path, monkeypatch)


def test_a_report(verifier: Verifier, tmp_path: Path) -> None:
    verifier.says(REPORT)
    source = Source("log", "policy", ("old",), tmp_path / "token", tmp_path / "state")
    found = source.audit()
    assert (found.checkpoint.origin, found.checkpoint.size) == ("example.org/log", 9)
    assert (found.note, found.newest_ms) == (b"the note", 5)
    assert (found.epoch_upto, found.epoch_ms) == (8, 4)
    assert sorted(found.custodians) == [bytes([0xAA] * 32)]
    assert sorted(found.signed) == ["one"]
    words = verifier.words
    assert words[:2] == ["log", "log"]
    options = [words[at : at + 2] for at in range(2, len(words) - 1, 2)]
    assert ["--predecessor", "old"] in options
    assert ["--bearer-file", str(tmp_path / "token")] in options
    assert ["--state", str(tmp_path / "state")] in options
    assert words[-1] == "--json"
    source.check_continues(b"before", found)
    assert verifier.words[0] == "consistency"
    assert verifier.words[3:5] == ["--source", "log"]


@pytest.mark.parametrize(
    ("out", "code", "error", "match"),
    [
        (REPORT, 1, BadEvidence, "the log is false: not verified: chain at leaf 7; expected this"),
        (REPORT, 2, BadRequest, "gave no verdict"),
        (REPORT, 3, BadRequest, "gave no verdict"),
        (REPORT, -9, BadRequest, "gave no verdict"),
        ("", 0, LedgerFault, "not as this version expects"),
        ("[", 0, LedgerFault, "not as this version expects"),
        (REPORT | {"verdict": "false"}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"whole": False}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"epoch": None}, 0, BadRequest, "the log has no epoch yet"),
        (REPORT | {"size": "9"}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"size": True}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"newest_ms": -1}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"root": "x"}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"epoch": {}}, 0, LedgerFault, "not as this version expects"),
        (REPORT | {"custodian_keys": None}, 0, LedgerFault, "not as this version expects"),
        *(
            ({name: REPORT[name] for name in REPORT if name != left}, 0, CounterfoilError, ".")
            for left in REPORT
        ),
    ],
)
def test_what_is_no_verdict(
    verifier: Verifier, out: object, code: int, error: type[CounterfoilError], match: str
) -> None:
    verifier.says(out, code)
    with pytest.raises(error, match=match):
        Source("log", "policy").audit()
