"""Opening a vault: from its files to the keys, and making a new one.

Nothing is written by looking. What a crash left behind (``leftovers``) is cleared away by the
writer, once it is certain that this vault is the log's own and newest (``ledger.recovery``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ledger.errors import LedgerFault
from ledger.keyfiles.unlock import Unlock
from ledger.store.files import make_directory, sync_directory, wipe, write_new
from ledger.vault import periods
from ledger.vault.keys import VaultKeys
from ledger.vault.master import (
    MasterKey,
    NewMaster,
    load_master,
    master_id,
    new_file_master,
    new_passphrase_master,
)
from ledger.vault.period import Description, PeriodKey, TagKey, period_directory
from ledger.wire.ids import Hash

Note: TypeAlias = Callable[[dict[str, int | str]], None]
"""Takes a line of the journal."""
_CONTEXT: Final = b"counterfoil/vault/period/v1"


@dataclass(frozen=True, slots=True)
class VaultPaths:
    """Where the parts of a vault are."""

    directory: Path

    @property
    def master(self) -> Path:
        return self.directory / "master.key"

    @property
    def next_master(self) -> Path:
        """A master key that is about to take over."""
        return self.directory / "master.next"

    @property
    def periods(self) -> Path:
        return self.directory / "periods"

    @property
    def keys(self) -> Path:
        return self.directory / "keys"

    @property
    def journal(self) -> Path:
        return self.directory / "releases.log"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What an open vault knows. Never printed."""

    period: PeriodKey
    tags: TagKey
    master: MasterKey = field(repr=False)

    def check_log(self, log: Hash) -> None:
        """Raises LedgerFault when this is the vault of another log."""
        if self.period.log != log:
            raise LedgerFault(
                "this is the vault of another log", hint="restore the vault of this log"
            )


def create_vault(
    directory: Path, log: Hash, passphrase: bytes = b"", tags: TagKey | None = None
) -> Secrets:
    """Make the vault of a new log, in a directory that must not exist: the first period, and a
    master key in a file, under the passphrase if there is one. ``tags`` is the predecessor's tag
    key, so that what came into that log is known in this one.
    """
    paths = VaultPaths(directory)
    make_directory(directory)
    make_directory(paths.keys)
    master = new_passphrase_master(passphrase) if passphrase else new_file_master()
    period, tags = PeriodKey.new(log, 1), tags or TagKey(os.urandom(32))
    create_period(paths, period, tags)
    write_new(paths.master, master.document)
    _create_periods(paths, period, master.key)
    return Secrets(period, tags, master.key)


def create_period(paths: VaultPaths, period: PeriodKey, tags: TagKey) -> Path:
    """Make the directory of a period, with no slots yet."""
    directory = period_directory(paths.keys, period.number)
    make_directory(directory)
    Description.of(period, tags).write(directory)
    sync_directory(paths.keys)
    return directory


def open_vault(paths: VaultPaths, unlock: Unlock | None = None) -> Secrets:
    """The secrets of a vault. Writes nothing.

    Raises LedgerFault when something is missing, damaged or does not belong together, BadRequest
    for a wrong passphrase or PIN.
    """
    wrapped = periods.read_period(paths.periods)
    master = load_master(_master_path(paths, wrapped.master), unlock or Unlock())
    if master.id != wrapped.master:
        raise LedgerFault(
            "this is another master key than the vault's",
            hint=f"restore the right one, or {periods.LOST}",
        )
    secret = master.unwrap(wrapped.wrapped, _context(wrapped.log, wrapped.number))
    directory = period_directory(paths.keys, wrapped.number)
    if not directory.is_dir():
        raise LedgerFault(
            f"the vault has the key of period {wrapped.number}, but not its slots",
            hint="restore the vault's keys of that period, or its newer file of period keys",
        )
    description = Description.read(directory)
    if description.log != wrapped.log:
        raise LedgerFault(
            "the vault's keys are those of another log", hint="restore the vault of this log"
        )
    period = description.opened_by(secret)
    if period is None:
        raise LedgerFault(
            "the vault's keys and its file of period keys do not belong together",
            hint="restore both of the same time",
        )
    return Secrets(period, period.unwrap_tags(description.tags), master)


def open_keys(paths: VaultPaths, secrets: Secrets) -> VaultKeys:
    """The slots of the period that counts."""
    return VaultKeys(paths.keys, secrets.period)


def switch_period(paths: VaultPaths, period: PeriodKey, master: MasterKey) -> None:
    """Let a period count from here on. The key of the one before is still there."""
    wrapped = master.wrap(period.secret, _context(period.log, period.number))
    periods.switch(paths.periods, period.number, period.log, master.id, wrapped)


def renew_master(paths: VaultPaths, secrets: Secrets, new: NewMaster) -> None:
    """Wrap the period key under a new master key, and destroy the one before.

    The file of period keys names the master key that counts, so a crash leaves one of the two.
    """
    wipe(paths.next_master)
    write_new(paths.next_master, new.document)
    switch_period(paths, secrets.period, new.key)
    periods.forget_others(paths.periods)
    _settle_master(paths)


def recover_master(paths: VaultPaths, period: PeriodKey, new: NewMaster) -> None:
    """Keep a period key that came from elsewhere under a new master key. Keys and file of period
    keys that lay here before are destroyed; the slots are left to the next opening.
    """
    wipe(paths.next_master)
    wipe(paths.periods)
    write_new(paths.next_master, new.document)
    _create_periods(paths, period, new.key)
    _settle_master(paths)


def _create_periods(paths: VaultPaths, period: PeriodKey, master: MasterKey) -> None:
    wrapped = master.wrap(period.secret, _context(period.log, period.number))
    periods.create(paths.periods, period.number, period.log, master.id, wrapped)


def _context(log: Hash, number: int) -> bytes:
    return _CONTEXT + log + number.to_bytes(8, "big")


def descriptions(keys: Path) -> list[Description]:
    """Of all periods that have slots here, newest first; damaged ones are left out."""
    found = []
    for path in sorted(keys.glob("[0-9]*"), reverse=True):
        with suppress(LedgerFault):
            found.append(Description.read(path))
    return found


def _master_path(paths: VaultPaths, wanted: bytes) -> Path:
    """The file of the master key that counts: a crash may have left two."""
    for path in (paths.master, paths.next_master):
        # Half of a new one may lie there.
        with suppress(LedgerFault):
            if master_id(path) == wanted:
                return path
    return paths.master


def leftovers(paths: VaultPaths) -> list[Path]:
    """Directories of periods that do not count: one that was never finished, or is replaced."""
    current = period_directory(paths.keys, periods.read_period(paths.periods).number)
    return sorted(
        path for path in paths.keys.iterdir() if path != current and path.name.isdecimal()
    )


def _wipe_directory(path: Path) -> None:
    for inner in sorted(path.iterdir()):
        wipe(inner)
    path.rmdir()
    sync_directory(path.parent)


def clear_leftovers(paths: VaultPaths, note: Note = lambda _: None) -> None:
    """Finish or discard what a crash cut short; ``note`` is told of each period that has gone.

    First the key that does not count is overwritten, so that nothing can be opened of what follows.
    """
    current = periods.read_period(paths.periods)
    periods.forget_others(paths.periods)
    for path in leftovers(paths):
        number = int(path.name)
        _wipe_directory(path)
        note({"period": number, "destroyed" if number < current.number else "discarded": "all"})
    _settle_master(paths)


def _settle_master(paths: VaultPaths) -> None:
    """One master key is left: the one that the file of period keys names."""
    current = periods.read_period(paths.periods)
    if _master_path(paths, current.master) == paths.next_master:
        wipe(paths.master)
        os.replace(paths.next_master, paths.master)
        sync_directory(paths.directory)
    wipe(paths.next_master)
