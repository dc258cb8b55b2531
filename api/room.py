"""Room: what is large is in memory only as far as there is room for it, for all callers together
and for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from api.caller import CALLER
from api.errors import Refused
from ledger.wire.ids import ID_SIZE, ActorId

AT_ONCE: Final = 64 << 10
"""Bytes that are not counted: a connection takes so many without waiting for its peer."""
_ANYBODY: Final = ActorId(bytes(ID_SIZE))
"""Who has no token shares the part of one caller."""


class Room:
    """Bytes that may be in memory at once. Owned by the event loop."""

    def __init__(self, size: int) -> None:
        self.left = size
        self._half = size // 2
        self._held: Counter[ActorId] = Counter()

    def take(self, caller: ActorId, size: int) -> None:
        """Raises Refused. Who has some already, be it of the same body, gets no more than half of
        all.
        """
        held = self._held[caller]
        if size > self.left or (held and held + size > self._half):
            raise Refused(
                503,
                "the service holds as many bodies as it can",
                hint="try again in a moment, or send smaller batches",
                code="throttled",
                headers={"Retry-After": "1"},
            )
        self._held[caller] += size
        self.left -= size

    def give(self, caller: ActorId, size: int) -> None:
        """What was taken before."""
        self.left += size
        self._held[caller] -= size
        if not self._held[caller]:
            del self._held[caller]

    @contextmanager
    def holding(self, caller: ActorId, size: int) -> Iterator[None]:
        """So much, for so long. Raises Refused."""
        self.take(caller, size)
        try:
            yield
        finally:
            self.give(caller, size)


ROOM: Final = web.AppKey("room", Room)


@contextmanager
def held(request: web.Request, size: int) -> Iterator[None]:
    """So many bytes of this request's, if they are many. Raises Refused 503."""
    if size <= AT_ONCE:
        yield
        return
    caller = request.get(CALLER)
    with request.app[ROOM].holding(caller.actor if caller else _ANYBODY, size):
        yield
