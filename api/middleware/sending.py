"""Sending: an answer that its peer has to take piece by piece is sent within the room that there is
for what is large, all together and for one caller.
"""

from __future__ import annotations

from aiohttp import web

from api.room import AT_ONCE, held
from api.routing import Handler


@web.middleware
async def sent(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What was read is refused with 503 where there is no room for it; what was written is told,
    and came in within the same room.
    """
    response = await handler(request)
    if not isinstance(response, web.Response) or response.prepared:
        return response
    size = len(response.body) if isinstance(response.body, bytes) else 0
    if size > AT_ONCE:
        reads = request.method == "GET" or request.path.endswith("/_search")
        with held(request, size if reads else 0):
            await response.prepare(request)
            await response.write_eof()
    return response
