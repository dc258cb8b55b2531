"""Batch: one signature for up to 4,096 members, each provable alone.

    body   member kind u8 (record or access) ‖ count u32 (1…4,096) ‖ root (32)
    root   RFC 6962 root over SHA-256(0x00 ‖ "counterfoil/batch-member/v1" ‖ claim), in order

The members follow the batch's leaf directly, as version 2 leaves. Specification:
docs/spec/batch.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.claim import MEMBER_KINDS, Kind
from ledger.wire.ids import HASH_SIZE, Hash

MAX_MEMBERS: Final = 4_096
MEMBER_PREFIX: Final = b"\x00counterfoil/batch-member/v1"
_BODY: Final = Struct(">BI32s")


@dataclass(frozen=True, slots=True)
class BatchBody:
    """The body of a batch claim."""

    member_kind: Kind
    count: int
    root: Hash

    def encode(self) -> bytes:
        """The 37 bytes of the body."""
        if self.member_kind not in MEMBER_KINDS or not 1 <= self.count <= MAX_MEMBERS:
            raise BadRequest("batch holds 1 to 4,096 records or accesses", hint="split the batch")
        if len(self.root) != HASH_SIZE:
            raise BadRequest(f"batch root has {len(self.root)} bytes, not {HASH_SIZE}")
        return _BODY.pack(self.member_kind, self.count, self.root)

    @classmethod
    def decode(cls, data: bytes) -> BatchBody:
        """Decode strictly. Raises BadRequest."""
        if len(data) != _BODY.size:
            raise BadRequest(f"batch body has {len(data)} bytes, not {_BODY.size}")
        kind, count, root = _BODY.unpack(data)
        if kind not in MEMBER_KINDS:
            raise BadRequest(f"batch members cannot be of kind {kind}")
        if not 1 <= count <= MAX_MEMBERS:
            raise BadRequest(f"batch of {count} members is outside 1…{MAX_MEMBERS}")
        return cls(Kind(kind), count, root)


def member_hashes(claims: Iterable[bytes]) -> list[Hash]:
    """Leaf hashes of the member tree, for encoded claims in order."""
    return [Hash(sha256(MEMBER_PREFIX + claim).digest()) for claim in claims]
