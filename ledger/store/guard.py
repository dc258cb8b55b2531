"""Guard: the newest acknowledged checkpoint, in a file outside the ledger's directory.

A ledger restored from an old copy, or an LMDB that fell back by one transaction, would go on from
a smaller size and fork the log. The guard remembers a larger size, so that opening refuses. Two
slots are written in turn; each is

    magic (8) ‖ turn u64 ‖ length u32 ‖ signed checkpoint ‖ zeros ‖ SHA-256 over all before (32)

of 4,096 bytes,
so a torn write spoils at most the slot that was being written, and the other still holds the
checkpoint before. Best on another device than the ledger.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Final

from ledger.errors import LedgerFault
from ledger.store.files import sync_directory, write_all, write_new

_MAGIC: Final = b"cfguard1"
_HEAD: Final = Struct(">8sQI")
_SLOT: Final = 4096
_ROOM: Final = _SLOT - _HEAD.size - 32


class Guard:
    """The open guard of one ledger. Owned by the writer."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """Open an existing guard. Raises LedgerFault when it is missing or both slots are
        damaged.
        """
        try:
            self._handle = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        except OSError as error:
            raise LedgerFault(
                f"the guard file {path.name} cannot be opened: {error.strerror}",
                hint="bring it back, or, if you are certain that this is the newest copy of the "
                "ledger, make a new one with `counterfoil guard DIR --renew`",
            ) from error
        self.path = path
        self._turn, self.checkpoint = self._newest()

    @staticmethod
    def create(path: Path, checkpoint: bytes) -> None:
        """Write a new guard; fails with FileExistsError when there is one."""
        write_new(path, _encode(1, checkpoint) + bytes(_SLOT))

    def _newest(self) -> tuple[int, bytes]:
        slots = [_decode(os.pread(self._handle, _SLOT, at)) for at in (0, _SLOT)]
        valid = [slot for slot in slots if slot is not None]
        if not valid:
            os.close(self._handle)
            raise LedgerFault(
                "both slots of the guard are damaged",
                hint="compare this ledger with a mirror or receipts before making a new guard "
                "with `counterfoil guard DIR --renew`",
            )
        return max(valid)

    def advance(self, checkpoint: bytes) -> None:
        """Remember a newer checkpoint, durably. OSError from the disk goes to the caller."""
        turn = self._turn + 1
        write_all(self._handle, _encode(turn, checkpoint), _SLOT * ((turn + 1) % 2))
        os.fdatasync(self._handle)
        self._turn, self.checkpoint = turn, checkpoint

    def check_there(self) -> None:
        """Raises LedgerFault when the file was taken away since it was opened: the next opening
        would miss what is remembered from then on.
        """
        try:
            there = os.path.samestat(os.stat(self.path), os.fstat(self._handle))
        except OSError:
            there = False
        if not there:
            raise LedgerFault(
                f"the guard file {self.path.name} is no longer at its place",
                hint="bring its disk back, then open the ledger again",
            )

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def renew(path: Path, checkpoint: bytes) -> None:
    """Replace a lost or damaged guard; the caller vouches that the ledger is the newest copy."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)
    Guard.create(path, checkpoint)


def _encode(turn: int, checkpoint: bytes) -> bytes:
    if len(checkpoint) > _ROOM:
        raise LedgerFault(f"checkpoint of {len(checkpoint)} bytes does not fit into the guard")
    slot = _HEAD.pack(_MAGIC, turn, len(checkpoint)) + checkpoint
    slot += bytes(_SLOT - 32 - len(slot))
    return slot + sha256(slot).digest()


def _decode(slot: bytes) -> tuple[int, bytes] | None:
    if len(slot) != _SLOT or sha256(slot[:-32]).digest() != slot[-32:]:
        return None
    magic, turn, length = _HEAD.unpack_from(slot)
    if magic != _MAGIC or length > _ROOM:
        return None
    return turn, slot[_HEAD.size : _HEAD.size + length]
