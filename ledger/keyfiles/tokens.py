"""Keys that never leave a token (PKCS #11: a card, a USB key, a hardware security module).

    NAME.pkcs11.json  {"module": "/usr/lib/…/libsofthsm2.so", "token": label,
                       "label": …  and, or  "id": hex, "public_key": hex of 32 bytes}

The file names the key and holds no secret. Signing is CKM_EDDSA with Ed25519 (PKCS #11 v3.0 section
2.3.14); tokens do not know ML-DSA yet. What the token gives as public key must be the one in the
file, and every signature is verified under it before it is used: a label is not an identity.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from ledger.errors import LedgerFault
from ledger.keyfiles.unlock import Unlock
from ledger.store.files import write_new
from ledger.wire.keys import ED25519, ED25519_KEY_SIZE, load_ed25519, verifies

SUFFIX: Final = ".pkcs11.json"
_POINT_HEAD: Final = b"\x04\x20"
"""CKA_EC_POINT is the DER OCTET STRING of 32 bytes; some tokens leave the head away."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Where a key is: the module to load, the token in it, the key's label or id (or both)."""

    module: str
    token: str
    label: str | None = None
    id: bytes | None = None


class TokenSession(Protocol):
    """What is asked of a token, once its PIN is accepted. Used by one thread at a time."""

    def public_point(self, label: str | None, key_id: bytes | None) -> bytes:
        """CKA_EC_POINT of the one public key of this label and id."""

    def sign(self, label: str | None, key_id: bytes | None, message: bytes) -> bytes:
        """CKM_EDDSA with the one private key of this label and id."""


OpenToken: TypeAlias = Callable[[str, str, str], TokenSession]
"""From module, token label and PIN."""


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A key in a token as the signer of statements. Any thread."""

    key: TokenKey
    public_key: bytes
    session: TokenSession = field(repr=False)
    alg: int = ED25519
    _mutex: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes. Raises LedgerFault when the token gives no good signature."""
        with self._mutex:
            signature = self.session.sign(self.key.label, self.key.id, message)
        if not verifies(load_ed25519(self.public_key), signature, message):
            raise LedgerFault(
                f"token {self.key.token} gave a signature that is not of its key",
                hint="check the token with its own tools",
            )
        return signature


def token_public_key(session: TokenSession, key: TokenKey) -> bytes:
    """The raw public key that the token holds. Raises BadRequest for one that cannot be used."""
    point = session.public_point(key.label, key.id)
    raw = point.removeprefix(_POINT_HEAD) if len(point) == ED25519_KEY_SIZE + 2 else point
    load_ed25519(raw)
    return raw


def write_token_file(path: Path, key: TokenKey, public_key: bytes) -> None:
    """Keep which key of which token is meant, in a file that must not exist."""
    row = {"module": key.module, "token": key.token, "public_key": public_key.hex()}
    if key.label is not None:
        row["label"] = key.label
    if key.id is not None:
        row["id"] = key.id.hex()
    write_new(path, (json.dumps(row, ensure_ascii=False, indent=2) + "\n").encode())


def read_token_file(path: Path) -> tuple[TokenKey, bytes]:
    """The key and its raw public key. Raises LedgerFault."""
    try:
        row = json.loads(path.read_bytes())
        label, key_id = row.get("label"), row.get("id")
        key = TokenKey(
            row["module"], row["token"], label, None if key_id is None else bytes.fromhex(key_id)
        )
        public_key = bytes.fromhex(row["public_key"])
        texts = (key.module, key.token, *(() if label is None else (label,)))
        whole = all(isinstance(text, str) for text in texts) and (label or key_id)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LedgerFault(f"{path.name} names no key of a token", hint=_RESTORE) from error
    if not whole or len(public_key) != ED25519_KEY_SIZE:
        raise LedgerFault(f"{path.name} names no key of a token", hint=_RESTORE)
    return key, public_key


_RESTORE: Final = "restore it, or write it anew: docs/operations.md has its form"


def load_token_key(path: Path, unlock: Unlock, open_token: OpenToken) -> TokenSigner:
    """The signer that a token file names.

    Raises BadRequest for a refused PIN, LedgerFault when the token is not there or holds another
    key than the file says.
    """
    key, public_key = read_token_file(path)
    session = open_token(key.module, key.token, unlock.pin(key.token))
    if token_public_key(session, key) != public_key:
        raise LedgerFault(
            f"token {key.token} holds another key than {path.name} names",
            hint="is it the right token? A new key is enrolled by `counterfoil rotate`",
        )
    return TokenSigner(key, public_key, session)
