"""What lies in LMDB: one named table each, keys in big-endian so that order is log order.

    table      key                              value
    entries    first index u64                  piece of a bundle: (u16 length ‖ leaf)*
    places     first index u64                  segment u32 ‖ offset u64 of its first payload
    tiles      level u8 ‖ tile u64              up to 256 hashes; behind a full tile its inner nodes
    ids        entry id (16) ‖ author (16)      index u64
    registry   index u64                        empty: this entry changes who may sign
    large      index u64                        H(manifest blob) (32) ‖ chunks u32
    tails      first index u64                  rows u64 of a tail file (see ``tails``)
    runs       name u8 ‖ from u64 ‖ to u64      rows u64 ‖ SHA-256 of the run's fences (32)
                                                ‖ rewritten u32
    retired    as in runs                       a run of heads that was merged away, and that an
                                                epoch lists by which evidence may go
    epochs     index u64                        empty: this entry is an epoch
    batches    index u64                        tree over the batch's members (see ``member_tree``)
    meta       "state", "checkpoint", "published", "cosigned"

A piece is what one commit added to one bundle, so no byte is written twice and a bundle is its
pieces joined. It never crosses a multiple of 256. Entry ids begin with their time, so ``ids``
grows at its end: a random key would cost 9 to 14 KB of pages a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from ledger.errors import LedgerFault
from ledger.store.payloads import Place

NAMES: Final = (
    *("entries", "places", "tiles", "ids", "registry", "large", "tails"),
    *("runs", "retired", "epochs", "batches", "meta"),
)

INDEX: Final = Struct(">Q")
PLACE: Final = Struct(">IQ")
TILE_KEY: Final = Struct(">BQ")
LARGE_VALUE: Final = Struct(">32sI")
TAIL_VALUE: Final = Struct(">Q")
RUN_KEY: Final = Struct(">BQQ")
RUN_VALUE: Final = Struct(">Q32sI")
_STATE: Final = Struct(">8sQQIQ")
_MAGIC: Final = b"cflog\x00\x006"

STATE_KEY: Final = b"state"
CHECKPOINT_KEY: Final = b"checkpoint"
PUBLISHED_KEY: Final = b"published"
COSIGNED_KEY: Final = b"cosigned"
META_KEYS: Final = frozenset({STATE_KEY, CHECKPOINT_KEY, PUBLISHED_KEY, COSIGNED_KEY})


class RunName(IntEnum):
    """Which sorted index a run belongs to."""

    HEADS = 0
    TAGS = 1


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run that the log counts as part of itself: rows of [start, stop)."""

    name: RunName
    start: int
    stop: int
    rows: int
    digest: bytes
    rewritten: int = 0
    """How often rows were erased; each time the file gets another name."""

    @property
    def file_name(self) -> str:
        version = f".{self.rewritten}" if self.rewritten else ""
        return f"{self.start:012d}-{self.stop:012d}{version}.run"

    def key(self) -> bytes:
        return RUN_KEY.pack(self.name, self.start, self.stop)

    def value(self) -> bytes:
        return RUN_VALUE.pack(self.rows, self.digest, self.rewritten)

    @classmethod
    def decode(cls, key: bytes, value: bytes) -> RunRow:
        """Raises LedgerFault when the row is damaged."""
        if len(key) != RUN_KEY.size or len(value) != RUN_VALUE.size:
            raise LedgerFault("store: a row of table runs is damaged", hint=DAMAGED)
        name, start, stop = RUN_KEY.unpack(key)
        if name not in set(RunName):
            raise LedgerFault("store: a row of table runs is damaged", hint=DAMAGED)
        return cls(RunName(name), start, stop, *RUN_VALUE.unpack(value))


@dataclass(frozen=True, slots=True)
class State:
    """What the last commit left: sizes and ends of everything that grows."""

    size: int
    received_ms: int
    payload_end: Place

    def encode(self) -> bytes:
        return _STATE.pack(
            _MAGIC,
            self.size,
            self.received_ms,
            self.payload_end.segment,
            self.payload_end.offset,
        )

    @classmethod
    def decode(cls, data: bytes) -> State:
        """Raises LedgerFault when the row is not ours."""
        if len(data) != _STATE.size:
            raise LedgerFault("store: the state row has a wrong size", hint=DAMAGED)
        magic, size, received, segment, offset = _STATE.unpack(data)
        if magic != _MAGIC:
            raise LedgerFault("store: the state row is of another version", hint=DAMAGED)
        return cls(size, received, Place(segment, offset))


EMPTY_STATE: Final = State(0, 0, Place(0, 0))
DAMAGED: Final = (
    "run `counterfoil check DIR` to see all damage, then restore from a backup or a mirror"
)
