"""Bodies: read whole, or sent whole, where that is needed, within a limit each and a limit for all
together.

What does not fit is refused before it is read: memory stays flat, however many come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from api.caller import CALLER
from api.middleware.body import pieces
from api.middleware.form import too_large
from api.room import Room
from api.v1.codec import Form, form_of

STEP: Final = 1 << 20
WEIGHT: Final = {Form.CBOR: 2, Form.JSON: 4}
"""A body and what is decoded of it, by its own size."""


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
