"""Leaf: an entry as it stands in the tree, at most 65,535 bytes.

    version 1   u8 1 ‖ seq u64 ‖ prev hash (32) ‖ prev index u64 ‖ received_ms u64 ‖ statement
    version 2   u8 2 ‖ the same header ‖ batch index u64 ‖ position u32 ‖ claim (170 bytes)

Version 2 is a member of a batch: the batch's one statement covers it. prev is the chain's
previous leaf; the first leaf of a chain has seq 0 and zeros there. Versions 0x81 and 0x82 are the
same for a leaf whose previous one lies in an earlier log (docs/spec/succession.md). Specification:
docs/spec/leaf.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.claim import CLAIM_SIZE, MEMBER_KINDS, Claim
from ledger.wire.ids import MAX_INTEGER, ZERO_HASH, Hash, LeafIndex
from ledger.wire.statement import Statement, parse_statement, slice_claim

MAX_LEAF: Final = 65_535
SINGLE: Final = 1
MEMBER: Final = 2
CONTINUES: Final = 0x80
"""Bit of the version: the previous leaf lies in an earlier log."""
SEQ_AT: Final = slice(1, 9)
HEADER: Final = Struct(">BQ32sQQ")
MEMBER_HEADER: Final = Struct(">BQ32sQQQI")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A decoded leaf. ``statement`` is None exactly for a member of a batch."""

    seq: int
    prev_hash: Hash
    prev_index: LeafIndex
    received_ms: int
    claim: Claim
    statement: Statement | None
    batch_index: LeafIndex = LeafIndex(0)
    position: int = 0
    continues: bool = False
    """The previous leaf lies in an earlier log; ``prev_index`` is an index of that one."""

    @property
    def is_member(self) -> bool:
        return self.statement is None


def encode_leaf(
    seq: int,
    prev_hash: Hash,
    prev_index: int,
    received_ms: int,
    statement: bytes,
    continues: bool = False,
) -> bytes:
    """A version 1 (or 0x81) leaf around an encoded statement."""
    version = SINGLE | CONTINUES if continues else SINGLE
    leaf = HEADER.pack(version, seq, prev_hash, prev_index, received_ms) + statement
    if len(leaf) > MAX_LEAF:
        raise BadRequest(f"leaf of {len(leaf)} bytes is over the limit of {MAX_LEAF}")
    return leaf


def decode_leaf(data: bytes) -> Leaf:
    """Decode strictly, the statement and the claim with it. Raises BadRequest."""
    if not data or len(data) > MAX_LEAF:
        raise BadRequest(f"leaf has {len(data)} bytes, outside 1…{MAX_LEAF}")
    statement: Statement | None = None
    batch = position = 0
    version, continues = data[0] & ~CONTINUES, data[0] >= CONTINUES
    if version == SINGLE:
        if len(data) < HEADER.size:
            raise BadRequest("leaf is cut short in its header")
        _, seq, prev_hash, prev_index, received = HEADER.unpack_from(data)
        statement = parse_statement(data[HEADER.size :])
        claim = Claim.decode(statement.claim)
    elif version == MEMBER:
        if len(data) != MEMBER_HEADER.size + CLAIM_SIZE:
            raise BadRequest(
                f"batch member has {len(data)} bytes, not {MEMBER_HEADER.size + CLAIM_SIZE}"
            )
        _, seq, prev_hash, prev_index, received, batch, position = MEMBER_HEADER.unpack_from(data)
        claim = Claim.decode(data[MEMBER_HEADER.size :])
        if claim.kind not in MEMBER_KINDS:
            raise BadRequest(f"a batch member cannot be of kind {claim.kind.name.lower()}")
    else:
        raise BadRequest(f"leaf version {data[0]} is unknown")
    leaf = Leaf(
        seq,
        prev_hash,
        prev_index,
        received,
        claim,
        statement,
        LeafIndex(batch),
        position,
        continues,
    )
    _check_header(leaf)
    return leaf


def _check_header(leaf: Leaf) -> None:
    if max(leaf.seq, leaf.prev_index, leaf.received_ms, leaf.batch_index) > MAX_INTEGER:
        raise BadRequest("leaf integer is 2^53 or more")
    if leaf.seq == 0 and (leaf.prev_hash != ZERO_HASH or leaf.prev_index != 0):
        raise BadRequest("first leaf of a chain names a previous leaf")
    if leaf.seq == 0 and leaf.continues:
        raise BadRequest("first leaf of a chain does not continue an earlier log")
    if leaf.seq != 0 and leaf.prev_hash == ZERO_HASH:
        raise BadRequest("leaf with seq over 0 names no previous leaf")


def claim_bytes(data: bytes) -> bytes:
    """The claim inside an encoded leaf that was decoded before."""
    if data[0] & ~CONTINUES == MEMBER:
        return data[MEMBER_HEADER.size :]
    return slice_claim(data[HEADER.size :])
