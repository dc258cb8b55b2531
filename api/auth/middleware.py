"""Who sends a request: the access token in it (RFC 6750), looked up, and its actor's standing now.

A route that is open is answered without a caller where there is no good token; all others are 401.
Tokens in URLs are refused everywhere: URLs end up in logs and histories.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.auth.standing import Standing, standing_with_key
from api.auth.state import AUTH
from api.caller import CALLER, Caller
from api.errors import Refused
from api.routing import Handler, route_of

_MAX_TOKEN: Final = 128


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set the request's caller, or refuse it."""
    row = route_of(request)
    if row is None:
        return await handler(request)
    if "access_token" in request.query:
        raise Refused(
            400,
            "an access token has no place in a URL",
            hint="send it in the header Authorization, and take this one for known to others",
            code="security",
            headers={"WWW-Authenticate": 'Bearer error="invalid_request"'},
        )
    caller = _caller(request)
    if caller is not None:
        request[CALLER] = caller
    elif not row.open:
        raise _unauthorized(bool(request.headers.get("Authorization")))
    return await handler(request)


def _caller(request: web.Request) -> Caller | None:
    headers = request.headers.getall("Authorization", [])
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer" or not 1 <= len(token) <= _MAX_TOKEN:
        return None
    auth = request.app[AUTH]
    now_ms = auth.clock()
    granted = auth.tokens.find(token, now_ms)
    if granted is None:
        return None
    actor = granted.caller.actor
    if standing_with_key(auth.registry, actor, granted.kid, now_ms) is not Standing.IN_FORCE:
        auth.tokens.revoke(token)
        return None
    return granted.caller


def _unauthorized(tried: bool) -> Refused:
    if not tried:
        return Refused(
            401,
            "this needs an access token",
            hint="get one as /.well-known/smart-configuration says",
            code="login",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return Refused(
        401,
        "the access token is not good: unknown, ended, or its client's key or standing has ended",
        hint="get a new one",
        code="login",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
