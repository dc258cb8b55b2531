"""The period key under its master key: ``vault/periods``, one small file that is in no backup.

Two slots of 4,096 bytes are written in turn; each is

    magic (8) ‖ turn u64 ‖ period u64 ‖ log id (32) ‖ master id (16) ‖ length u32 ‖ wrapped key
    ‖ zeros ‖ SHA-256 over all before (32)

The slot with the larger turn counts. A new period, or a new master key, is written into the other
slot, and only then the one before is overwritten with zeros: the switch is one write, a torn one
counts for nothing, and what is replaced is overwritten where it lies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Final

from ledger.errors import LedgerFault
from ledger.store.files import replace, write_all
from ledger.wire.ids import Hash

MASTER_ID_SIZE: Final = 16
_MAGIC: Final = b"cfperiod"
_HEAD: Final = Struct(">8sQQ32s16sI")
_SLOT: Final = 4096
_ROOM: Final = _SLOT - _HEAD.size - 32
LOST: Final = "recover the vault with `counterfoil vault recover DIR --share F …`"


@dataclass(frozen=True, slots=True, order=True)
class WrappedPeriod:
    """One slot: which period's key, under which master key."""

    turn: int
    number: int
    log: Hash
    master: bytes
    wrapped: bytes = field(repr=False)

    def encode(self) -> bytes:
        head = _HEAD.pack(_MAGIC, self.turn, self.number, self.log, self.master, len(self.wrapped))
        if len(self.wrapped) > _ROOM:
            raise LedgerFault(f"a wrapped period key of {len(self.wrapped)} bytes has no room")
        slot = (head + self.wrapped).ljust(_SLOT - 32, b"\0")
        return slot + sha256(slot).digest()


def _decode(slot: bytes) -> WrappedPeriod | None:
    if len(slot) != _SLOT or sha256(slot[:-32]).digest() != slot[-32:]:
        return None
    magic, turn, number, log, master, length = _HEAD.unpack_from(slot)
    if magic != _MAGIC or length > _ROOM:
        return None
    wrapped = slot[_HEAD.size : _HEAD.size + length]
    return WrappedPeriod(turn, number, Hash(log), master, wrapped)


def _slots(path: Path) -> list[WrappedPeriod | None]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise LedgerFault(
            f"the vault's file of period keys cannot be read: {error.strerror}", hint=LOST
        ) from error
    return [_decode(raw[at : at + _SLOT]) for at in (0, _SLOT)]


def read_period(path: Path) -> WrappedPeriod:
    """The slot that counts. Raises LedgerFault when the file is missing or damaged."""
    valid = [slot for slot in _slots(path) if slot is not None]
    if not valid:
        raise LedgerFault("the vault's file of period keys is damaged", hint=LOST)
    return max(valid)


def create(path: Path, number: int, log: Hash, master: bytes, wrapped: bytes) -> None:
    """Write the file anew, with one slot."""
    replace(path, WrappedPeriod(1, number, log, master, wrapped).encode() + bytes(_SLOT))


def switch(path: Path, number: int, log: Hash, master: bytes, wrapped: bytes) -> None:
    """Let another key count from here on, durably; the one before is still there."""
    slots = _slots(path)
    current = read_period(path)
    other = 1 - slots.index(current)
    fresh = WrappedPeriod(current.turn + 1, number, log, master, wrapped)
    _write(path, other, fresh.encode())


def forget_others(path: Path) -> None:
    """Overwrite the slot that does not count."""
    other = 1 - _slots(path).index(read_period(path))
    with path.open("rb") as file:
        file.seek(other * _SLOT)
        here = file.read(_SLOT)
    if here.strip(b"\0"):
        _write(path, other, bytes(_SLOT))


def _write(path: Path, slot: int, data: bytes) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        write_all(handle, data, slot * _SLOT)
        os.fsync(handle)
    finally:
        os.close(handle)
