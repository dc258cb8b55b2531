"""`/checkpoint` and `/tile/…`, as c2sp.org/tlog-tiles has them.

    GET /checkpoint                    text/plain; charset=utf-8             no-store
    GET /tile/<L>/<N>[.p/<W>]          application/octet-stream              immutable
    GET /tile/entries/<N>[.p/<W>]      application/octet-stream              private

Tiles that the published checkpoint does not cover are 404. Hash tiles are open to all. Bundles are
pseudonymous personal data: custodians and auditors get them, with scope ``log/entries``, unless
the operator opened them.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.auth.decision import Interaction, by_scope
from api.auth.scopes import AUDITORS, LOG_ENTRIES
from api.bridge import BRIDGE
from api.caller import CALLER
from api.errors import Refused, not_found
from api.keys import SETTINGS
from ledger.errors import BadRequest
from ledger.wire.tile import FULL_WIDTH, Tile, parse_tile_path

_YEAR_S: Final = 31_536_000


async def checkpoint(request: web.Request) -> web.Response:
    """The published checkpoint, with the lines of those who cosigned it."""
    bridge = request.app[BRIDGE]
    published = await bridge.call(lambda: bridge.log.published)
    return web.Response(body=published.note, content_type="text/plain", charset="utf-8")


async def tile(request: web.Request) -> web.Response:
    """A hash tile, or a bundle of entries for whoever may have it."""
    try:
        wanted = parse_tile_path("tile/" + request.match_info["tile"])
    except BadRequest:
        raise not_found() from None
    open_to_all = wanted.level is not None or request.app[SETTINGS].open_entries
    if not open_to_all:
        _check_caller(request)
    bridge = request.app[BRIDGE]
    data = await bridge.call(bridge.log.published_tile, wanted)
    if data is None:
        raise not_found()
    return web.Response(
        body=data,
        content_type="application/octet-stream",
        headers={"Cache-Control": _caching(wanted, open_to_all)},
    )


def _check_caller(request: web.Request) -> None:
    caller = request.get(CALLER)
    if caller is None:
        raise Refused(
            401,
            "entry bundles are given to custodians and auditors",
            hint=f"get a token with the scope {LOG_ENTRIES}",
            code="login",
            headers={"WWW-Authenticate": f'Bearer scope="{LOG_ENTRIES}"'},
        )
    reached = by_scope(caller, Interaction.ENTRIES, "").allowed
    if caller.role not in AUDITORS or not reached:
        raise Refused(
            403,
            "entry bundles are given to custodians and auditors",
            hint=f"ask for the scope {LOG_ENTRIES}",
            code="forbidden",
            headers={
                "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{LOG_ENTRIES}"'
            },
            denied="scope",
        )


def _caching(wanted: Tile, open_to_all: bool) -> str:
    """Full tiles never change; a partial one is of no use once the log has grown."""
    who = "public" if open_to_all else "private"
    if wanted.width < FULL_WIDTH:
        return f"{who}, max-age=60"
    return f"{who}, max-age={_YEAR_S}, immutable"
