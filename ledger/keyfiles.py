"""Private keys in owner-only files, PKCS #8 in PEM (RFC 5958, RFC 7468).

    keys/checkpoint.ed25519    signs checkpoints (C2SP type 0x01)
    keys/checkpoint.mldsa44    signs published checkpoints too (C2SP type 0x06)
    keys/statement.ed25519     the log's own statements (epochs)
    keys/governor.ed25519      genesis and actor entries
    keys/authors/NAME.ed25519  authors enrolled on this machine

One key, one use. A custodian keeps the governor's and the authors' keys elsewhere; the ledger
needs the first three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.errors import LedgerFault
from ledger.store.files import make_directory, write_new
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


def create_log_keys(directory: Path, origin: str) -> LogKeys:
    """Make keys/ with the log's and the governor's keys."""
    keys = directory / KEYS_DIRECTORY
    make_directory(keys)
    make_directory(keys / AUTHORS_DIRECTORY)
    for name in (_CHECKPOINT, _STATEMENT, _GOVERNOR):
        create_ed25519(keys / name)
    _write(keys / _CHECKPOINT_ML_DSA, MLDSA44PrivateKey.generate())
    return load_log_keys(directory, origin)


def load_log_keys(directory: Path, origin: str) -> LogKeys:
    """Read the log's keys. Raises LedgerFault when one is missing or unreadable."""
    keys = directory / KEYS_DIRECTORY
    ml_dsa = _load(keys / _CHECKPOINT_ML_DSA)
    if not isinstance(ml_dsa, MLDSA44PrivateKey):
        raise LedgerFault(f"{_CHECKPOINT_ML_DSA} holds no ML-DSA-44 key", hint=_RESTORE)
    return LogKeys(
        Ed25519Signer(origin, load_ed25519_file(keys / _CHECKPOINT)),
        MlDsaSigner(origin, ml_dsa),
        load_ed25519_file(keys / _STATEMENT),
    )


def governor_key_path(directory: Path) -> Path:
    """Where the governor's key lies, if it lies with the ledger."""
    return directory / KEYS_DIRECTORY / _GOVERNOR


def governor_key(directory: Path) -> Ed25519PrivateKey:
    """The governor's key, where it lies with the ledger."""
    return load_ed25519_file(governor_key_path(directory))


def author_key_path(directory: Path, name: str) -> Path:
    """Where the key of an author enrolled on this machine lies."""
    return directory / KEYS_DIRECTORY / AUTHORS_DIRECTORY / f"{name}.ed25519"


def create_ed25519(path: Path) -> Ed25519PrivateKey:
    """Make a key in a file that must not exist."""
    key = Ed25519PrivateKey.generate()
    _write(path, key)
    return key


def load_ed25519_file(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 key. Raises LedgerFault."""
    key = _load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerFault(f"{path.name} holds no Ed25519 key", hint=_RESTORE)
    return key


_RESTORE: Final = "restore the key file from its backup"


def _write(path: Path, key: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _load(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise LedgerFault(
            f"key file {path.name} cannot be read: {error.strerror}", hint=_RESTORE
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LedgerFault(
            f"key file {path.name} holds no key in PEM form", hint=_RESTORE
        ) from error
