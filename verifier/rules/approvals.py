"""What several governors do together: the author of a claim is one of them, the others approve.

    approval  = d2 84 | bstr protected | a0 | f6 | bstr signature     COSE_Sign1, detached payload
    protected = {1: alg, 4: kid}
    payload   = "counterfoil/approval/v1" | kind u8 | log 32 | chain 16 | prev hash 32
                | SHA-256(change) | expires u64
    signed    = 84 6a "Signature1" | bstr protected | 40 | bstr payload
    change    = the body without its fields approvals and expires, and a predecessor's approvals

Each approval is rendered again from its alg, kid and signature, and compared byte for byte. They
stand in ascending order of kid.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats import cbor
from verifier.formats.bodies import Genesis, Governors
from verifier.formats.fields import Quorum
from verifier.formats.keys import ALG_CBOR, ED25519, ML_DSA_44, SIGNATURE_HEAD, PublicKey, verifies
from verifier.formats.leaf import Leaf

_LABEL = b"counterfoil/approval/v1"
_KID_AT = {0x26: (ED25519, 10), 0x27: (ML_DSA_44, 11)}
"""Length of the protected header, which gives alg and place of the kid."""


class Place(NamedTuple):
    """What an approval is for: the next leaf of one chain of one log."""

    kind: int
    log: bytes
    chain: bytes
    prev_hash: bytes
    expires_ms: int = 0

    def payload(self, change: bytes) -> bytes:
        return (
            _LABEL
            + bytes([self.kind])
            + self.log
            + self.chain
            + self.prev_hash
            + sha256(change).digest()
            + self.expires_ms.to_bytes(8, "big")
        )


def change_of(body: bytes) -> bytes:
    """What the governors approve of a body that has been read already."""
    fields = cbor.decode(body)
    if not isinstance(fields, dict):
        raise _false("a map", type(fields).__name__)
    predecessor = fields.get("predecessor")
    if isinstance(predecessor, dict):
        predecessor.pop("approvals", None)
    kept = {key: value for key, value in fields.items() if key not in ("approvals", "expires")}
    return cbor.encode(kept)


def check_quorum(leaf: Leaf, quorum: Quorum | None, governors: Governors) -> None:
    """Of a trust or actor entry by a governor; `governors` are those before it."""
    if (quorum is None) != (governors.threshold == 1):
        raise _false(
            f"approvals exactly where the threshold, {governors.threshold}, is over 1",
            "none" if quorum is None else "some",
        )
    if quorum is None:
        return
    if leaf.received_ms > quorum.expires_ms:
        raise _false(f"an entry until {quorum.expires_ms}", f"received {leaf.received_ms}")
    claim = leaf.claim
    place = Place(claim.kind, claim.log, claim.chain, leaf.prev_hash, quorum.expires_ms)
    _check_others(quorum.approvals, governors, claim.author, place.payload(change_of(leaf.body)))


def check_founding(leaf: Leaf, genesis: Genesis) -> None:
    """The approvals of a genesis or succession by the governors that it names."""
    claim = leaf.claim
    place = Place(claim.kind, claim.log, claim.chain, leaf.prev_hash)
    payload = place.payload(change_of(leaf.body))
    _check_others(genesis.approvals, genesis.governors, claim.author, payload)


def _check_others(
    approvals: Sequence[bytes], governors: Governors, author: bytes, payload: bytes
) -> None:
    others = [member.key for member in governors.members if member.id != author]
    check_approvals(approvals, others, governors.threshold - 1, payload)


def check_approvals(
    approvals: Sequence[bytes], keys: Sequence[PublicKey], least: int, payload: bytes
) -> None:
    """At least so many, in order, each by another one of `keys`."""
    if not least <= len(approvals) <= len(keys):
        raise _false(f"{least} to {len(keys)} approvals", str(len(approvals)))
    by_kid = {key.kid: key for key in keys}
    last = b""
    for approval in approvals:
        kid = _check_approval(approval, by_kid, payload)
        if kid <= last:
            raise _false("approvals in ascending order of kid", f"{kid.hex()} after {last.hex()}")
        last = kid


def _check_approval(approval: bytes, keys: dict[bytes, PublicKey], payload: bytes) -> bytes:
    alg, kid_at = _KID_AT.get(approval[3], (0, 0)) if len(approval) > 3 else (0, 0)
    if not alg:
        raise _false("an approval with alg Ed25519 or ML-DSA-44", approval[:8].hex() or "nothing")
    kid = approval[kid_at : kid_at + 32]
    head, bytes_left = SIGNATURE_HEAD[alg], approval[kid_at + 32 :]
    signature = bytes_left[len(b"\xa0\xf6" + head) :]
    header = b"\xa2\x01" + ALG_CBOR[alg] + b"\x04\x58\x20" + kid
    protected = b"\x58" + bytes([len(header)]) + header
    rendered = b"\xd2\x84" + protected + b"\xa0\xf6" + head + signature
    if rendered != approval or len(signature) != int.from_bytes(head[1:], "big"):
        raise _false("an approval in its one form", approval[:8].hex())
    key = keys.get(kid)
    if key is None or key.alg != alg:
        raise _false("an approval by another governor", f"kid {kid.hex()}")
    payload_field = b"\x58" + bytes([len(payload)]) + payload
    signed = b"\x84\x6aSignature1" + protected + b"\x40" + payload_field
    if not verifies(key.load(), signature, signed):
        raise _false(f"a signature of governor key {kid.hex()} for this place", "another")
    return kid


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("approvals", expected, found)
