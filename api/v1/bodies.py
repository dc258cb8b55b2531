"""Bodies: read whole, or sent whole, where that is needed, within a limit each and a limit for all
together.

What does not fit is refused before it is read: memory stays flat, however many come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from aiohttp import web

from api.caller import CALLER
from api.errors import Refused
from api.middleware.body import pieces
from api.middleware.form import too_large
from api.v1.codec import Form, form_of
from ledger.wire.ids import ActorId

STEP: Final = 1 << 20
WEIGHT: Final = {Form.CBOR: 2, Form.JSON: 4}
"""A body and what is decoded of it, by its own size."""


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


async def send_held(
    request: web.Request, response: web.StreamResponse, data: bytes, room: Room
) -> web.StreamResponse:
    """Send an answer that may be large, within the room as long as its peer takes it."""
    with room.holding(request[CALLER].actor, len(data)):
        response.content_length = len(data)
        await response.prepare(request)
        for at in range(0, len(data), STEP):
            await response.write(data[at : at + STEP])
        await response.write_eof()
    return response


@asynccontextmanager
async def whole_body(request: web.Request, limit: int, room: Room) -> AsyncIterator[bytes]:
    """The body, as long as it is needed. Raises Refused."""
    caller, weight = request[CALLER].actor, WEIGHT[form_of(request)]
    promised = request.content_length
    if promised is not None and promised > limit:
        raise too_large(limit)
    taken = weight * (promised or 0)
    room.take(caller, taken)
    try:
        held: list[bytes] = []
        size = 0
        async for piece in pieces(request):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            if weight * size > taken:
                room.take(caller, weight * STEP)
                taken += weight * STEP
            held.append(piece)
        joined = b"".join(held)
        held.clear()
        yield joined
    finally:
        room.give(caller, taken)
