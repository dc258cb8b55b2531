"""Access tokens: 32 random bytes in base64url. Only their SHA-256 is kept, and only in memory: a
restart ends all of them, and a dump of the memory gives none.
"""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from hashlib import sha256
from typing import Final, NamedTuple

from api.caller import Caller
from api.errors import Refused
from ledger.wire.ids import ActorId
from ledger.wire.keys import KeyId

TOKEN_BYTES: Final = 32


class Granted(NamedTuple):
    """What a token stands for."""

    caller: Caller
    kid: KeyId
    """The login key that it was got with: when it ends, so does the token."""
    end_ms: int


class Tokens:
    """Owned by the event loop. All tokens live equally long, so the oldest ends first."""

    def __init__(self, life_ms: int, most: int, most_each: int) -> None:
        self.life_ms = life_ms
        self._most, self._most_each = most, most_each
        self._granted: OrderedDict[bytes, Granted] = OrderedDict()
        self._each: Counter[ActorId] = Counter()

    def check_room(self, actor: ActorId, now_ms: int) -> None:
        """Raises Refused when no token can be given to this actor now."""
        self._forget_ended(now_ms)
        if len(self._granted) >= self._most:
            raise Refused(
                503,
                "the service has given as many tokens as it gives",
                hint="try again in a minute",
                code="throttled",
                headers={"Retry-After": "60"},
            )
        if self._each[actor] >= self._most_each:
            raise Refused(
                429,
                "this client has as many tokens as one may have",
                hint="use a token until it ends",
                code="throttled",
                headers={"Retry-After": str(max(1, self.life_ms // 4000))},
            )

    def give(self, caller: Caller, kid: KeyId, now_ms: int) -> str:
        """A new token. Raises Refused."""
        self.check_room(caller.actor, now_ms)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._granted[_hash(token)] = Granted(caller, kid, now_ms + self.life_ms)
        self._each[caller.actor] += 1
        return token

    def find(self, token: str, now_ms: int) -> Granted | None:
        """What a token stands for, None when it is unknown or has ended.

        The look-up is by hash: how long it takes says nothing of a token.
        """
        granted = self._granted.get(_hash(token))
        return granted if granted is not None and now_ms < granted.end_ms else None

    def revoke(self, token: str) -> None:
        """End a token before its time."""
        granted = self._granted.pop(_hash(token), None)
        if granted is not None:
            self._one_less(granted.caller.actor)

    def __len__(self) -> int:
        return len(self._granted)

    def _forget_ended(self, now_ms: int) -> None:
        while self._granted:
            first = next(iter(self._granted))
            if now_ms < self._granted[first].end_ms:
                return
            self._one_less(self._granted.pop(first).caller.actor)

    def _one_less(self, actor: ActorId) -> None:
        self._each[actor] -= 1
        if not self._each[actor]:
            del self._each[actor]


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
