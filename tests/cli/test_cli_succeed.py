"""counterfoil succeed: what it asks for, and where the new keys lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.console import HOSPITAL, done, run

SECOND = "log.example.net/second"
PERSON = f"{HOSPITAL}|POP-00261"


@pytest.fixture
def new(full: Path) -> Path:
    return full.with_name("new")


def test_new_keys_lie_under_a_passphrase(full: Path, new: Path) -> None:
    secret = full.with_name("secret")
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    unlock = ("--passphrase-file", secret)
    done("succeed", full, new, "--origin", SECOND, "--passphrase", *unlock)
    for name in ("checkpoint.ed25519", "checkpoint.mldsa44", "statement.ed25519"):
        assert b"ENCRYPTED" in (new / "keys" / name).read_bytes()
    words = ("--as", "hospital", "--type", "text/plain", "--record", PERSON)
    assert run("append", new, secret, *words).code == 2
    done("append", new, secret, *words, *unlock)
    done("check", new, *unlock)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "holds no proposals of a succession"),
        (("--origin", "ITS OWN"), "already used"),
        (("--origin", "a b"), "a space"),
    ],
)
def test_what_is_wrong_changes_nothing(
    full: Path, new: Path, words: tuple[str, ...], message: str
) -> None:
    before = (full / "ledger.json").read_bytes()
    own = str(json.loads(before)["origin"])
    ran = run("succeed", full, new, *(own if one == "ITS OWN" else one for one in words))
    assert ran.code == 2
    assert message in ran.complaint
    assert (full / "ledger.json").read_bytes() == before
    assert not new.exists()
    assert not new.with_name("new.succession").exists()


def test_a_log_is_taken_over_once(full: Path, new: Path) -> None:
    done("succeed", full, new, "--origin", SECOND)
    ran = run("succeed", full, new.with_name("other"), "--origin", "log.example.net/other")
    assert (ran.code, SECOND in ran.complaint) == (2, True)


def test_the_vault_of_the_log_that_ended_begins_a_new_period(full: Path, new: Path) -> None:
    """Or its old backups would open for ever what was erased since."""
    done("succeed", full, new, "--origin", SECOND)
    assert "period 2 has begun" in done("vault", "new-period", full).text
    assert (
        run("append", full, full / "ledger.json", "--as", "hospital", "--record", PERSON).code == 2
    )
    read = ("--content", "--as", "hospital", "--purpose", "TREAT")
    entries = done("history", new, PERSON, "--json").json["entries"]
    record = next(one for one in entries if one["kind"] == "record")
    assert done("show", new, f"{record['index']}~1", *read).out
    done("check", new)
