"""The operator's own machine: an old copy of the log, of the guard, of a custodian's notes.

Told with a real ledger and its commands; nobody needs a key for it but those on the disk.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ledger.cli.tamper import copy_ledger, flip_store
from tests.cli.console import DATA, done
from tests.forger.book import Book, Caught, Refused, Teller
from tests.forger.hand import Hand

BOOK = Book(Teller.DISK)
ORIGIN = "records.example.org/log"


def founded(hand: Hand) -> Path:
    """A ledger with an institution, published and exported, and the policy for it."""
    place = hand.place
    ledger = place / "ledger"
    vkeys = done("init", ledger, "--origin", ORIGIN).text.split()
    done("enrol", ledger, "hospital")
    hand.keep("policy", "".join(f"log {vkey}\n" for vkey in vkeys).encode())
    return ledger


def filled(ledger: Path, file: str, name: str = "hospital") -> None:
    done("import", ledger, DATA / file, "--as", name, "--create")
    done("checkpoint", ledger)


def put_back(copy: Path, ledger: Path) -> None:
    shutil.rmtree(ledger)
    shutil.copytree(copy, ledger)


@BOOK.lie(
    "A backup of the log is put back, and the log is to go on from it",
    Refused("counterfoil enrol ledger clinic", "it is an old copy, or lost its newest entries", 3),
)
def old_copy(hand: Hand) -> None:
    ledger = founded(hand)
    shutil.copytree(ledger, hand.place / "backup")
    filled(ledger, "hospital_a.ndjson")
    put_back(hand.place / "backup", ledger)


@BOOK.lie(
    "A backup is put back together with its guard, and the log goes on",
    Caught("compare mine.checkpoint export --source export", "split view"),
    Caught("watch export --state seen --once", "split view"),
)
def old_copy_and_guard(hand: Hand) -> None:
    """Nothing on the machine can know: somebody outside must have seen the newer state."""
    ledger = founded(hand)
    guard = ledger.with_name("ledger.guard")
    shutil.copytree(ledger, hand.place / "backup")
    shutil.copyfile(guard, hand.place / "backup.guard")
    filled(ledger, "hospital_a.ndjson")
    done("export-tiles", ledger, hand.place / "watched", "--with-entries")
    hand.keep("mine.checkpoint", (hand.place / "watched/checkpoint").read_bytes())
    hand.look("watched")
    put_back(hand.place / "backup", ledger)
    shutil.copyfile(hand.place / "backup.guard", guard)
    filled(ledger, "hospital_a.ndjson")
    filled(ledger, "clinic_b.ndjson")
    done("export-tiles", ledger, hand.place / "export", "--with-entries")


@BOOK.lie(
    "A byte of an entry is changed in the store",
    Refused("counterfoil check changed", "restore from a backup or a mirror", 1),
)
def store_changed(hand: Hand) -> None:
    ledger = founded(hand)
    filled(ledger, "hospital_a.ndjson")
    copy_ledger(ledger, hand.place / "changed")
    flip_store(hand.place / "changed", 4)


@BOOK.lie(
    "A custodian is to sign a fork, after its notes were put back to an old copy",
    Refused(
        "counterfoil cosign export --key custodian/custodian.ed25519 --name custodian.example.net"
        " --policy policy --state notes -o again",
        "the notes are stale",
    ),
)
def old_notes(hand: Hand) -> None:
    ledger, place = founded(hand), hand.place
    done("custodian-keys", place / "custodian", "--name", "custodian.example.net")
    public, lines = place / "custodian/statement.pub", place / "custodian/cosigning"
    named: list[str | Path] = ["--public-key", public, "--cosigning", lines]
    done("enrol", ledger, "prefecture", "--role", "custodian", *named)
    done("checkpoint", ledger)
    signed(hand, ledger, "--begin")
    shutil.copytree(place / "notes", place / "old-notes")
    filled(ledger, "hospital_a.ndjson")
    signed(hand, ledger)
    put_back(place / "old-notes", place / "notes")


def signed(hand: Hand, ledger: Path, *more: str) -> None:
    """The custodian's line on the newest checkpoint, in the export."""
    place = hand.place
    done("export-tiles", ledger, place / "export", "--with-entries")
    key, line = place / "custodian/custodian.ed25519", place / "line"
    named: list[str | Path] = ["--key", key, "--name", "custodian.example.net", "-o", line]
    notes: list[str | Path] = ["--policy", place / "policy", "--state", place / "notes"]
    done("cosign", place / "export", *named, *notes, *more)
    done("checkpoint", ledger, "--cosignature", line)
    done("export-tiles", ledger, place / "export", "--with-entries")
