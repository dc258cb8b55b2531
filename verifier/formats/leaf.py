"""The leaf: a header that the log writes, then what the author signed. At most 65,535 bytes.

    version 1   u8 1 | seq u64 | prev hash 32 | prev index u64 | received_ms u64 | statement
    version 2   u8 2 | the same header | batch index u64 | position u32 | claim (170)

Version 2 is a member of a batch. 0x81 and 0x82 are the same for a leaf whose previous one lies in
an earlier log: prev index counts there.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import (
    ACCESS,
    CLAIM_BYTES,
    GENESIS,
    KINDS,
    MAX_INTEGER,
    RECORD,
    SUCCESSION,
    ZERO,
    Claim,
    parse_claim,
)
from verifier.formats.statement import Statement, parse_statement

MAX_LEAF_BYTES = 65_535
HEADER_BYTES = 57
_HEADER = Struct(">BQ32sQQ")
_MEMBERSHIP = Struct(">QI")
MEMBER_BYTES = HEADER_BYTES + _MEMBERSHIP.size + CLAIM_BYTES


class Membership(NamedTuple):
    batch_index: int
    position: int


class Leaf(NamedTuple):
    crosses: bool
    """Versions 0x81 and 0x82: the previous leaf lies in an earlier log of the line."""
    seq: int
    prev_hash: bytes
    prev_index: int
    received_ms: int
    claim: Claim
    claim_bytes: bytes
    """With the body."""
    statement: Statement | None
    """None in a batch's member: the batch's statement speaks for it."""
    member: Membership | None

    @property
    def body(self) -> bytes:
        return self.claim_bytes[CLAIM_BYTES:]


def parse_leaf(raw: bytes) -> Leaf:
    if not HEADER_BYTES < len(raw) <= MAX_LEAF_BYTES:
        raise _false(f"{HEADER_BYTES + 1} to {MAX_LEAF_BYTES} bytes", f"{len(raw)} bytes")
    version, seq, prev_hash, prev_index, received_ms = _HEADER.unpack_from(raw)
    if seq >= MAX_INTEGER or prev_index >= MAX_INTEGER or received_ms >= MAX_INTEGER:
        raise _false(
            "integers below 2^53", f"seq {seq}, prev index {prev_index}, received {received_ms}"
        )
    crosses = version & 0x80 != 0
    if (seq == 0) != (prev_hash == ZERO) or (seq == 0 and (prev_index != 0 or crosses)):
        raise NotVerified("chain", "a previous leaf exactly where seq is over 0", f"seq {seq}")
    if version in (1, 0x81):
        statement = parse_statement(raw[HEADER_BYTES:])
        return Leaf(
            crosses,
            seq,
            prev_hash,
            prev_index,
            received_ms,
            statement.claim,
            statement.claim_bytes,
            statement,
            None,
        )
    if version not in (2, 0x82):
        raise _false("version 1, 2, 0x81 or 0x82", f"version {version}")
    if len(raw) != MEMBER_BYTES:
        raise _false(f"{MEMBER_BYTES} bytes in a batch's member", f"{len(raw)} bytes")
    member = Membership._make(_MEMBERSHIP.unpack_from(raw, HEADER_BYTES))
    if member.batch_index >= MAX_INTEGER:
        raise _false("integers below 2^53", f"batch index {member.batch_index}")
    claim_bytes = raw[HEADER_BYTES + _MEMBERSHIP.size :]
    claim = parse_claim(claim_bytes)
    if claim.kind not in (RECORD, ACCESS):
        raise _false("a record or an access in a batch", f"kind {claim.kind}")
    return Leaf(crosses, seq, prev_hash, prev_index, received_ms, claim, claim_bytes, None, member)


def check_position(index: int, leaf: Leaf) -> None:
    """What the leaf's index says about it."""
    kind = leaf.claim.kind
    if (kind in (GENESIS, SUCCESSION)) != (index == 0):
        raise NotVerified(
            "genesis", "kind genesis or succession at index 0 only", f"kind {KINDS[kind].name}"
        )
    if leaf.seq and not leaf.crosses and leaf.prev_index >= index:
        raise NotVerified("chain", f"a previous leaf before {index}", f"index {leaf.prev_index}")
    member = leaf.member
    if member is not None and member.batch_index + 1 + member.position != index:
        raise NotVerified(
            "batch",
            f"batch index and position that lead to {index}",
            f"{member.batch_index} and {member.position}",
        )


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("leaf", expected, found)
