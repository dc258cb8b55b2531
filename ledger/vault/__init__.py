"""The vault: content keys in files that can be overwritten, and the one door for content.

``keys`` stores the keys, ``door`` is the door, ``journal`` its log. Nothing here is in LMDB, and
no proof needs it.
"""

from ledger.vault.keys import MasterKey, VaultKeys

__all__ = ["MasterKey", "VaultKeys"]
