"""The claim: what an author signs. 170 bytes, big-endian, then a body for some kinds.

    0   1  version = 1            82  8  authored_ms
    1   1  kind                   90  32 hash of the sealed blob, zero for none
    2   32 log                    122 8  sealed size, 0 for none, at most 17,825,792
    34  16 chain                  130 8  expires_ms, 0 = never
    50  16 author                 138 32 hash of the amended leaf or the ended link, or zero
    66  16 entry id (UUIDv7)      170 .. body; claim and body at most 60,000 bytes

Here are the rules that one claim can break by itself; what depends on its place in the log is in
`audit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from verifier.errors import NotVerified

CLAIM_BYTES = 170
MAX_CLAIM_BYTES = 60_000
MAX_SEALED_BYTES = 17_825_792
MAX_INTEGER = 2**53
ZERO = bytes(32)

GENESIS, SUCCESSION, TRUST, ACTOR, OPEN, RECORD, AMEND, RETRACT = 1, 2, 3, 4, 5, 6, 7, 8
LINK, UNLINK, ACCESS, ERASURE, BATCH, EPOCH = 9, 10, 11, 16, 17, 18
RESERVED = {12, 13, 14, 15, 19}

_STRUCT = Struct(">BB32s16s16s16sQ32sQQ32s")
CLOCK_AHEAD_MS = 5 * 60 * 1000
OLDEST_ID_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class KindRule:
    name: str
    has_body: bool
    may_seal: bool
    must_seal: bool
    amends: bool


KINDS = {
    GENESIS: KindRule("genesis", True, False, False, False),
    SUCCESSION: KindRule("succession", True, False, False, False),
    TRUST: KindRule("trust", True, False, False, False),
    ACTOR: KindRule("actor", True, True, False, False),
    OPEN: KindRule("open", False, True, True, False),
    RECORD: KindRule("record", False, True, True, False),
    AMEND: KindRule("amend", False, True, True, True),
    RETRACT: KindRule("retract", False, True, True, True),
    LINK: KindRule("link", False, True, True, False),
    UNLINK: KindRule("unlink", False, True, True, True),
    ACCESS: KindRule("access", False, True, True, False),
    ERASURE: KindRule("erasure", True, True, False, False),
    BATCH: KindRule("batch", True, False, False, False),
    EPOCH: KindRule("epoch", True, False, False, False),
}


class Claim(NamedTuple):
    """A NamedTuple, not a dataclass: one is made per leaf, and it costs a third."""

    version: int
    kind: int
    log: bytes
    chain: bytes
    author: bytes
    entry_id: bytes
    authored_ms: int
    blob_hash: bytes
    sealed_size: int
    expires_ms: int
    amended: bytes

    @property
    def id_ms(self) -> int:
        """The time inside the entry id: its first 48 bits."""
        return int.from_bytes(self.entry_id[:6], "big")


def parse_claim(raw: bytes) -> Claim:
    """The claim in front of its body, raw[170:], which is there exactly when the kind has one."""
    size = len(raw)
    if not CLAIM_BYTES <= size <= MAX_CLAIM_BYTES:
        raise _false(f"{CLAIM_BYTES} to {MAX_CLAIM_BYTES} bytes", f"{size} bytes")
    claim = Claim._make(_STRUCT.unpack_from(raw))
    version, kind, _, _, _, entry_id, authored_ms, blob_hash, sealed_size, expires_ms, amended = (
        claim
    )
    if version != 1:
        raise _false("version 1", f"version {version}")
    rule = KINDS.get(kind)
    if rule is None:
        raise _false(
            "a known kind", f"kind {kind} is {'reserved' if kind in RESERVED else 'unknown'}"
        )
    if rule.has_body != (size > CLAIM_BYTES):
        raise _false(
            f"{'a' if rule.has_body else 'no'} body for kind {rule.name}",
            f"{size - CLAIM_BYTES} bytes",
        )
    if entry_id[6] & 0xF0 != 0x70 or entry_id[8] & 0xC0 != 0x80:
        raise NotVerified("entry id", "a UUIDv7", entry_id.hex())
    if authored_ms >= MAX_INTEGER or expires_ms >= MAX_INTEGER:
        raise _false("integers below 2^53", f"authored {authored_ms}, expires {expires_ms}")
    if sealed_size > MAX_SEALED_BYTES:
        raise _false(f"a sealed size of at most {MAX_SEALED_BYTES}", str(sealed_size))
    if (sealed_size == 0) != (blob_hash == ZERO):
        raise _false("sealed size 0 exactly when there is no blob hash", f"size {sealed_size}")
    if sealed_size == 0:
        if rule.must_seal:
            raise _false(f"a sealed blob for kind {rule.name}", "none")
    elif not rule.may_seal:
        raise _false(f"no sealed blob for kind {rule.name}", f"one of {sealed_size} bytes")
    if rule.amends == (amended == ZERO):
        raise _false(
            f"{'an' if rule.amends else 'no'} amended leaf for kind {rule.name}", amended.hex()
        )
    return claim


def check_times(claim: Claim, received_ms: int) -> None:
    """What the time of arrival says about a claim: entry id window, author's clock, expiry."""
    id_ms = int.from_bytes(claim.entry_id[:6], "big")
    if not received_ms - OLDEST_ID_MS <= id_ms <= received_ms + CLOCK_AHEAD_MS:
        raise NotVerified(
            "entry id",
            f"a time within 30 days before and 5 minutes after {received_ms}",
            str(id_ms),
        )
    if claim.authored_ms > received_ms + CLOCK_AHEAD_MS:
        raise NotVerified(
            "time", f"authored at most 5 minutes after {received_ms}", str(claim.authored_ms)
        )
    if claim.expires_ms and received_ms > claim.expires_ms:
        raise NotVerified("expiry", f"sequenced by {claim.expires_ms}", f"received {received_ms}")


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("claim", expected, found)
