"""Request id, metrics and one structured line for each request.

    {"event":"request","route":"/fhir/{type}/{id}","method":"GET","status":200,"ms":4.1,
     "request":"0199…","caller":"<actor id>","level":"info","at":"2026-01-02T03:04:05.678Z"}

The route is a template: no path, query, address, header or body is ever logged.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final, TextIO
from uuid import UUID

import structlog
from aiohttp import web

from api.caller import CALLER
from api.keys import LOG, METRICS, REQUEST_ID
from api.load import LOAD
from api.metrics import UNMATCHED
from api.routing import Handler, route_of
from ledger.wire.ids import new_entry_id

_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
LAG_EVERY_S: Final = 0.1
GONE: Final = 499
"""The peer went away before it was answered (as nginx counts it)."""


@web.middleware
async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id of ours, count it, and log how it ended."""
    request_id = request[REQUEST_ID] = new_request_id()
    row = route_of(request)
    route, metrics = row.template if row else UNMATCHED, request.app[METRICS]
    began, status = time.perf_counter(), GONE
    metrics.in_flight.inc()
    try:
        response = await handler(request)
        status = response.status
        if request.app[LOAD].ending and not response.prepared:
            response.force_close()
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        metrics.in_flight.dec()
        seconds = time.perf_counter() - began
        metrics.answered(route, request.method, status, seconds)
        caller = request.get(CALLER)
        line = {"caller": caller.actor.hex()} if caller else {}
        request.app[LOG].info(
            "request",
            route=route,
            method=request.method if row else "",
            status=status,
            ms=round(seconds * 1000, 1),
            request=request_id,
            **line,
        )


def new_request_id() -> str:
    """A UUIDv7 as text. We never take one from a request: it stands in access entries."""
    return str(UUID(bytes=new_entry_id(time.time_ns() // 1_000_000)))


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every answer carries, those of streamed ones too."""
    dress(response, request.get(REQUEST_ID, ""), secure=request.secure)


def dress(response: web.StreamResponse, request_id: str, *, secure: bool) -> None:
    """The request's id, and what keeps browsers and caches from guessing. ``secure``: over TLS."""
    headers = response.headers
    if secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers["Server"] = "counterfoil"
    if request_id:
        headers["Request-Id"] = request_id
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Content-Security-Policy", _POLICY)
    headers.setdefault("Referrer-Policy", "no-referrer")
    if response.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")


def json_log(stream: TextIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes one JSON object a line, on stderr unless told otherwise."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )
    return logger


async def measure_lag(app: web.Application) -> None:
    """Measure for ever how late the loop comes back to a task that sleeps."""
    gauge, lags = app[METRICS].loop_lag, [0.0] * 100
    loop = asyncio.get_running_loop()
    at = 0
    while True:
        due = loop.time() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        lags[at] = max(0.0, loop.time() - due)
        at = (at + 1) % len(lags)
        gauge.set(max(lags))
