"""Period key: what all slots of a period, and the tag key, are encrypted under.

    vault/keys/<period>/period.json    says whose slots these are, and holds the wrapped tag key
    vault/keys/<period>/<n>.keys       the slots (``keys``)

    {"format": "counterfoil vault period 1", "log": hex, "period": 1, "test": hex, "tags": hex}

    slots, tags, test   HKDF-SHA-256 of the period key, each with an info of its own
    "test"              SHA-256 of the third, so that anyone can tell whether a key is the one
    "tags"              nonce (12) ‖ AES-256-GCM(tag key) under the second; associated data:
                        "counterfoil/vault/tags/v1" ‖ log id ‖ period u64

Who has this directory and not its period key has nothing. Who has both can read: the period key is
kept under a master key (``periods``) and in escrow (``escrow``), never beside the slots' backup.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import LedgerFault
from ledger.store.files import write_new
from ledger.wire.ids import HASH_SIZE, Hash

SECRET_SIZE: Final = 32
TAG_SIZE: Final = 16
DESCRIPTION: Final = "period.json"
_FORMAT: Final = "counterfoil vault period 1"
_NONCE: Final = 12
_TAGS_CONTEXT: Final = b"counterfoil/vault/tags/v1"
_RESTORE: Final = "restore the vault's keys from its backup"


@dataclass(frozen=True, slots=True)
class TagKey:
    """The secret of the tags. It outlives the periods, since tags stand in the log's files."""

    secret: bytes = field(repr=False)

    def tag(self, domain: bytes, *parts: bytes) -> bytes:
        """A 16-byte fingerprint that only the holder of the vault can make: HMAC over
        length-prefixed parts.
        """
        message = b"".join(len(part).to_bytes(8, "big") + part for part in (domain, *parts))
        return hmac.digest(self.secret, message, "sha256")[:TAG_SIZE]


@dataclass(frozen=True, slots=True)
class PeriodKey:
    """The key of one period of one log's vault. Never printed."""

    log: Hash
    number: int
    secret: bytes = field(repr=False)
    _slots: bytes = field(repr=False)

    @classmethod
    def of(cls, log: Hash, number: int, secret: bytes) -> Self:
        """From its 32 bytes."""
        return cls(log, number, secret, _derive(secret, b"counterfoil/vault/slots/v1", 64))

    @classmethod
    def new(cls, log: Hash, number: int) -> Self:
        """A random one."""
        return cls.of(log, number, os.urandom(SECRET_SIZE))

    @property
    def test(self) -> bytes:
        """What tells whether a key is this one, and tells nothing else."""
        return sha256(_derive(self.secret, b"counterfoil/vault/test/v1", 32)).digest()

    def cipher(self, unit: int) -> Cipher[modes.XTS]:
        """The cipher of one data unit of slots."""
        return Cipher(algorithms.AES(self._slots), modes.XTS(unit.to_bytes(16, "little")))

    def _tag_cipher(self) -> AESGCM:
        return AESGCM(_derive(self.secret, b"counterfoil/vault/tag-key/v1", 32))

    def wrap_tags(self, tags: TagKey) -> bytes:
        """The tag key under this key."""
        nonce = os.urandom(_NONCE)
        return nonce + self._tag_cipher().encrypt(nonce, tags.secret, self._tags_context())

    def unwrap_tags(self, wrapped: bytes) -> TagKey:
        """The tag key. Raises LedgerFault when it was not wrapped under this key."""
        nonce, sealed = wrapped[:_NONCE], wrapped[_NONCE:]
        try:
            return TagKey(self._tag_cipher().decrypt(nonce, sealed, self._tags_context()))
        except (InvalidTag, ValueError) as error:
            raise LedgerFault(f"vault: {DESCRIPTION} is damaged", hint=_RESTORE) from error

    def _tags_context(self) -> bytes:
        return _TAGS_CONTEXT + self.log + self.number.to_bytes(8, "big")


def _derive(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def period_directory(keys: Path, number: int) -> Path:
    """Where the slots of a period lie, in the vault's ``keys``."""
    return keys / f"{number:08d}"


@dataclass(frozen=True, slots=True)
class Description:
    """What period.json says. Needs no key to be read."""

    log: Hash
    number: int
    test: bytes
    tags: bytes

    @classmethod
    def of(cls, period: PeriodKey, tags: TagKey) -> Self:
        return cls(period.log, period.number, period.test, period.wrap_tags(tags))

    def write(self, directory: Path) -> None:
        """Write it durably; it must not exist."""
        document = {
            "format": _FORMAT,
            "log": self.log.hex(),
            "period": self.number,
            "test": self.test.hex(),
            "tags": self.tags.hex(),
        }
        write_new(directory / DESCRIPTION, (json.dumps(document, indent=2) + "\n").encode())

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises LedgerFault when it is missing or damaged."""
        try:
            raw = (directory / DESCRIPTION).read_bytes()
        except OSError as error:
            raise LedgerFault(
                f"vault: {directory.name}/{DESCRIPTION} cannot be read: {error.strerror}",
                hint=_RESTORE,
            ) from error
        try:
            document = json.loads(raw)
            found = cls(
                Hash(bytes.fromhex(document["log"])),
                document["period"],
                bytes.fromhex(document["test"]),
                bytes.fromhex(document["tags"]),
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise LedgerFault(
                f"vault: {directory.name}/{DESCRIPTION} is damaged", hint=_RESTORE
            ) from error
        whole = document.get("format") == _FORMAT and len(found.log) == HASH_SIZE
        if not whole or period_directory(directory.parent, found.number).name != directory.name:
            raise LedgerFault(f"vault: {directory.name}/{DESCRIPTION} is damaged", hint=_RESTORE)
        return found

    def opened_by(self, secret: bytes) -> PeriodKey | None:
        """The period's key, if these 32 bytes are it."""
        period = PeriodKey.of(self.log, self.number, secret)
        return period if hmac.compare_digest(period.test, self.test) else None
