"""Body of a request: within its size, and within a time that a slow sender cannot stretch.

A stream may take ``body_s`` and the time that its bytes need at ``stream_rate``; everything else
``body_s``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from api.errors import Refused
from api.keys import SETTINGS
from api.middleware.form import too_large
from api.room import held
from api.routing import Body, Handler, route_of

_UNSAID: Final = 1 << 20
"""Bytes that a body counts for while it comes and has not said its length."""


@web.middleware
async def body_read(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read the body before the handler runs: ``await request.read()`` then waits for nothing."""
    row = route_of(request)
    if row is None or not request.body_exists or row.body is Body.STREAM:
        return await handler(request)
    settings = request.app[SETTINGS]
    limit = settings.body_limit(row.body)
    # No more is taken than may come, also of a body that does not say its length. The copy has what
    # was kept on the request until here; what is kept from here on, those outside do not see.
    request = request.clone(client_max_size=limit)
    promised = request.content_length
    with held(request, _UNSAID if promised is None else promised):
        await _invite(request)
        try:
            async with asyncio.timeout(settings.body_s):
                size = len(await request.read())
        except TimeoutError:
            raise _too_slow() from None
        except web.HTTPRequestEntityTooLarge:
            raise too_large(limit) from None
        if promised is not None:
            return await handler(request)
    with held(request, size):
        return await handler(request)


async def pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body of a stream as it comes. Raises Refused when it is too large or too slow."""
    settings, loop = request.app[SETTINGS], asyncio.get_running_loop()
    await _invite(request)
    began, received = loop.time(), 0
    while True:
        allowed = began + settings.body_s + received / settings.stream_rate
        try:
            async with asyncio.timeout_at(allowed):
                piece = await request.content.readany()
        except TimeoutError:
            raise _too_slow() from None
        if not piece:
            return
        received += len(piece)
        if received > settings.stream_bytes:
            raise too_large(settings.stream_bytes)
        yield piece


async def _invite(request: web.Request) -> None:
    """Tell whoever waits for it to send the body (RFC 9110, 10.1.1)."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.version >= (1, 1) and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _too_slow() -> Refused:
    return Refused(
        408,
        "the body took too long",
        hint="send it faster, or less at a time",
        code="timeout",
        headers={"Connection": "close"},
    )
