"""Route: one row of the URL table (``api.routes``), and how that of a request is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


_PATTERN: Final = re.compile(r":(?:[^{}]|{[^{}]*})*}")


class Body(Enum):
    """What a request may bring; ``Settings`` says how large it may be."""

    NONE = auto()
    FORM = auto()
    RESOURCE = auto()
    BUNDLE = auto()
    STREAM = auto()
    """The handler reads it, by ``api.middleware.body.pieces``; all others are read before it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path with its handler."""

    method: str
    path: str
    """Template of aiohttp."""
    handler: Handler
    body: Body = Body.NONE
    media: tuple[str, ...] = ()
    """Content types that a body may have."""
    open: bool = False
    """Answered without a token."""
    spare: bool = False
    """Has places of its own: a service with as much to do as it takes still says that it lives."""
    head: bool = False
    """HEAD is answered too."""
    template: str = field(init=False)
    """The path without patterns: it, and never a path itself, stands in logs and metrics."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", _PATTERN.sub("}", self.path))


ROUTES: Final = web.AppKey("routes", dict[web.AbstractRoute, Route])


def add_routes(app: web.Application, table: tuple[Route, ...]) -> None:
    """Put rows into an application."""
    known = app[ROUTES]
    for row in table:
        for method in (row.method, "HEAD") if row.head else (row.method,):
            added = app.router.add_route(method, row.path, row.handler, expect_handler=_expect)
            known[added] = row


def route_of(request: web.Request) -> Route | None:
    """The row of a request; None for what is not in the table."""
    return request.app[ROUTES].get(request.match_info.route)


async def _expect(_: web.Request) -> None:
    """``Expect: 100-continue`` is answered when the body is wanted (``api.middleware.body``), so
    that a request that is refused never sends one.
    """
