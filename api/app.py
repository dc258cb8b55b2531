"""Application: everything put together. ``api.serving`` runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from aiohttp import web

from api.address import ADDRESS, Address
from api.answers import answered
from api.auth.middleware import authenticated
from api.auth.state import add_auth
from api.background import background
from api.bridge import BRIDGE, Bridge
from api.desk import add_desk
from api.fhir.paging import PAGES, Pages
from api.gate import telling
from api.keys import GATEWAY, LOG, METRICS, SETTINGS, STATE
from api.load import LOAD, Load
from api.metrics import Metrics
from api.middleware.body import body_read
from api.middleware.callers import measured
from api.middleware.form import well_formed
from api.middleware.sending import sent
from api.middleware.watching import json_log, measure_lag, on_prepare, watched
from api.publishing import publishing
from api.room import ROOM, Room
from api.routes import TABLE
from api.routing import ROUTES, add_routes
from api.settings import Settings
from api.v1.state import set_up as set_up_v1
from ledger.author import Author


def build_app(
    bridge: Bridge,
    settings: Settings,
    *,
    gateway: Author,
    state: Path,
    log: structlog.typing.FilteringBoundLogger | None = None,
) -> web.Application:
    """The service over an open ledger.

    ``gateway`` signs for callers that cannot; ``state`` is a directory of the service's own;
    ``log`` gets its structured lines (stderr unless given). Whoever opened ``bridge`` closes it,
    behind the application's cleanup.
    """
    app = web.Application(
        # In the order of api/middleware/__init__.py; who a caller is belongs before ``measured``.
        middlewares=[
            watched,
            answered,
            well_formed,
            authenticated,
            measured,
            sent,
            body_read,
        ],
        client_max_size=settings.bundle_bytes,
    )
    app[BRIDGE] = bridge
    app[SETTINGS] = settings
    app[GATEWAY] = gateway
    app[STATE] = state
    app[LOG] = log or json_log()
    app[METRICS] = Metrics(bridge.log)
    app[LOAD] = Load(settings)
    app[ROOM] = Room(settings.held_bytes)
    app[ROUTES] = {}
    app[ADDRESS] = Address()
    add_auth(app)
    set_up_v1(app)
    add_desk(app)
    app[PAGES] = Pages()
    add_routes(app, TABLE)
    app.on_response_prepare.append(on_prepare)
    app.cleanup_ctx.append(_measuring)
    app.cleanup_ctx.append(telling)
    app.cleanup_ctx.append(publishing)
    return app


async def _measuring(app: web.Application) -> AsyncIterator[None]:
    async with background(measure_lag(app)):
        yield
