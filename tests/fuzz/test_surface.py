"""The service over HTTP, in short; `make fuzz` does it for long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web

from api.desk import DESK
from api.errors import Refused
from api.routing import Handler
from tests.api.running import Running
from tests.fuzz.surface import Surface, free, run
from tests.log.sample import memory_directory


@pytest.fixture(scope="module")
def surface() -> Iterator[Surface]:
    with memory_directory() as place, Running.made(place, free()) as running:
        yield Surface(running)


def test_good_requests_are_good(surface: Surface) -> None:
    """Else only what refuses them first would be tried."""
    assert all(surface.tried(one) is None for one in surface.requests)
    methods = {method for (method, status) in surface.seen if status < 300}
    assert methods == {b"GET", b"POST", b"PUT", b"DELETE"}


@pytest.mark.parametrize("seed", range(2))
def test_some_hundred_requests(surface: Surface, seed: int) -> None:
    assert list(run(surface, lambda tries: tries < 400, seed)) == []
    assert {200, 400} < {status for _, status in surface.seen}


def test_it_finds_what_is_there() -> None:
    """A handler that trusts a query, and a service that writes what it refuses."""

    @web.middleware
    async def careless(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "_count" in request.query_string:
            int(request.query_string.partition("_count=")[2].partition("&")[0])
        try:
            return await handler(request)
        except Refused:
            desk = request.app[DESK]
            desk.log.append([desk.gateway.open_record()[1]])
            raise

    def prepare(app: web.Application) -> None:
        app.middlewares.insert(2, careless)

    wanted = {"status 500", "404, and the log has grown"}
    found: set[str] = set()
    with memory_directory() as place, Running.made(place, free(), prepare=prepare) as running:
        tried = run(Surface(running), lambda tries: tries < 3_000 and not wanted <= found, 1)
        for one in tried:
            found.add(one.what)
    assert wanted <= found
