"""Callers: how many requests of one caller are under way at once, and how often they come."""

from __future__ import annotations

from aiohttp import web

from api.caller import CALLER
from api.keys import METRICS, SETTINGS
from api.load import LOAD, one_more, too_much
from api.routing import Handler


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what is above the limits of one caller."""
    if (caller := request.get(CALLER)) is None:
        return await handler(request)
    load, refused, key = request.app[LOAD], request.app[METRICS].refused, caller.actor.hex()
    if wait_s := load.caller_rate.take(key):
        refused.labels("caller_rate").inc()
        raise too_much(wait_s)
    if load.by_caller[key] >= request.app[SETTINGS].caller_requests:
        refused.labels("caller_requests").inc()
        raise too_much()
    with one_more(load.by_caller, key):
        return await handler(request)
