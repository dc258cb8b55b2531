"""What was erased does not come back out of last month's backups, once the period is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.check import check_ledger
from ledger.keyfiles import Unlock
from ledger.layout import read_layout
from ledger.reader import open_reader
from ledger.vault.opening import open_keys, open_vault
from tests.cli.console import HOSPITAL, done, run

PERSON = f"{HOSPITAL}|POP-00261"


class Before:
    """A ledger that was backed up, then erased a person and began a new period."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.log, self.vault = ledger.with_name("log-backup"), ledger.with_name("vault-backup")
        done("backup", ledger, self.log)
        done("vault", "backup", ledger, self.vault)
        paths = read_layout(ledger).vault
        self.period_key = open_vault(paths, Unlock()).period.secret
        self.wrapped = paths.periods.read_bytes()
        entries = done("history", ledger, PERSON, "--json").json["entries"]
        self.indexes = [one["index"] for one in entries]
        why = ("--as", "hospital", "--reason", "asked for", "--attest-as", "clinic", "--yes")
        done("erase", ledger, "--record", PERSON, *why)
        done("vault", "new-period", ledger)

    def restore(self, out: str, vault: Path) -> Path:
        """With everything that the ledger still has."""
        own, place = self.ledger / "vault", self.ledger.with_name(out)
        ran = run(
            *(
                "restore",
                place,
                "--log",
                self.log,
                "--vault",
                vault,
                "--keys",
                self.ledger / "keys",
            ),
            *("--master", own / "master.key", "--periods", own / "periods"),
        )
        assert (ran.code == 0) == place.exists(), ran.err
        return place


@pytest.fixture
def before(full: Path) -> Before:
    return Before(full)


def test_the_old_vault_backup_opens_with_nothing_that_is_left(before: Before) -> None:
    assert not before.restore("restored", before.vault).exists()


def test_the_old_period_key_is_nowhere(before: Before) -> None:
    places = [before.ledger, before.log, before.vault]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    data = b"".join(path.read_bytes() for path in files)
    assert before.period_key not in data
    # The slot of the file of period keys in which it lay wrapped.
    wrapped = before.wrapped[100:164]
    assert wrapped.strip(b"\0") and wrapped not in data


def test_an_old_log_beside_a_new_vault_has_no_key_of_what_was_erased(before: Before) -> None:
    newer = before.ledger.with_name("newer-vault-backup")
    done("vault", "backup", before.ledger, newer)
    restored = before.restore("restored", newer)
    layout = read_layout(restored)
    keys = open_keys(layout.vault, open_vault(layout.vault, Unlock()))
    reader = open_reader(restored)
    try:
        size = reader.checkpoint.size
        gone = {index for index in range(size) if keys.load(index) is None}
        sealed = {i for i in range(size) if reader.entry(i).leaf.claim.blob_size}
    finally:
        reader.close()
    assert gone & sealed == set(before.indexes)
    assert {one.where for one in check_ledger(restored).problems} >= {
        f"key {index}" for index in before.indexes
    }
    read = ("--content", "--as", "clinic", "--purpose", "TREAT")
    assert run("show", restored, str(before.indexes[-1]), *read).code != 0
