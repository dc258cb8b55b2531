"""Login challenges of persons: docs/spec/login.md.

A nonce is 16 random bytes ‖ the first 16 of HMAC-SHA-256 over actor, these and the expiry, under a
key of this process. So a challenge costs no memory until it has been answered well, and challenges
for actors that do not exist look like all others.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Final, NamedTuple

from api.auth.standing import Standing, standing
from ledger.identity import ActorKey, Registry
from ledger.identity.bodies import LOGIN
from ledger.wire.ids import ActorId
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId
from ledger.wire.login_challenge import NONCE_SIZE, login_message, login_verifies

MAX_SIGNATURE: Final = 2420
_HALF: Final = NONCE_SIZE // 2
_SIGNATURES: Final = {ED25519: 64, ML_DSA_44: MAX_SIGNATURE}


class Answered(NamedTuple):
    """What came back."""

    actor: ActorId
    nonce: bytes
    expiry_ms: int
    signature: bytes


class Challenges:
    """Owned by the event loop, but for ``signer``."""

    def __init__(self, life_ms: int) -> None:
        self._life_ms = life_ms
        self._key = secrets.token_bytes(32)
        self._used: dict[bytes, int] = {}
        """Nonce -> expiry, of good logins; as many as tokens were given in that time."""

    def new(self, actor: ActorId, now_ms: int) -> tuple[bytes, int]:
        """Nonce and expiry for an actor, if there is such a one or not."""
        start, expiry_ms = secrets.token_bytes(_HALF), now_ms + self._life_ms
        return start + self._seal(actor, start, expiry_ms), expiry_ms

    def is_open(self, answer: Answered, now_ms: int) -> bool:
        """Whether this challenge was made here, for this actor, and can still be answered."""
        start, seal = answer.nonce[:_HALF], answer.nonce[_HALF:]
        expected = self._seal(answer.actor, start, answer.expiry_ms)
        fresh = now_ms < answer.expiry_ms and answer.nonce not in self._used
        return hmac.compare_digest(seal, expected) and fresh

    def use_up(self, answer: Answered, now_ms: int) -> bool:
        """Take a challenge for good; False when somebody else was first."""
        self._used = {nonce: end for nonce, end in self._used.items() if now_ms < end}
        if not self.is_open(answer, now_ms):
            return False
        self._used[answer.nonce] = answer.expiry_ms
        return True

    def _seal(self, actor: ActorId, start: bytes, expiry_ms: int) -> bytes:
        message = actor + start + expiry_ms.to_bytes(8, "big")
        return hmac.digest(self._key, message, sha256().name)[:_HALF]


def signer(registry: Registry, answer: Answered, now_ms: int, service: str) -> KeyId | None:
    """The login key that answered, None when none of the actor's valid ones did. ``service`` is
    our URL. For a thread.

    Where there is no key to try, a key of nobody is: the time tells no more than the answer.
    """
    message = login_message(registry.log, answer.nonce, answer.expiry_ms, service)
    valid: list[ActorKey] = []
    if standing(registry, answer.actor, now_ms) is Standing.IN_FORCE:
        valid = [key for key in registry.actors[answer.actor].keys if _could(key, answer)]
    for key in valid:
        if login_verifies(key.alg, key.public_key, answer.signature, message):
            return key.kid
    if not valid and (nobody := _NOBODY.get(len(answer.signature))):
        login_verifies(*nobody, answer.signature, message)
    return None


def _could(key: ActorKey, answer: Answered) -> bool:
    whole = _SIGNATURES.get(key.alg) == len(answer.signature)
    return whole and key.use == LOGIN and key.ended_at is None


_BASE_POINT: Final = bytes([0x58]) + bytes([0x66]) * 31
_NOBODY: Final = {64: (ED25519, _BASE_POINT), MAX_SIGNATURE: (ML_DSA_44, bytes(1312))}
