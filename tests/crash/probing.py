"""What runs in a child of the fork server on a ledger in which one bit was flipped.

A damaged page may make LMDB end the process, so a child judges many flips and writes down each
verdict; when it dies, the next child goes on behind the flip that killed it.
"""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Final

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.check import check_ledger
from ledger.errors import CounterfoilError
from ledger.layout import read_layout
from ledger.log import Log
from ledger.store.guard import Guard
from tests.crash.checking import dump
from tests.crash.ledgers import small_ledgers

REFUSED: Final = "refused to open"
REPORTED: Final = "reported by check"
UNREAD: Final = "unread"
DIED: Final = "LMDB ended it"
SILENT: Final = "SILENT"
UNCLEAN: Final = "UNCLEAN"
SECONDS: Final = 20


def judge_all(pristine: str, work: str, flips: str, verdicts: str, start: int) -> None:
    """Judge the flips from number ``start`` on, one line a verdict."""
    small_ledgers(pytest.MonkeyPatch())
    source, target = Path(pristine), Path(work)
    target.mkdir(exist_ok=True)
    fresh(source, target)
    expected = meaning(target / "ledger")
    with open(verdicts, "a", buffering=1) as file:
        for name, offset, bit in json.loads(Path(flips).read_text())[start:]:
            signal.alarm(SECONDS)
            fresh(source, target)
            flip(target / name, offset, bit)
            file.write(json.dumps(judge(target / "ledger", expected)) + "\n")


def check_only(directory: str) -> None:
    """Fails when the check finds nothing wrong."""
    small_ledgers(pytest.MonkeyPatch())
    assert check_ledger(Path(directory)).problems


def fresh(source: Path, target: Path) -> None:
    """Make the work copy like the pristine one again."""
    shutil.rmtree(target)
    shutil.copytree(source, target)


def flip(path: Path, offset: int, bit: int) -> None:
    """Flip one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def judge(directory: Path, expected: dict[str, str]) -> tuple[str, str]:
    """The verdict on a ledger that may be damaged, and what was said."""
    said: list[str] = []
    try:
        said = [f"{one.where}: {one.what}" for one in check_ledger(directory).problems]
    except CounterfoilError as error:
        said = [error.message]
    except Exception as error:
        return UNCLEAN, f"check: {type(error).__name__}: {error}"
    try:
        found = meaning(directory)
    except CounterfoilError as error:
        return REFUSED, error.message if said else f"check found nothing; {error.message}"
    except Exception as error:
        return UNCLEAN, f"open: {type(error).__name__}: {error}"
    if said:
        return REPORTED, said[0]
    different = sorted(part for part in expected if found.get(part) != expected[part])
    return (SILENT, " ".join(different)) if different else (UNREAD, "")


def meaning(directory: Path) -> dict[str, str]:
    """Everything that the ledger's files say to somebody who opens it."""
    with Log.open(directory) as log:
        parts = dump(log.reader.store, log.vault.keys)
        parts["tag secret"] = log.vault.tag(b"probe").hex()
    layout = read_layout(directory)
    parts["layout"] = f"{layout.origin} {layout.guard.name}"
    guard = Guard(layout.guard)
    parts["guard"] = guard.checkpoint.hex()
    guard.close()
    parts["journal"] = layout.releases.read_bytes().hex()
    for path in sorted((directory / "keys").iterdir()):
        if path.is_file():
            parts[path.name] = secret_in(path)
    return parts


def secret_in(path: Path) -> str:
    """The key in a file, however it is written there."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        return str(error)
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()
