"""Where the keys of a ledger lie.

    keys/checkpoint.ed25519    signs checkpoints (C2SP type 0x01)
    keys/checkpoint.mldsa44    signs published checkpoints too (C2SP type 0x06)
    keys/statement.ed25519     the log's own statements (epochs)
    keys/governor.ed25519      the founding governor's, unless it is kept elsewhere
    keys/authors/              of authors enrolled on this machine

One key, one use. A custodian keeps the governor's and the authors' keys elsewhere; the ledger
needs the first three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.keyfiles.pem import (
    create_ed25519,
    create_ml_dsa,
    load_ed25519_file,
    load_ml_dsa_file,
)
from ledger.keyfiles.unlock import Unlock
from ledger.store.files import make_directory
from ledger.wire.checkpoint import MlDsaSigner
from ledger.wire.note import Ed25519Signer

KEYS_DIRECTORY: Final = "keys"
AUTHORS_DIRECTORY: Final = "authors"
_CHECKPOINT: Final = "checkpoint.ed25519"
_CHECKPOINT_ML_DSA: Final = "checkpoint.mldsa44"
_STATEMENT: Final = "statement.ed25519"
_GOVERNOR: Final = "governor.ed25519"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """What the log signs with."""

    checkpoint: Ed25519Signer = field(repr=False)
    checkpoint_ml_dsa: MlDsaSigner = field(repr=False)
    statement: Ed25519PrivateKey = field(repr=False)

    @property
    def vkeys(self) -> tuple[str, str]:
        """The verifier keys, Ed25519 first."""
        return str(self.checkpoint.vkey), str(self.checkpoint_ml_dsa.vkey)


def create_log_keys(directory: Path, origin: str, passphrase: bytes = b"") -> LogKeys:
    """Make keys/ with the log's own keys, all under one passphrase where one is given."""
    keys = directory / KEYS_DIRECTORY
    make_directory(keys)
    make_directory(keys / AUTHORS_DIRECTORY)
    return LogKeys(
        Ed25519Signer(origin, create_ed25519(keys / _CHECKPOINT, passphrase)),
        MlDsaSigner(origin, create_ml_dsa(keys / _CHECKPOINT_ML_DSA, passphrase)),
        create_ed25519(keys / _STATEMENT, passphrase),
    )


def load_log_keys(directory: Path, origin: str, unlock: Unlock) -> LogKeys:
    """Read the log's keys. Raises BadRequest for a wrong passphrase, LedgerFault when one is
    missing or unreadable.
    """
    keys = directory / KEYS_DIRECTORY
    return LogKeys(
        Ed25519Signer(origin, load_ed25519_file(keys / _CHECKPOINT, unlock)),
        MlDsaSigner(origin, load_ml_dsa_file(keys / _CHECKPOINT_ML_DSA, unlock)),
        load_ed25519_file(keys / _STATEMENT, unlock),
    )


def governor_key_path(directory: Path) -> Path:
    """Where the governor's key lies, if it lies with the ledger."""
    return directory / KEYS_DIRECTORY / _GOVERNOR


def create_governor_key(directory: Path, passphrase: bytes = b"") -> Ed25519PrivateKey:
    """Make the one governor's key beside the log's own."""
    return create_ed25519(governor_key_path(directory), passphrase)


def governor_key(directory: Path, unlock: Unlock) -> Ed25519PrivateKey:
    """The governor's key, where it lies with the ledger."""
    return load_ed25519_file(governor_key_path(directory), unlock)


def authors_directory(directory: Path) -> Path:
    """Where the keys of authors enrolled on this machine lie."""
    return directory / KEYS_DIRECTORY / AUTHORS_DIRECTORY
