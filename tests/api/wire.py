"""Raw bytes to a service and back, and routes that tests add to it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from api.errors import not_found
from api.middleware.body import pieces
from api.routing import Body, Route, add_routes
from ledger.errors import BadEvidence, BadRequest, Conflict, LedgerFault

SECRET: Final = "shinobu-4711"
"""What a test sends, or an error says, and must not be found anywhere afterwards."""
MUCH: Final = 60_000_000
"""Bytes that no buffers on the way hold."""
JSON: Final = ("application/json", "application/fhir+json")


@dataclass(frozen=True)
class Raw:
    """What came until the peer ended the connection."""

    data: bytes

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(port: int, seconds: float = 10.0) -> socket.socket:
    """A connection; reading from it waits no longer than this."""
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(seconds)
    return made


def raw(port: int, data: bytes) -> Raw:
    """Send bytes, and read until the service ends the connection. Raises TimeoutError."""
    with connect(port) as peer:
        peer.sendall(data)
        return Raw(rest(peer))


def rest(peer: socket.socket) -> bytes:
    """Everything until the end of the connection."""
    return b"".join(iter(lambda: peer.recv(1 << 20), b""))


def request(target: str | bytes, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A request that ends its connection."""
    target = target.encode() if isinstance(target, str) else target
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: test", b"Connection: close"]
    return b"\r\n".join([*lines, *(one.encode() for one in headers), b"", body])


async def echo(asked: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await asked.read())})


async def stream(asked: web.Request) -> web.Response:
    total = 0
    async for piece in pieces(asked):
        total += len(piece)
    return web.json_response({"bytes": total})


async def wait(asked: web.Request) -> web.Response:
    await asyncio.sleep(float(asked.query.get("s", "0.5")))
    return web.Response(text="waited")


async def much(_: web.Request) -> web.Response:
    return web.Response(body=bytes(MUCH))


async def block(_: web.Request) -> web.Response:
    time.sleep(0.3)
    return web.Response(text="blocked")


def raising(make: Callable[[], Exception]) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        raise make()

    return handler


def _unforeseen() -> Exception:
    error = ValueError(f"cannot parse {SECRET}")
    error.__cause__ = KeyError(SECRET)
    return error


ROUTES: Final = (
    Route("POST", "/test/echo", echo, Body.RESOURCE, JSON, open=True),
    Route("PUT", "/test/echo", echo, Body.RESOURCE, JSON, open=True),
    Route("POST", "/fhir/echo", echo, Body.RESOURCE, JSON, open=True),
    Route("POST", "/test/stream", stream, Body.STREAM, open=True),
    Route("GET", "/test/wait", wait, open=True),
    Route("GET", "/test/spare", wait, open=True, spare=True),
    Route("GET", "/test/much", much, open=True),
    Route("GET", "/test/block", block, open=True),
    Route("GET", "/test/thing/{id}", wait, open=True),
    Route("GET", "/test/broken", raising(_unforeseen), open=True),
    Route("GET", "/fhir/broken", raising(_unforeseen), open=True),
    Route("GET", "/fhir/bad", raising(lambda: BadRequest("no such code", hint="look")), open=True),
    Route("GET", "/fhir/false", raising(lambda: BadEvidence("signature")), open=True),
    Route("GET", "/fhir/twice", raising(lambda: Conflict("other bytes")), open=True),
    Route("GET", "/test/hidden", raising(lambda: not_found("not-linked")), open=True),
    Route("GET", "/test/fault", raising(lambda: LedgerFault("stopped", hint="mend")), open=True),
)


def with_routes(app: web.Application) -> None:
    """Add the routes above to an application."""
    add_routes(app, ROUTES)
