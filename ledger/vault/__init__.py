"""The vault: content keys in files that can be overwritten, and the one door through which
content leaves.

``keys`` stores the keys, ``release`` is the door. Nothing here is in LMDB, and nothing here is
needed by a proof.
"""

from ledger.vault.keys import MasterKey, VaultKeys

__all__ = ["MasterKey", "VaultKeys"]
