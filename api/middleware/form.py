"""Form of a request, before anything of it is acted on: path, content type, encoding, size.

A path means one thing only: no dot segments, no doubled slashes, no encoded slash, dot or NUL, so
that a proxy in front and we never read it differently. A body is UTF-8 and not compressed, so that
its size is its size.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import HttpVersion10, web

from api.errors import Refused
from api.keys import SETTINGS
from api.routing import Body, Handler, route_of

_PATH: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@|/]|%[0-9A-Fa-f]{2})*", re.ASCII)
_TRICK: Final = re.compile(r"//|/\.{1,2}(?:/|$)|%(?:2[ef]|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


@web.middleware
async def well_formed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no handler should have to look at."""
    if request.version < HttpVersion10:
        raise Refused(400, "HTTP before 1.0 is not spoken here", hint="send HTTP/1.1")
    check_path(request.raw_path)
    if (row := route_of(request)) is not None and request.body_exists:
        _check_body(request, row.body, row.media)
    return await handler(request)


def check_path(target: str) -> None:
    """The request target as it came. Raises Refused."""
    path = re.split(r"[?#]", _ABSOLUTE.sub("", target, count=1) or "/", maxsplit=1)[0]
    if _PATH.fullmatch(path) is None or _TRICK.search(path):
        raise Refused(
            400,
            "this path can be read in more than one way",
            hint="no dot segments, doubled slashes, encoded slashes or control characters",
            code="structure",
        )


def _check_body(request: web.Request, body: Body, media: tuple[str, ...]) -> None:
    limit = request.app[SETTINGS].body_limit(body)
    if (request.content_length or 0) > limit or not limit:
        raise too_large(limit)
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Refused(
            415,
            "compressed bodies are not taken",
            hint="send it as it is",
            code="not-supported",
            headers={"Accept-Encoding": "identity"},
        )
    if media and (
        "Content-Type" not in request.headers or request.content_type.lower() not in media
    ):
        raise Refused(
            415,
            "this content type is not taken here",
            hint="one of " + ", ".join(media),
            code="not-supported",
            headers={"Accept": ", ".join(media)},
        )
    if (request.charset or "utf-8").lower().replace("utf8", "utf-8") not in ("utf-8", "us-ascii"):
        raise Refused(415, "this charset is not taken", hint="send UTF-8", code="not-supported")


def too_large(limit: int) -> Refused:
    """The answer to a body over its limit."""
    if not limit:
        return Refused(413, "no body is taken here", hint="leave it out", code="too-long")
    return Refused(
        413, f"the body is larger than {limit} bytes", hint="send less at a time", code="too-long"
    )
