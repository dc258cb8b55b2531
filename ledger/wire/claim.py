"""Claim: what an author says, in 170 fixed bytes and, for some kinds, a body.

    offset size
      0     1   version = 1
      1     1   kind
      2    32   log: leaf hash of the genesis (in the genesis: SHA-256 of the origin)
     34    16   chain
     50    16   author (actor id)
     66    16   entry id (UUIDv7)
     82     8   authored, unix ms
     90    32   SHA-256 of the sealed blob; zero for none
    122     8   size of the sealed blob in bytes; zero exactly when there is none
    130     8   expires, unix ms; zero for never
    138    32   leaf hash of the amended leaf; zero for none
    170     …   body (genesis, succession, trust, actor, batch, erasure, epoch)

All integers big-endian and below 2^53. Specification: docs/spec/claim.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.ids import (
    HASH_SIZE,
    ID_SIZE,
    MAX_INTEGER,
    ZERO_HASH,
    ActorId,
    ChainId,
    EntryId,
    Hash,
    is_entry_id,
)

CLAIM_VERSION: Final = 1
CLAIM_SIZE: Final = 170
CLAIM_STRUCT: Final = Struct(">BB32s16s16s16sQ32sQQ32s")
CHAIN_AT: Final = slice(34, 50)
AUTHOR_AT: Final = slice(50, 66)
ENTRY_ID_AT: Final = slice(66, 82)
"""Where these fields lie, for those who need no more of a claim."""
MAX_CLAIM: Final = 60_000
MAX_BLOB: Final = 17 * 1024 * 1024
"""A content of 16 MiB with its header and padding fits."""


class Kind(IntEnum):
    """What an entry is. The codes are part of the format."""

    GENESIS = 1
    SUCCESSION = 2
    TRUST = 3
    ACTOR = 4
    OPEN = 5
    RECORD = 6
    AMEND = 7
    RETRACT = 8
    LINK = 9
    UNLINK = 10
    ACCESS = 11
    CONSENT = 12
    NOTICE = 13
    REVIEW = 14
    COMPLAINT = 15
    ERASURE = 16
    BATCH = 17
    EPOCH = 18
    CUSTODY = 19


BUILT_KINDS: Final = frozenset(
    {
        Kind.GENESIS,
        Kind.SUCCESSION,
        Kind.TRUST,
        Kind.ACTOR,
        Kind.OPEN,
        Kind.RECORD,
        Kind.AMEND,
        Kind.RETRACT,
        Kind.LINK,
        Kind.UNLINK,
        Kind.ACCESS,
        Kind.ERASURE,
        Kind.BATCH,
        Kind.EPOCH,
    }
)
"""The kinds that this version reads; the others are reserved and refused."""
BODY_KINDS: Final = frozenset(
    {
        Kind.GENESIS,
        Kind.SUCCESSION,
        Kind.TRUST,
        Kind.ACTOR,
        Kind.ERASURE,
        Kind.BATCH,
        Kind.EPOCH,
    }
)
BLOB_REQUIRED: Final = frozenset(
    {Kind.OPEN, Kind.RECORD, Kind.AMEND, Kind.RETRACT, Kind.LINK, Kind.UNLINK, Kind.ACCESS}
)
BLOB_FORBIDDEN: Final = frozenset(
    {Kind.GENESIS, Kind.SUCCESSION, Kind.TRUST, Kind.BATCH, Kind.EPOCH}
)
AMENDING_KINDS: Final = frozenset({Kind.AMEND, Kind.RETRACT, Kind.UNLINK})
"""The kinds that name a leaf in ``amended``: an entry of the record, or the link that ends."""
LINK_KINDS: Final = frozenset({Kind.LINK, Kind.UNLINK})
"""The kinds that tie an identifier or another record to a record, and end that."""
FIRST_LEAF_KINDS: Final = frozenset({Kind.GENESIS, Kind.SUCCESSION})
"""The kinds that stand at index 0, and nowhere else."""
REGISTRY_KINDS: Final = frozenset({Kind.TRUST, Kind.ACTOR})
"""The later kinds that change who may sign."""
MEMBER_KINDS: Final = frozenset({Kind.RECORD, Kind.ACCESS})


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim; construct with ``decode`` or directly, then ``encode`` (which checks)."""

    kind: Kind
    log: Hash
    chain: ChainId
    author: ActorId
    entry_id: EntryId
    authored_ms: int
    blob_hash: Hash = ZERO_HASH
    blob_size: int = 0
    expires_ms: int = 0
    amended: Hash = ZERO_HASH
    body: bytes = b""

    def encode(self) -> bytes:
        """The claim's bytes. Raises BadRequest when a rule of the format is broken."""
        check_rules(self)
        _check_widths(self)
        return (
            CLAIM_STRUCT.pack(
                CLAIM_VERSION,
                self.kind,
                self.log,
                self.chain,
                self.author,
                self.entry_id,
                self.authored_ms,
                self.blob_hash,
                self.blob_size,
                self.expires_ms,
                self.amended,
            )
            + self.body
        )

    @classmethod
    def decode(cls, data: bytes) -> Claim:
        """Decode strictly. Raises BadRequest naming the field that is wrong."""
        if not CLAIM_SIZE <= len(data) <= MAX_CLAIM:
            raise BadRequest(f"claim has {len(data)} bytes, outside {CLAIM_SIZE}…{MAX_CLAIM}")
        version, kind, log, chain, author, entry_id, authored, blob, size, expires, amended = (
            CLAIM_STRUCT.unpack_from(data)
        )
        if version != CLAIM_VERSION:
            raise BadRequest(
                f"claim version {version} is unknown, this reader knows {CLAIM_VERSION}"
            )
        if kind not in BUILT_KINDS:
            raise BadRequest(f"claim kind {kind} is reserved or unknown")
        claim = cls(
            _KINDS[kind],
            log,
            chain,
            author,
            entry_id,
            authored,
            blob,
            size,
            expires,
            amended,
            data[CLAIM_SIZE:],
        )
        check_rules(claim)
        return claim

    @classmethod
    def trusted(cls, data: bytes) -> Claim:
        """Decode bytes that ``decode`` has accepted before, without looking again."""
        _, kind, log, chain, author, entry_id, authored, blob, size, expires, amended = (
            CLAIM_STRUCT.unpack_from(data)
        )
        body = data[CLAIM_SIZE:]
        return cls(
            _KINDS[kind], log, chain, author, entry_id, authored, blob, size, expires, amended, body
        )


_KINDS: Final = {int(kind): kind for kind in Kind}


def check_rules(claim: Claim) -> None:
    """The rules that one claim alone can break. Raises BadRequest."""
    kind, size = claim.kind, claim.blob_size
    if kind not in BUILT_KINDS:
        raise BadRequest(f"claim kind {int(kind)} is reserved or unknown")
    if not is_entry_id(claim.entry_id):
        raise BadRequest("claim entry id is not a UUIDv7")
    if claim.authored_ms > MAX_INTEGER or claim.expires_ms > MAX_INTEGER:
        raise BadRequest("claim time is 2^53 or more")
    if size > MAX_BLOB:
        raise BadRequest(
            f"sealed blob of {size} bytes is over the limit of {MAX_BLOB}",
            hint="a payload has at most 16 MiB",
        )
    if (claim.blob_hash == ZERO_HASH) != (size == 0):
        raise BadRequest("claim blob hash and blob size disagree on whether there is a blob")
    if size == 0 and kind in BLOB_REQUIRED:
        raise BadRequest(f"claim of kind {kind.name.lower()} needs a sealed blob")
    if size and kind in BLOB_FORBIDDEN:
        raise BadRequest(f"claim of kind {kind.name.lower()} must not have a sealed blob")
    if (kind in BODY_KINDS) != bool(claim.body):
        raise BadRequest(f"claim of kind {kind.name.lower()} has a wrong body")
    if (kind in AMENDING_KINDS) != (claim.amended != ZERO_HASH):
        raise BadRequest(f"claim of kind {kind.name.lower()} has a wrong amended hash")
    if len(claim.body) > MAX_CLAIM - CLAIM_SIZE:
        raise BadRequest(f"claim is over the limit of {MAX_CLAIM} bytes")


def _check_widths(claim: Claim) -> None:
    """Struct would cut or fill a field of a wrong length without a word."""
    if not len(claim.log) == len(claim.blob_hash) == len(claim.amended) == HASH_SIZE:
        raise BadRequest(f"a hash in the claim has not {HASH_SIZE} bytes")
    if not len(claim.chain) == len(claim.author) == ID_SIZE:
        raise BadRequest(f"chain or author of the claim has not {ID_SIZE} bytes")
    if min(claim.authored_ms, claim.expires_ms, claim.blob_size) < 0:
        raise BadRequest("an integer in the claim is negative")
