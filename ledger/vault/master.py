"""Master key: what the period key is wrapped under. ``vault/master.key`` says where it is.

    {"format": "counterfoil master key 1", "kind": "file", "id": hex, "key": hex}

    {"format": …, "kind": "passphrase", "id": hex, "n": 131072, "r": 8, "p": 1, "salt": hex,
     "sealed": hex}       nonce ‖ AES-256-GCM(key) under scrypt(passphrase); associated data: the id

    {"format": …, "kind": "token", "id": hex, "library": path, "token": label, "label": label}
                          an AES key that never leaves a PKCS #11 token

All three wrap alike: nonce (12) ‖ AES-256-GCM(period key), the context as associated data. The id
is random; ``periods`` names the master key by it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles.pkcs11_session import open_session
from ledger.keyfiles.unlock import Unlock
from ledger.vault.periods import LOST, MASTER_ID_SIZE

FORMAT: Final = "counterfoil master key 1"
NONCE: Final = 12
SCRYPT_N: Final = 1 << 17
"""128 MiB and about half a second for each guess."""
_SCRYPT_MOST: Final = 1 << 22
_SIZE: Final = 32
WRONG: Final = "the vault's period key is not wrapped under this master key"
RIGHT_ONE: Final = f"restore the right one, or {LOST}"


class MasterKey(Protocol):
    """Wraps period keys."""

    @property
    def id(self) -> bytes:
        """16 bytes by which ``periods`` names it."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """The secret, encrypted and bound to a context."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The secret. Raises LedgerFault when key or context are other ones."""


@dataclass(frozen=True, slots=True)
class SoftMaster:
    """A master key in this process' memory. Never printed."""

    id: bytes
    _key: bytes = field(repr=False)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self._key).encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return AESGCM(self._key).decrypt(wrapped[:NONCE], wrapped[NONCE:], context)
        except (InvalidTag, ValueError) as error:
            raise LedgerFault(WRONG, hint=RIGHT_ONE) from error


class AesSession(Protocol):
    """What is asked of a token, once its PIN is accepted. Used by one thread at a time."""

    def generate_aes(self, label: str) -> None:
        """Make an AES-256 key that never leaves the token. BadRequest when the label is taken."""

    def encrypt(self, label: str, nonce: bytes, plain: bytes, context: bytes) -> bytes:
        """CKM_AES_GCM with a tag of 16 bytes behind."""

    def decrypt(self, label: str, nonce: bytes, sealed: bytes, context: bytes) -> bytes | None:
        """None when it was not encrypted so."""


@dataclass(frozen=True, slots=True)
class TokenMaster:
    """A master key that never leaves a PKCS #11 token."""

    id: bytes
    _label: str
    _session: AesSession = field(repr=False)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._session.encrypt(self._label, nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE], wrapped[NONCE:]
        secret = self._session.decrypt(self._label, nonce, sealed, context)
        if secret is None:
            raise LedgerFault(WRONG, hint=RIGHT_ONE)
        return secret


@dataclass(frozen=True, slots=True)
class NewMaster:
    """A master key and the file that will say where it is."""

    key: MasterKey
    document: bytes = field(repr=False)


def new_file_master() -> NewMaster:
    """A key that lies in the owner-only file itself."""
    key = SoftMaster(os.urandom(MASTER_ID_SIZE), os.urandom(_SIZE))
    return NewMaster(key, document("file", key.id, key=key._key.hex()))


def new_passphrase_master(passphrase: bytes) -> NewMaster:
    """A key under a passphrase. Raises BadRequest for an empty one."""
    if not passphrase:
        raise BadRequest("an empty passphrase protects nothing", hint="give another one")
    key = SoftMaster(os.urandom(MASTER_ID_SIZE), os.urandom(_SIZE))
    salt, nonce = os.urandom(16), os.urandom(NONCE)
    stretched = _stretch(passphrase, salt, SCRYPT_N, 8, 1)
    sealed = nonce + AESGCM(stretched).encrypt(nonce, key._key, key.id)
    fields = {"n": SCRYPT_N, "r": 8, "p": 1, "salt": salt.hex(), "sealed": sealed.hex()}
    return NewMaster(key, document("passphrase", key.id, **fields))


def new_token_master(library: str, token: str, label: str, session: AesSession) -> NewMaster:
    """A new key in a token that is open. Raises BadRequest or LedgerFault."""
    session.generate_aes(label)
    key = TokenMaster(os.urandom(MASTER_ID_SIZE), label, session)
    fields = {"library": library, "token": token, "label": label}
    return NewMaster(key, document("token", key.id, **fields))


def document(kind: str, master: bytes, **fields: Any) -> bytes:
    """The text of a master key's file."""
    row = {"format": FORMAT, "kind": kind, "id": master.hex(), **fields}
    return (json.dumps(row, indent=2) + "\n").encode()


def _stretch(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=_SIZE, n=n, r=r, p=p).derive(passphrase)


def load_master(path: Path, unlock: Unlock) -> MasterKey:
    """The master key of a vault; ``unlock`` is asked only where the file wants a secret.

    Raises LedgerFault when the file is missing or damaged, BadRequest for a wrong passphrase.
    """
    row = _read(path)
    try:
        return _load(row, unlock)
    except (ValueError, TypeError, KeyError) as error:
        raise LedgerFault("the file of the vault's master key is damaged", hint=_HINT) from error


_HINT: Final = f"restore it from its backup, or {LOST}"


def master_id(path: Path) -> bytes:
    """The id in a master key's file, without opening the key. Raises LedgerFault."""
    try:
        return bytes.fromhex(_read(path)["id"])
    except (ValueError, TypeError, KeyError) as error:
        raise LedgerFault("the file of the vault's master key is damaged", hint=_HINT) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise LedgerFault(
            f"the vault's master key cannot be read: {error.strerror}", hint=_HINT
        ) from error
    try:
        row = json.loads(raw)
    except ValueError as error:
        raise LedgerFault("the file of the vault's master key is damaged", hint=_HINT) from error
    if not isinstance(row, dict) or row.get("format") != FORMAT:
        raise LedgerFault("the file of the vault's master key is damaged", hint=_HINT)
    return row


def _load(row: dict[str, Any], unlock: Unlock) -> MasterKey:
    kind, master = row["kind"], bytes.fromhex(row["id"])
    if kind == "file":
        return SoftMaster(master, _sized(bytes.fromhex(row["key"])))
    if kind == "passphrase":
        return _under_passphrase(row, master, unlock)
    if kind == "token":
        session = open_session(row["library"], row["token"], unlock.pin(row["token"]))
        return TokenMaster(master, row["label"], session)
    raise ValueError(kind)


def _under_passphrase(row: dict[str, Any], master: bytes, unlock: Unlock) -> MasterKey:
    n, r, p = row["n"], row["r"], row["p"]
    sealed, salt = bytes.fromhex(row["sealed"]), bytes.fromhex(row["salt"])
    if n * r * p > _SCRYPT_MOST:
        raise ValueError(n)
    for passphrase in unlock.passphrases("master.key"):
        cipher = AESGCM(_stretch(passphrase, salt, n, r, p))
        with suppress(InvalidTag):
            return SoftMaster(
                master, _sized(cipher.decrypt(sealed[:NONCE], sealed[NONCE:], master))
            )
    raise BadRequest(
        "this is not the passphrase of the vault's master key",
        hint=f"give the right one; if it is lost, {LOST}",
    )


def _sized(key: bytes) -> bytes:
    if len(key) != _SIZE:
        raise ValueError(len(key))
    return key
