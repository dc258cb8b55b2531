"""A ledger's directory, and the small file that says that it is one.

ledger.json    format, origin, where the guard is, and the logs before and after in the line
lock           held by the writing process
log/           LMDB
payloads/      sealed payloads
heads/ tags/   sorted runs
vault/         content keys and what they are encrypted under
keys/          signing keys
../NAME.guard  the guard, outside, unless `init --guard` names another place
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles.unlock import Unlock
from ledger.store.files import replace, write_new
from ledger.vault.opening import VaultPaths

FORMAT: Final = "counterfoil ledger 1"
_FILE: Final = "ledger.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of one ledger are, and what opens its key files."""

    directory: Path
    origin: str
    guard: Path
    predecessor: Path | None = None
    """The ledger that this one took over from (docs/spec/succession.md)."""
    successor: str = ""
    """Origin of the log that took over from this one; nothing is appended any more."""
    unlock: Unlock = field(default_factory=Unlock)
    succession: str = ""
    """Digest of the new governors' proposal by which it did: no other draft is finished."""

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def vault(self) -> VaultPaths:
        return VaultPaths(self.directory / "vault")

    @property
    def releases(self) -> Path:
        return self.vault.journal


def check_free(directory: Path, guard: Path | None) -> Path:
    """Whether a ledger can be made here; returns where its guard goes. Raises BadRequest."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BadRequest(f"{directory.name} is not an empty directory", hint="name a new directory")
    if not directory.absolute().parent.is_dir():
        raise BadRequest(f"there is no directory to make {directory.name} in", hint="make it first")
    guard = guard or directory.with_name(directory.name + ".guard")
    if guard.exists():
        raise BadRequest(
            f"the guard file {guard.name} exists already: a ledger was here",
            hint="restore that ledger, or remove its guard if you are certain that it is gone",
        )
    return guard


def write_layout(
    building: Path, directory: Path, origin: str, guard: Path, predecessor: Path | None = None
) -> Layout:
    """Write ledger.json into ``building``, which will be renamed to ``directory``."""
    document = {"format": FORMAT, "origin": origin, "guard": _relative(guard, directory)}
    if predecessor is not None:
        document["predecessor"] = _relative(predecessor, directory)
    write_new(building / _FILE, _encode(document))
    return Layout(building, origin, guard, predecessor)


def relocated(layout: Layout, directory: Path, guard: Path) -> bytes:
    """The ledger.json of the same ledger in another directory."""
    document = {"format": FORMAT, "origin": layout.origin, "guard": _relative(guard, directory)}
    if layout.predecessor is not None:
        document["predecessor"] = _relative(layout.predecessor, directory)
    if layout.successor:
        document |= {"successor": layout.successor, "succession": layout.succession}
    return _encode(document)


def write_successor(layout: Layout, origin: str, succession: str) -> None:
    """Say in a ledger's ledger.json which log took over from it, and by which draft."""
    path = layout.directory / _FILE
    mark = {"successor": origin, "succession": succession}
    replace(path, _encode({**json.loads(path.read_bytes()), **mark}))


def _relative(path: Path, directory: Path) -> str:
    return os.path.relpath(path.absolute(), directory.absolute())


def _encode(document: dict[str, str]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def read_layout(directory: Path, unlock: Unlock | None = None) -> Layout:
    """Read ledger.json. Raises BadRequest when the directory is no ledger."""
    try:
        document = json.loads((directory / _FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadRequest(
            f"{directory.name} is not a ledger: it has no {_FILE}",
            hint="make one with `counterfoil init DIR --origin NAME`",
        ) from error
    except OSError as error:
        raise LedgerFault(f"{_FILE} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LedgerFault(f"{_FILE} is damaged", hint="restore it from a backup") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise LedgerFault(f"{_FILE} is of another format than {FORMAT!r}")
    names = ("origin", "guard", "predecessor", "successor", "succession")
    texts = [document.get(name, "") for name in names]
    if not all(isinstance(text, str) for text in texts) or not all(texts[:2]):
        raise LedgerFault(f"{_FILE} is damaged", hint="restore it from a backup")
    origin, guard, predecessor, successor, succession = texts
    return Layout(
        directory,
        origin,
        _beside(directory, guard),
        _beside(directory, predecessor) if predecessor else None,
        successor,
        unlock or Unlock(),
        succession,
    )


def check_line(layout: Layout) -> None:
    """Whether the ledgers before this one end somewhere. Raises LedgerFault, and BadRequest where
    one of them is not there.
    """
    seen = {layout.directory.resolve()}
    while layout.predecessor is not None:
        layout = read_layout(layout.predecessor, layout.unlock)
        if layout.directory.resolve() in seen:
            raise LedgerFault(
                f"{_FILE} names a ledger that comes after it as the one before it",
                hint="restore it from a backup",
            )
        seen.add(layout.directory.resolve())


def _beside(directory: Path, relative: str) -> Path:
    return Path(os.path.normpath(directory / relative))
