"""Content keys, one 32-byte slot for each leaf, encrypted under the vault's master key.

    vault/master.key         32 random bytes
    vault/keys/<n>.keys      slots of leaves [65,536 n, 65,536 (n+1))
                             leaf i at byte 32 (i mod 65,536)

Slots are encrypted with AES-256-XTS (IEEE 1619), 128 slots to a data unit, so one slot can be
written or overwritten by itself without moving the others. XTS does not authenticate: a key is
good when the sealed blob's key commitment says so, and that is checked whenever one is used. A
slot of zeros holds no key: never written, or destroyed.

Keys are written before the log commits. A key whose commit never came is harmless: the next entry
at that index overwrites it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import LedgerFault
from ledger.store.files import make_directory, open_random, sync_directory, write_all, write_new

SLOT: Final = 32
NO_KEY: Final = bytes(SLOT)
TAG_SIZE: Final = 16
_UNIT: Final = 128
_FILE: Final = 65_536
_MASTER_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The secret under which everything in the vault lies. Never printed."""

    _slots: bytes = field(repr=False)
    _tags: bytes = field(repr=False)

    @classmethod
    def create(cls, path: Path) -> MasterKey:
        """Make a new one in an owner-only file that must not exist."""
        write_new(path, os.urandom(_MASTER_SIZE))
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> MasterKey:
        """Read it. Raises LedgerFault when it is missing or has a wrong size."""
        try:
            secret = path.read_bytes()
        except OSError as error:
            raise LedgerFault(
                f"the vault's master key cannot be read: {error.strerror}",
                hint="restore it from its backup: without it no content can be opened",
            ) from error
        if len(secret) != _MASTER_SIZE:
            raise LedgerFault(
                "the vault's master key has a wrong size", hint="restore it from its backup"
            )
        return cls(
            _derive(secret, b"counterfoil/vault/slots/v1", 64),
            _derive(secret, b"counterfoil/vault/tags/v1", 32),
        )

    def tag(self, domain: bytes, *parts: bytes) -> bytes:
        """A 16-byte fingerprint that only the holder of the vault can make: HMAC over
        length-prefixed parts.
        """
        message = b"".join(len(part).to_bytes(8, "big") + part for part in (domain, *parts))
        return hmac.digest(self._tags, message, "sha256")[:TAG_SIZE]

    def cipher(self, unit: int) -> Cipher[modes.XTS]:
        """The cipher of one data unit of slots."""
        return Cipher(algorithms.AES(self._slots), modes.XTS(unit.to_bytes(16, "little")))


def _derive(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


class VaultKeys:
    """The slots. Writing is owned by the writer thread, reading is for every thread."""

    def __init__(self, directory: Path, master: MasterKey) -> None:
        self._directory = directory
        self._master = master
        self._open_file = -1
        self._handle = -1

    @staticmethod
    def create(directory: Path) -> None:
        """Make the empty directory."""
        make_directory(directory)

    def store(self, start: int, keys: Sequence[bytes]) -> None:
        """Write the keys of leaves start, start + 1, … durably; NO_KEY for a leaf without content.

        OSError from the disk goes to the caller.
        """
        at = start
        while at < start + len(keys):
            stop = min(start + len(keys), (at // _FILE + 1) * _FILE)
            self._store_in_file(at, keys[at - start : stop - start])
            at = stop

    def _store_in_file(self, start: int, keys: Sequence[bytes]) -> None:
        handle = self._for_writing(start // _FILE)
        pieces = []
        at = start
        while at < start + len(keys):
            stop = min(start + len(keys), (at // _UNIT + 1) * _UNIT)
            plain = b"".join(keys[at - start : stop - start])
            pieces.append(
                _transform(self._master.cipher(at // _UNIT).encryptor(), at % _UNIT, plain)
            )
            at = stop
        write_all(handle, b"".join(pieces), start % _FILE * SLOT)
        os.fdatasync(handle)

    def _for_writing(self, number: int) -> int:
        if number != self._open_file:
            self.close()
            self._handle = open_random(self._path(number))
            # Whoever created it, perhaps before a crash: its name must be durable too.
            sync_directory(self._directory)
            self._open_file = number
        return self._handle

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:08d}.keys"

    def load(self, index: int) -> bytes | None:
        """The key of one leaf; None when the slot holds none."""
        return self.load_many(index, 1)[0]

    def load_many(self, start: int, count: int) -> list[bytes | None]:
        """The keys of [start, start + count), which must lie in one data unit of 128."""
        unit, first = divmod(start, _UNIT)
        if first + count > _UNIT:
            raise ValueError("a read of slots must not cross a data unit")
        try:
            with open(self._path(start // _FILE), "rb") as file:
                file.seek(start % _FILE * SLOT)
                raw = file.read(count * SLOT)
        except FileNotFoundError:
            raw = b""
        raw = raw.ljust(count * SLOT, b"\0")
        plain = _transform(self._master.cipher(unit).decryptor(), first, raw)
        return [
            plain[at : at + SLOT] if raw[at : at + SLOT] != NO_KEY else None
            for at in range(0, count * SLOT, SLOT)
        ]

    def close(self) -> None:
        """Close the file that is being written."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._open_file = -1, -1


def _transform(context: CipherContext, first: int, data: bytes) -> bytes:
    """Run the slots from ``first`` on through a data unit's cipher.

    XTS gives every 16-byte block its own tweak by position, so what stands before in the unit
    only has to be there. A slot of zeros stays one: it means that there is no key.
    """
    before = bytes(first * SLOT)
    result = (context.update(before + data) + context.finalize())[len(before) :]
    if NO_KEY not in data:
        return result
    return b"".join(
        result[at : at + SLOT] if data[at : at + SLOT] != NO_KEY else NO_KEY
        for at in range(0, len(data), SLOT)
    )
