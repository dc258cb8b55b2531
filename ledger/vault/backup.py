"""Backup of the vault, apart from the log's: slots, wrapped tag key, journal, and a manifest.

    manifest.json           {"format": …, "log": hex, "origin": …, "size": n, "period": n,
                             "test": hex, "files": {"keys/00000001/…": {"size": n, "sha256": hex}}}
    keys/<period>/          as in the vault, slots of leaves [0, size)
    releases.log            the journal, whole lines

No period key and no master key: who has it and not the shares has nothing. It may be made beside
a writer: keys are durable before the log commits, so the slots below a size that the log has are
all there; and a new period is noticed, since it counts before the old slots are overwritten.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from ledger.errors import BadRequest, LedgerFault
from ledger.store.files import (
    check_plain,
    copy_part,
    make_directory,
    sync_directory,
    write_new,
)
from ledger.vault.keys import slot_files
from ledger.vault.opening import VaultPaths
from ledger.vault.period import DESCRIPTION, Description, period_directory
from ledger.vault.periods import read_period
from ledger.wire.ids import Hash

MANIFEST: Final = "manifest.json"
_FORMAT: Final = "counterfoil vault backup 1"
_ANOTHER: Final = "take another backup"
_NAME: Final = re.compile(r"keys/[0-9]{8}/([0-9]{8}\.keys|period\.json)|releases\.log")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. ``files`` gives size and SHA-256 of each."""

    log: Hash
    origin: str
    size: int
    period: int
    test: bytes
    files: Mapping[str, tuple[int, str]]

    def encode(self) -> bytes:
        files = {name: {"size": size, "sha256": sha} for name, (size, sha) in self.files.items()}
        document = {
            "format": _FORMAT,
            "log": self.log.hex(),
            "origin": self.origin,
            "size": self.size,
            "period": self.period,
            "test": self.test.hex(),
            "files": files,
        }
        return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises BadRequest when the directory is no backup of a vault, LedgerFault when it is
        damaged.
        """
        try:
            document = json.loads((directory / MANIFEST).read_bytes())
            if document["format"] != _FORMAT:
                raise ValueError(document["format"])
            return cls(
                Hash(bytes.fromhex(document["log"])),
                str(document["origin"]),
                int(document["size"]),
                int(document["period"]),
                bytes.fromhex(document["test"]),
                {
                    _own_name(name): (row["size"], row["sha256"])
                    for name, row in document["files"].items()
                },
            )
        except OSError as error:
            raise BadRequest(
                f"{directory.name} is no backup of a vault: it has no {MANIFEST}",
                hint="make one with `counterfoil vault backup DIR OUT`",
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LedgerFault(f"{directory.name}/{MANIFEST} is damaged", hint=_ANOTHER) from error

    def check_files(self, directory: Path) -> None:
        """Whether every file is what was backed up. Raises LedgerFault."""
        check_plain(directory)
        for name, (size, digest) in self.files.items():
            path = directory / name
            try:
                whole = path.stat().st_size == size
                with path.open("rb") as file:
                    whole = whole and _digest_of(file.fileno()) == digest
            except OSError as error:
                raise LedgerFault(
                    f"{directory.name}/{name} cannot be read: {error.strerror}", hint=_ANOTHER
                ) from error
            if not whole:
                raise LedgerFault(f"{directory.name}/{name} is damaged", hint=_ANOTHER)

    def description(self, directory: Path) -> Description:
        """The period of the slots. Raises LedgerFault when it is not the manifest's."""
        found = Description.read(period_directory(directory / "keys", self.period))
        if (found.log, found.number, found.test) != (self.log, self.period, self.test):
            raise LedgerFault(f"{directory.name}/{MANIFEST} is of other keys", hint=_ANOTHER)
        return found


def _own_name(name: str) -> str:
    """A file that a backup may hold: it is copied to this place. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return name


def _digest_of(handle: int) -> str:
    digest = sha256()
    at = 0
    while piece := os.pread(handle, 1 << 20, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


def check_new(out: Path) -> None:
    """Raises BadRequest unless a directory can be made under this name."""
    if out.exists():
        raise BadRequest(f"{out.name} is there already", hint="name a new directory")
    if not out.absolute().parent.is_dir():
        raise BadRequest(f"there is no directory to make {out.name} in", hint="make it first")


def back_up_vault(paths: VaultPaths, out: Path, log: Hash, origin: str, size: int) -> Manifest:
    """Copy the vault of a log that has ``size`` leaves into a new directory.

    Raises BadRequest when it cannot be made there, LedgerFault when the vault is another log's or
    a new period began meanwhile.
    """
    check_new(out)
    number = read_period(paths.periods).number
    source = period_directory(paths.keys, number)
    description = Description.read(source)
    if description.log != log:
        raise LedgerFault("this is the vault of another log", hint="restore the vault of this log")
    building = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, building, ignore_errors=True)
        files = _copy(paths, source, building, size)
        if read_period(paths.periods).number != number:
            raise LedgerFault("a new period began while its keys were copied", hint="run it again")
        manifest = Manifest(log, origin, size, number, description.test, files)
        write_new(building / MANIFEST, manifest.encode())
        os.rename(building, out)
        undo.pop_all()
    sync_directory(out.absolute().parent)
    return manifest


def _copy(paths: VaultPaths, source: Path, building: Path, size: int) -> dict[str, tuple[int, str]]:
    make_directory(building)
    make_directory(building / "keys")
    make_directory(building / "keys" / source.name)
    parts = [
        (path, end, f"keys/{source.name}/{path.name}") for path, end in slot_files(source, size)
    ]
    description = source / DESCRIPTION
    parts.append((description, description.stat().st_size, f"keys/{source.name}/{DESCRIPTION}"))
    if paths.journal.exists():
        parts.append((paths.journal, _whole_lines(paths.journal), paths.journal.name))
    files = {}
    for path, end, name in parts:
        files[name] = (end, copy_part(path, building / name, end))
    sync_directory(building / "keys" / source.name)
    return files


def _whole_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1
