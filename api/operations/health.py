"""`/livez`, `/readyz`, `/metrics`.

Live: the event loop answers. Ready: an append would be taken now; the reason why not is said
plainly, so that whoever is woken up at night reads it: in the log, and to this machine. Metrics go
to this machine alone unless an option says otherwise.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Final

from aiohttp import web

from api.bridge import BRIDGE
from api.errors import not_found
from api.keys import LOG, METRICS, SETTINGS
from api.load import LOAD
from api.metrics import CONTENT_TYPE
from ledger.errors import LedgerFault

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


async def livez(_: web.Request) -> web.Response:
    """200 as long as anything runs."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """200 when the ledger takes appends, else 503 and why."""
    if request.app[LOAD].ending:
        return web.Response(status=503, text="not ready: the service is ending\n")
    log = request.app[BRIDGE].log
    try:
        # A thread of asyncio's own: those of the bridge may all be busy, which is no fault.
        await asyncio.to_thread(log.check_ready)
    except LedgerFault as error:
        request.app[LOG].error("not ready", why=str(error), hint=error.hint)
        # What the disk says may name our directories: to this machine alone.
        why = f"{error}\nhint: {error.hint}" if _is_here(request) else "see the service's log"
        return web.Response(status=503, text=f"not ready: {why}\n")
    return web.Response(text="ready\n")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus's text; as if it was not there for other machines."""
    if not (request.app[SETTINGS].metrics_beyond_loopback or _is_here(request)):
        raise not_found()
    text = await asyncio.to_thread(request.app[METRICS].render)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


def _is_here(request: web.Request) -> bool:
    """Whether the peer is this machine, and asks for itself and not for somebody else."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
