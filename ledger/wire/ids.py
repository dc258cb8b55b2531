"""Names for look-alikes, and the ids that entries carry.

A chain id and an actor id are 16 random bytes; an entry id is a UUIDv7 (RFC 9562 section 5.7):

    48 bits unix milliseconds ‖ 0b0111 ‖ 12 random bits ‖ 0b10 ‖ 62 random bits
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final, NamedTuple, NewType

from ledger.errors import BadRequest

Hash = NewType("Hash", bytes)
"""A SHA-256 value, always 32 bytes."""
LeafIndex = NewType("LeafIndex", int)
"""Position of a leaf, from 0."""
TreeSize = NewType("TreeSize", int)
"""Number of leaves; the last leaf index + 1."""
ChainId = NewType("ChainId", bytes)
ActorId = NewType("ActorId", bytes)
EntryId = NewType("EntryId", bytes)


class Position(NamedTuple):
    """Where a leaf stands: its index, and how many logs of the line lie between (docs/spec/
    succession.md): 0 for this log, 1 for its predecessor.
    """

    at: int
    back: int = 0

    def __str__(self) -> str:
        """As users write it: 34, or 34~1 for entry 34 of the log before this one."""
        return f"{self.at}~{self.back}" if self.back else str(self.at)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts as the line grows: all of an earlier log lies before all of a later one."""
        return -self.back, self.at


HASH_SIZE: Final = 32
ID_SIZE: Final = 16
ZERO_HASH: Final = Hash(bytes(HASH_SIZE))
MAX_INTEGER: Final = 2**53 - 1
"""Integers in the formats stay below 2^53, so that a JavaScript reader holds them exactly."""

BATCH_CHAIN: Final = b"counterfoil/chain/batch/v1"
DIRECTORY_CHAIN: Final = b"counterfoil/chain/directory/v1"
EPOCH_CHAIN: Final = b"counterfoil/chain/epoch/v1"


def new_chain_id() -> ChainId:
    """A fresh random chain id (also serves as an actor id)."""
    return ChainId(os.urandom(ID_SIZE))


def derived_chain(label: bytes, log: Hash, owner: ActorId) -> ChainId:
    """The chain id that ``owner`` has for ``label`` in this log: H(label ‖ log ‖ owner)[:16]."""
    return ChainId(sha256(label + log + owner).digest()[:ID_SIZE])


def new_entry_id(unix_ms: int) -> EntryId:
    """A UUIDv7 for the given time in unix milliseconds."""
    if not 0 <= unix_ms < 1 << 48:
        raise BadRequest(f"time {unix_ms} does not fit into a UUIDv7")
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return EntryId(unix_ms.to_bytes(6, "big") + tail)


def is_entry_id(value: bytes) -> bool:
    """Whether the 16 bytes are a UUIDv7."""
    return len(value) == ID_SIZE and value[6] >> 4 == 7 and value[8] >> 6 == 2


def entry_id_time(entry_id: EntryId) -> int:
    """Unix milliseconds inside a UUIDv7."""
    return int.from_bytes(entry_id[:6], "big")
