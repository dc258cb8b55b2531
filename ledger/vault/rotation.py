"""Rotation: all remaining slots under the key of a new period, then the old key is destroyed.

    1. keys/<new>/      slots decrypted and encrypted again, each file synced; the tag key wrapped
    2. the journal      says that the new period replaces the old
    3. periods          the new key counts: one write of one slot
    4. clearing away    the old key overwritten, then the old slots; the journal says so

Killed before step 3, the next opening discards what was made; killed after it, the next opening
finishes step 4 (``opening.clear_leftovers``). A destroyed key's slot is zeros in both periods.
"""

from __future__ import annotations

from ledger.vault.keys import Progress, VaultKeys
from ledger.vault.opening import (
    Note,
    Secrets,
    VaultPaths,
    clear_leftovers,
    create_period,
    switch_period,
)
from ledger.vault.period import PeriodKey


def new_period(
    paths: VaultPaths, secrets: Secrets, note: Note, progress: Progress = lambda *_: None
) -> PeriodKey:
    """Rotate. The caller is the vault's one writer and has it opened, leftovers cleared away.

    OSError from the disk goes to the caller: then one of the two periods counts, and is whole.
    """
    old = secrets.period
    new = PeriodKey.new(old.log, old.number + 1)
    create_period(paths, new, secrets.tags)
    fresh = VaultKeys(paths.keys, new)
    try:
        VaultKeys(paths.keys, old).copy_to(fresh, progress)
    finally:
        fresh.close()
    note({"period": new.number, "replaces": old.number})
    switch_period(paths, new, secrets.master)
    clear_leftovers(paths, note)
    return new
