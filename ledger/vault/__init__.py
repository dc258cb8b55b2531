"""The vault: content keys in files that can be overwritten, and the one door for content.

    keys      the slots of a period          door      the one door for content
    period    what encrypts them             journal   its log
    periods   the period key, wrapped        opening   from files to keys
    master    what it is wrapped under       wiping    overwriting before removing

Nothing here is in LMDB, and no proof needs it.
"""

from ledger.vault.keys import VaultKeys
from ledger.vault.opening import VaultPaths, open_vault

__all__ = ["VaultKeys", "VaultPaths", "open_vault"]
