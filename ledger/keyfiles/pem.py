"""Private keys in owner-only files: PKCS #8 in PEM (RFC 5958, RFC 7468), in the clear or under a
passphrase (RFC 8018, PBES2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles.unlock import Unlock, check_owner_only
from ledger.store.files import write_new
from ledger.wire.keys import ED25519, ML_DSA_44, load_ed25519

PrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey
RESTORE: Final = "restore the key file from its backup"
_LOCKED: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def create_key(path: Path, alg: int, passphrase: bytes = b"") -> PrivateKey:
    """Make a key in a file that must not exist; an empty passphrase leaves it in the clear."""
    return (create_ed25519 if alg == ED25519 else create_ml_dsa)(path, passphrase)


def create_ed25519(path: Path, passphrase: bytes = b"") -> Ed25519PrivateKey:
    """``create_key`` for Ed25519."""
    key = Ed25519PrivateKey.generate()
    _write(path, key, passphrase)
    return key


def create_ml_dsa(path: Path, passphrase: bytes = b"") -> MLDSA44PrivateKey:
    """``create_key`` for ML-DSA-44."""
    key = MLDSA44PrivateKey.generate()
    _write(path, key, passphrase)
    return key


def load_key(path: Path, unlock: Unlock) -> PrivateKey:
    """Read an Ed25519 or ML-DSA-44 key.

    Raises BadRequest when the passphrase is missing or wrong, LedgerFault for everything else.
    """
    try:
        with path.open("rb") as file:
            check_owner_only(file.fileno(), f"key file {path.name}")
            data = file.read()
    except OSError as error:
        raise LedgerFault(
            f"key file {path.name} cannot be read: {error.strerror}", hint=RESTORE
        ) from error
    key = _unlocked(data, path, unlock) if _LOCKED in data else _parsed(data, path)
    if not isinstance(key, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise LedgerFault(f"{path.name} holds no key of Ed25519 or ML-DSA-44", hint=RESTORE)
    return key


def is_locked(path: Path) -> bool:
    """Whether a key file is under a passphrase."""
    return _LOCKED in path.read_bytes()


def load_ed25519_file(path: Path, unlock: Unlock) -> Ed25519PrivateKey:
    """Read an Ed25519 key. Raises as ``load_key``."""
    key = load_key(path, unlock)
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerFault(f"{path.name} holds no Ed25519 key", hint=RESTORE)
    return key


def load_ml_dsa_file(path: Path, unlock: Unlock) -> MLDSA44PrivateKey:
    """Read an ML-DSA-44 key. Raises as ``load_key``."""
    key = load_key(path, unlock)
    if not isinstance(key, MLDSA44PrivateKey):
        raise LedgerFault(f"{path.name} holds no ML-DSA-44 key", hint=RESTORE)
    return key


def encode_public(alg: int, public_key: bytes) -> bytes:
    """A raw public key as PEM (SubjectPublicKeyInfo)."""
    key: Ed25519PublicKey | MLDSA44PublicKey
    if alg == ED25519:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    else:
        key = MLDSA44PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def decode_public(data: bytes) -> tuple[int, bytes]:
    """Algorithm and raw key of a public key in PEM. Raises BadRequest."""
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes_raw()
        load_ed25519(raw)
        return ED25519, raw
    if isinstance(key, MLDSA44PublicKey):
        return ML_DSA_44, key.public_bytes_raw()
    raise BadRequest(
        "the key file holds no public key of Ed25519 or ML-DSA-44 in PEM form",
        hint="make one with `openssl pkey -in PRIVATE -pubout`",
    )


def _write(path: Path, key: PrivateKey, passphrase: bytes) -> None:
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))


def _parsed(data: bytes, path: Path) -> object:
    try:
        return load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LedgerFault(f"key file {path.name} holds no key in PEM form", hint=RESTORE) from error


def _unlocked(data: bytes, path: Path, unlock: Unlock) -> object:
    for passphrase in unlock.passphrases(path.name):
        try:
            return load_pem_private_key(data, password=passphrase)
        except ValueError:
            continue
        except (TypeError, UnsupportedAlgorithm) as error:
            raise LedgerFault(
                f"key file {path.name} holds no key in PEM form", hint=RESTORE
            ) from error
    raise BadRequest(
        f"the passphrase does not open key file {path.name}",
        hint="try again; if it is the right one, restore the key file from its backup",
    )
