"""Serving: sockets, TLS, signals and a graceful end around the application.

    serve(log, gateway=author, settings=Settings(), listen=Listen("127.0.0.1", 8080), say=print)

SIGTERM or SIGINT ends it: no more connections are taken, requests under way are finished (at most
``grace_s``), what is new is published, and the ledger closes. SIGHUP reads certificate and key
again.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog
from aiohttp import web

from api.address import ADDRESS
from api.app import build_app
from api.auth.demo import FILE, write_tokens
from api.bridge import Bridge
from api.connection import Site, finish, quiet_loop, runner_of
from api.keys import LOG, SETTINGS, STATE
from api.middleware.watching import json_log
from api.settings import Settings
from ledger.author import Author
from ledger.errors import BadRequest
from ledger.log import Log
from ledger.wire.ids import ActorId
from ledger.wire.service_url import is_loopback

STATE_DIRECTORY: Final = "service"
"""In the ledger's directory."""
_BACKLOG: Final = 1_024
_ANYBODY: Final = 0o007
"""A key may be for a group, as those of packages are, and for nobody else."""
_COLLECT: Final = 20_000
"""First threshold of ``gc``: thousands of connections would have it look for cycles without end."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def parse(cls, text: str, certificate: Path | None = None, key: Path | None = None) -> Self:
        """HOST:PORT, [IPV6]:PORT. Raises BadRequest."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
            raise BadRequest("--listen is no HOST:PORT", hint="like 127.0.0.1:8080 or [::1]:8080")
        if (certificate is None) != (key is None):
            raise BadRequest(
                "a certificate and its key go together", hint="give --tls-cert and --tls-key"
            )
        return cls(host, int(port), certificate, key)

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def is_anywhere(self) -> bool:
        """Whether it listens at every address of the machine, hence under none of its names."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def check(self, *, behind_proxy: bool) -> None:
        """Raises BadRequest for health data in the clear on a network."""
        if not (self.certificate or self.is_loopback or behind_proxy):
            raise BadRequest(
                "plain HTTP is not served to other machines",
                hint="give --tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS",
            )

    def context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or later; None for plain HTTP. Raises BadRequest."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(["http/1.1"])
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Read certificate and key. Raises BadRequest."""
        assert self.key is not None
        try:
            if self.key.stat().st_mode & _ANYBODY:
                raise BadRequest(
                    f"{self.key.name} can be read by everybody on this machine",
                    hint="take that away with `chmod 640` or `600`",
                )
            # A key under a passphrase would make OpenSSL ask at the terminal.
            context.load_cert_chain(str(self.certificate), str(self.key), password="")
        except (OSError, ValueError) as error:
            raise BadRequest(
                "certificate or key cannot be used",
                hint="PEM files that belong together, the key without a passphrase",
            ) from error


def serve(
    log: Log,
    *,
    gateway: Author,
    settings: Settings,
    listen: Listen,
    say: Callable[[str], None],
    demo: Mapping[str, ActorId] | None = None,
    lines: structlog.typing.FilteringBoundLogger | None = None,
) -> None:
    """Serve an open ledger until a signal ends it; closes it. ``say`` gets the address, once.
    ``demo``: actors that get tokens without asking (``api.auth.demo``).

    Raises BadRequest when it cannot listen there.
    """
    bridge = Bridge(log)
    try:
        listen.check(behind_proxy=settings.behind_proxy)
        if demo is not None and not listen.is_loopback:
            raise BadRequest(
                "a demonstration is for this machine alone", hint="leave --demo or --listen out"
            )
        tls = listen.context()
        state = log.layout.directory / STATE_DIRECTORY
        state.mkdir(mode=0o700, exist_ok=True)
        # What a service left that was killed holds tokens that are good no more.
        (state / FILE).unlink(missing_ok=True)
        app = build_app(bridge, settings, gateway=gateway, state=state, log=lines or json_log())
        _collect_less()
        asyncio.run(_serve(app, listen, tls, say, demo))
    finally:
        bridge.close()


def _collect_less() -> None:
    """What is loaded now stays; it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT)


async def _serve(
    app: web.Application,
    listen: Listen,
    tls: ssl.SSLContext | None,
    say: Callable[[str], None],
    demo: Mapping[str, ActorId] | None,
) -> None:
    quiet_loop(app)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if tls is not None:
        loop.add_signal_handler(signal.SIGHUP, _reload, app, listen, tls)
    runner = runner_of(app)
    try:
        await runner.setup()
        site = Site(runner, listen.host, listen.port, ssl_context=tls, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise BadRequest(
                f"cannot listen on {listen.host}:{listen.port}: "
                f"{(error.strerror or 'refused').lower()}",
                hint="is something else listening there? name another port with --listen",
            ) from error
        here = f"{listen.scheme}://{_shown(runner.addresses[0])}"
        app[ADDRESS].url = app[SETTINGS].url or here
        if demo is not None:
            write_tokens(app, demo, app[STATE] / FILE)
        say(here)
        app[LOG].info("serving")
        await ended.wait()
        app[LOG].info("ending")
    finally:
        await finish(runner)
        (app[STATE] / FILE).unlink(missing_ok=True)


def _reload(app: web.Application, listen: Listen, tls: ssl.SSLContext) -> None:
    try:
        listen.load(tls)
    except BadRequest as error:
        app[LOG].error("the certificate stays as it was", why=str(error))
    else:
        app[LOG].info("certificate read again")


def _shown(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
