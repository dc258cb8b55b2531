"""Connection: aiohttp's, but for what it would say, log and allow by itself.

What cannot be parsed is answered in our form, and nothing of it is logged (aiohttp logs the bytes).
Connections are counted, and one whose peer takes no bytes ends. Time-outs for headers are
aiohttp's own: a connection ends when no whole request came in ``idle_s``.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from api.answers import UNFORESEEN, answer, where
from api.errors import Refused
from api.gate import Gate
from api.keys import LOG, METRICS, REQUEST_ID, SETTINGS
from api.load import LOAD, UNKNOWN, network_of
from api.metrics import UNMATCHED
from api.middleware.watching import dress, new_request_id

_LOOK_S: Final = 0.02
_AT_ONCE: Final = struct.pack("ii", 1, 0)
_LEAST_TAKEN: Final = 65_536
"""Bytes that a peer takes in ``unsent_s`` while more wait for it."""
_REST_S: Final = 0.5
"""For handlers to end when they are cancelled, behind ``grace_s``."""


class Counted:
    """How many connections there are, in all and of each network."""

    def __init__(self) -> None:
        self.all = 0
        self._networks: Counter[str] = Counter()

    def add(self, network: str) -> int:
        """How many the network has now."""
        self.all += 1
        self._networks[network] += 1
        return self._networks[network]

    def remove(self, network: str) -> None:
        self.all -= 1
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]


class Connection(web.RequestHandler):
    """One connection of one service."""

    __slots__ = ("_app", "_counted", "_network", "_watching")

    def __init__(
        self, manager: web.Server, app: web.Application, counted: Counted, **kwargs: Any
    ) -> None:
        super().__init__(manager, **kwargs)
        self._app, self._counted, self._network = app, counted, ""
        self._watching: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        settings = self._app[SETTINGS]
        peer = transport.get_extra_info("peername")
        self._network = network_of(peer[0]) if isinstance(peer, tuple) else UNKNOWN
        own = self._counted.add(self._network)
        if self._counted.all > settings.connections:
            self._refuse("connections")
        elif own > settings.address_connections and not settings.behind_proxy:
            self._refuse("address_connections")

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._network:
            self._counted.remove(self._network)
            self._network = ""
        if self._watching is not None:
            self._watching.cancel()
        super().connection_lost(exc)

    @property
    def is_busy(self) -> bool:
        """Whether it has a request whose answer is not sent yet."""
        return self._request_in_progress

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _watch(self) -> None:
        if self.transport is not None:
            seconds = self._app[SETTINGS].unsent_s
            self._watching = self._loop.call_later(seconds, self._look, self._unsent())

    def _look(self, before: int) -> None:
        self._watching = None
        if self.transport is None:
            return
        if before - self._unsent() < _LEAST_TAKEN:
            self._app[METRICS].refused.labels("unsent_s").inc()
            self.force_close()
        else:
            self._watch()

    def _unsent(self) -> int:
        """Bytes that the peer did not take yet. A TLS transport that was closed twice has lost its
        protocol, and knows no more.
        """
        try:
            return 0 if self.transport is None else self.transport.get_write_buffer_size()
        except AttributeError:
            return 0

    def force_close(self) -> None:
        """End it now: closing waits for a peer to take what is left, for ever if it likes."""
        transport, unsent = self.transport, self._unsent()
        super().force_close()
        if transport is not None and unsent:
            if (raw := transport.get_extra_info("socket")) is not None:
                # The kernel forgets what it still has, too.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no request, or to a fault outside of every middleware."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("nobody waits for this answer")
        request_id = request[REQUEST_ID] = new_request_id()
        error = _unreadable(exc) if status == 400 else UNFORESEEN
        if error is UNFORESEEN:
            self._unforeseen(exc)
        else:
            self._app[LOG].info("unreadable", status=error.status, request=request_id)
        self._app[METRICS].requests.labels(UNMATCHED, "other", str(error.status)).inc()
        response = answer(request, error)
        dress(response, request_id, secure=request.secure)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp's message is not logged: it may quote what came."""
        error = kw.get("exc_info")
        self._unforeseen(error if isinstance(error, BaseException) else None)

    def _unforeseen(self, error: BaseException | None) -> None:
        self._app[METRICS].unforeseen.inc()
        self._app[LOG].error("unforeseen", **(where(error) if error else {}))

    def _refuse(self, limit: str) -> None:
        self._app[METRICS].refused.labels(limit).inc()
        self._app[LOAD].turned_away[limit] += 1
        self.force_close()


def _unreadable(error: BaseException | None) -> Refused:
    if isinstance(error, LineTooLong):
        return Refused(
            431, "the request line or a header is too long", hint="shorten it", code="too-long"
        )
    return Refused(
        400,
        "this is no HTTP request that can be read",
        hint="send HTTP/1.1, or use https if this port speaks TLS",
        code="structure",
    )


class Server(web.Server):
    """Makes our connections."""

    def __init__(self, app: web.Application, made: web.Server, **kwargs: Any) -> None:
        """``made`` is what aiohttp built for the application."""
        super().__init__(
            Gate(app, made.request_handler),
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
        )
        self._app, self._handler_kwargs = app, kwargs
        self._counted = Counted()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._app, self._counted, loop=self._loop, **self._handler_kwargs)


class Runner(web.AppRunner):
    """Runs an application on our connections."""

    __slots__ = ()

    @property
    def is_busy(self) -> bool:
        """Whether a request comes in, is handled, or is answered."""
        connections = self.server.connections if self.server else ()
        return any(isinstance(one, Connection) and one.is_busy for one in connections)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        settings = self.app[SETTINGS]
        return Server(
            self.app,
            made,
            keepalive_timeout=settings.idle_s,
            max_line_size=settings.header_bytes,
            max_field_size=settings.header_bytes,
            max_headers=settings.headers,
            lingering_time=min(settings.idle_s, 5.0),
            auto_decompress=False,
            access_log=None,
        )


class Site(web.TCPSite):
    """aiohttp's, with a time-out for TLS: a peer that says nothing there is no connection yet."""

    __slots__ = ()

    async def start(self) -> None:
        await super(web.TCPSite, self).start()
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_server(
            server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=self._handshake_s() if self._ssl_context else None,
        )

    def _handshake_s(self) -> float:
        assert isinstance(self._runner, Runner)
        return self._runner.app[SETTINGS].handshake_s


def runner_of(app: web.Application) -> Runner:
    """A runner with the service's own limits; end it with ``finish``."""
    return Runner(app, shutdown_timeout=_REST_S)


async def finish(runner: Runner) -> None:
    """Take no more connections, finish what is under way within ``grace_s``, and clean up.

    aiohttp's own end drops what still comes in, so that a body on its way would be lost.
    """
    load, loop = runner.app[LOAD], asyncio.get_running_loop()
    load.ending = True
    for site in runner.sites:
        await site.stop()
    until = loop.time() + runner.app[SETTINGS].grace_s
    while runner.is_busy and loop.time() < until:
        await asyncio.sleep(_LOOK_S)
    await runner.cleanup()


def quiet_loop(app: web.Application) -> None:
    """Let the running loop report faults of its callbacks in our log, without their text."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, ConnectionError | TimeoutError | OSError):
            app[METRICS].unforeseen.inc()
            app[LOG].error("unforeseen", **(where(error) if error else {}))

    asyncio.get_running_loop().set_exception_handler(report)
