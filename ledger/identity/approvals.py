"""Approvals: signatures of governors under what another governor does, good for one place.

    approval  d2 84 ‖ bstr(protected) ‖ a0 ‖ f6 ‖ bstr(signature)     COSE_Sign1, detached payload
    protected {1: alg, 4: kid}
    payload   "counterfoil/approval/v1" ‖ kind u8 ‖ log (32) ‖ chain (16) ‖ prev hash (32)
              ‖ SHA-256(change) (32) ‖ expires u64
    signed    84 6a "Signature1" ‖ bstr(protected) ‖ 40 ‖ bstr(payload)

prev hash is that of the leaf which the act follows on its chain, so an approval is good once:
afterwards the chain has gone on. Specification: docs/spec/registry.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from ledger.errors import BadEvidence, BadRequest
from ledger.identity.bodies import Governor
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import HASH_SIZE, ActorId, ChainId, Hash
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId, registered_key, verifies
from ledger.wire.statement import StatementKey

LABEL: Final = b"counterfoil/approval/v1"
_PAYLOAD: Final = Struct(">B32s16s32s32sQ")
_SIGNATURE_SIZES: Final = {ED25519: 64, ML_DSA_44: 2420}
_ANOTHER_PLACE: Final = (
    "an approval is good for one change at one place: when the chain has gone on since, or "
    "anything was edited, propose it again and have it approved again"
)


class Approval(NamedTuple):
    """A parsed approval."""

    alg: int
    kid: KeyId
    signature: bytes


class Act(NamedTuple):
    """What is approved, and where it will stand."""

    kind: Kind
    log: Hash
    """The claim's: in a genesis the hash of the origin."""
    chain: ChainId
    prev: Hash
    """Leaf hash of the chain's newest leaf; zero for a new chain."""
    change: bytes
    """The body without its quorum."""
    expires_ms: int = 0
    """0 in a genesis or succession."""

    def payload(self) -> bytes:
        """What the approvals cover."""
        return approval_payload(*self)


def approval_payload(
    kind: Kind, log: Hash, chain: ChainId, prev: Hash, change: bytes, expires_ms: int
) -> bytes:
    """144 bytes."""
    digest = sha256(change).digest()
    return LABEL + _PAYLOAD.pack(kind, log, chain, prev, digest, expires_ms)


def _protected(alg: int, kid: KeyId) -> bytes:
    fields: dict[int, cbor.Value] = {1: alg, 4: kid}
    return cbor.encode(cbor.encode(fields))


def _signed(protected: bytes, payload: bytes) -> bytes:
    return b"\x84\x6aSignature1" + protected + b"\x40" + cbor.encode(payload)


def sign_approval(key: StatementKey, payload: bytes) -> bytes:
    """A governor's approval of what the payload says."""
    protected = _protected(key.alg, key.kid)
    signature = key.sign_raw(_signed(protected, payload))
    return _render(Approval(key.alg, key.kid, signature))


def _render(one: Approval) -> bytes:
    protected = _protected(one.alg, one.kid)
    return b"\xd2\x84" + protected + b"\xa0\xf6" + cbor.encode(one.signature)


def parse_approval(data: bytes) -> Approval:
    """Slice, render again, compare: only the one encoding passes. Raises BadRequest."""
    for alg, size in _SIGNATURE_SIZES.items():
        empty = _render(Approval(alg, KeyId(bytes(HASH_SIZE)), bytes(size)))
        if len(data) != len(empty):
            continue
        start = empty.index(bytes(HASH_SIZE))
        one = Approval(alg, KeyId(data[start : start + HASH_SIZE]), data[-size:])
        if _render(one) == data:
            return one
    raise BadRequest("an approval is not in the one form that it has")


def check_approvals(
    approvals: Sequence[bytes],
    act: Act,
    author: ActorId,
    governors: Sequence[Governor],
    threshold: int,
) -> None:
    """Whether enough governors beside the author approve. Raises BadRequest or BadEvidence; one bad
    approval is enough.
    """
    most = len(governors) - 1
    if not threshold - 1 <= len(approvals) <= most:
        raise BadRequest(
            f"{len(approvals)} governors approve, {threshold - 1} to {most} are needed beside the "
            "one who signs",
            hint="collect approvals from other governors, one from each",
        )
    others = {one.kid: one for one in governors if one.id != author}
    check_signed_by(approvals, act.payload(), others)


def check_signed_by(
    approvals: Sequence[bytes], payload: bytes, governors: dict[KeyId, Governor]
) -> None:
    """Each approval by another one of these, in order, over this payload. Raises BadRequest or
    BadEvidence.
    """
    parsed = [parse_approval(data) for data in approvals]
    kids = [one.kid for one in parsed]
    if kids != sorted(set(kids)):
        raise BadRequest("approvals do not stand in ascending order of their key ids, each once")
    for one in parsed:
        governor = governors.get(one.kid)
        if governor is None or governor.alg != one.alg:
            raise BadRequest(
                f"approval by key {one.kid.hex()[:16]}, which is not that of another governor now",
                hint="each approval comes from a governor who does not sign the entry itself",
            )
        message = _signed(_protected(one.alg, one.kid), payload)
        if not verifies(registered_key(governor.public_key), one.signature, message):
            raise BadEvidence(
                f"approval of governor {governor.id.hex()} for this act at this place",
                hint=_ANOTHER_PLACE,
            )
