"""Bodies: read whole where that is needed, within a limit each and a limit for all together.

What does not fit is refused before it is read: memory stays flat, however many come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from api.errors import Refused
from api.middleware.body import pieces
from api.middleware.form import too_large

STEP: Final = 1 << 20


class Room:
    """Bytes that may be in memory at once. Owned by the event loop."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Raises Refused."""
        if size > self.left:
            raise Refused(
                503,
                "the service holds as many bodies as it can",
                hint="try again in a moment, or send smaller batches",
                code="throttled",
                headers={"Retry-After": "1"},
            )
        self.left -= size

    def give(self, size: int) -> None:
        self.left += size


@asynccontextmanager
async def whole_body(request: web.Request, limit: int, room: Room) -> AsyncIterator[bytes]:
    """The body, as long as it is needed. Raises Refused."""
    promised = request.content_length
    if promised is not None and promised > limit:
        raise too_large(limit)
    taken = promised or 0
    room.take(taken)
    try:
        held: list[bytes] = []
        size = 0
        async for piece in pieces(request):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            if size > taken:
                room.take(STEP)
                taken += STEP
            held.append(piece)
        joined = b"".join(held)
        held.clear()
        yield joined
    finally:
        room.give(taken)
