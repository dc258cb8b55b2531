"""Gate: what there is no room for is turned away before the application sees it.

503 when all together send too much, 429 to an address that does. Under load most of what comes ends
here, so it costs as little as an answer can: no route is looked up, and one line a second tells how
many were turned away. What supervisors ask (``Route.spare``) has places of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

from aiohttp import web

from api.answers import answer
from api.background import background
from api.errors import Refused, busy
from api.keys import LOG, METRICS, REQUEST_ID, SETTINGS
from api.load import LOAD, address_of, one_more, too_much
from api.metrics import UNMATCHED
from api.middleware.watching import dress, new_request_id
from api.routing import ROUTES

_TELL_S: Final = 1.0
_CONTINUE: Final = "100-continue"
_UNEXPECTED: Final = Refused(
    417,
    "nothing but 100-continue can be expected here",
    hint="leave the Expect header out",
    code="not-supported",
)
_Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Gate:
    """In front of an application. Owned by the event loop."""

    def __init__(self, app: web.Application, handler: _Handler) -> None:
        self._app, self._handler = app, handler
        self._load, self._settings = app[LOAD], app[SETTINGS]
        self._spare = {(one.method, row.path) for one, row in app[ROUTES].items() if row.spare}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        load, settings = self._load, self._settings
        if (request.method, request.path) in self._spare:
            return await self._supervised(request)
        if load.requests >= settings.requests:
            return self._away(request, "requests", busy())
        address = address_of(request, behind_proxy=settings.behind_proxy)
        if wait_s := load.address_rate.take(address):
            return self._away(request, "address_rate", too_much(wait_s))
        if load.by_address[address] >= settings.address_requests:
            return self._away(request, "address_requests", too_much())
        with one_more(load.by_address, address):
            load.requests += 1
            try:
                return await self._let_in(request)
            finally:
                load.requests -= 1

    async def _supervised(self, request: web.BaseRequest) -> web.StreamResponse:
        load = self._load
        if load.spare >= self._settings.spare_requests:
            return self._away(request, "spare_requests", busy())
        load.spare += 1
        try:
            return await self._let_in(request)
        finally:
            load.spare -= 1

    async def _let_in(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
            # What aiohttp says by itself quotes the header.
            return self._answered(request, _UNEXPECTED)
        return await self._handler(request)

    def _away(self, request: web.BaseRequest, limit: str, error: Refused) -> web.StreamResponse:
        self._app[METRICS].refused.labels(limit).inc()
        self._load.turned_away[limit] += 1
        return self._answered(request, error)

    def _answered(self, request: web.BaseRequest, error: Refused) -> web.StreamResponse:
        self._app[METRICS].requests.labels(UNMATCHED, "other", str(error.status)).inc()
        request_id = request[REQUEST_ID] = new_request_id()
        response = answer(request, error)
        dress(response, request_id, secure=request.secure)
        if self._load.ending:
            response.force_close()
        return response


async def telling(app: web.Application) -> AsyncIterator[None]:
    """Log how many were turned away, every second in which there were any."""
    async with background(_tell_for_ever(app)):
        yield
    _tell(app)


async def _tell_for_ever(app: web.Application) -> None:
    while True:
        await asyncio.sleep(_TELL_S)
        _tell(app)


def _tell(app: web.Application) -> None:
    away = app[LOAD].turned_away
    told = list(away.items())
    away.clear()
    # A full disk behind stderr today must not end what is told tomorrow.
    with suppress(OSError):
        for limit, number in told:
            app[LOG].warning("turned away", limit=limit, times=number)
