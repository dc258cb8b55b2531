"""A small ledger with its service, running in a thread for synchronous clients.

    with Running.made(directory) as service:
        answer = service.get("/checkpoint")

0  genesis       2  hospital enrolled     4  dr-mori enrolled by the hospital
1  gate          3  clinic enrolled       5  an epoch, since it was published
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.address import ADDRESS
from api.app import build_app
from api.bridge import Bridge
from api.connection import Site, finish, quiet_loop, runner_of
from api.desk import DESK
from api.keys import METRICS
from api.metrics import Metrics
from api.middleware.watching import json_log
from api.settings import Settings
from ledger.author import Author
from ledger.founding import found
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.log import Log
from ledger.wire.ids import ActorId, ChainId
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey
from tests.api.logins import ask_token, assertion

ORIGIN: Final = "service.example/log"


@dataclass(frozen=True)
class Member:
    """Somebody who is enrolled: signs entries with one key, and logs in with another."""

    name: str
    role: str
    author: Author
    login: Ed25519PrivateKey
    key: Ed25519PrivateKey | None = None

    @property
    def actor(self) -> ActorId:
        return self.author.id


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Running:
    """The service over an open ledger; use it in a ``with`` statement."""

    log: Log
    members: dict[str, Member]
    settings: Settings
    vkeys: tuple[str, str] = ("", "")
    prepare: Callable[[web.Application], None] = lambda _: None
    """Last word on the application before it starts: a test adds its own middleware or route."""
    lines: io.StringIO = field(default_factory=io.StringIO)
    """The service's log."""
    port: int = 0
    app: web.Application | None = None

    @classmethod
    def made(cls, directory: Path, settings: Settings | None = None, **given: Any) -> Self:
        """Make the ledger of the module's docstring in a directory, not yet served."""
        ledger = directory / "ledger"
        vkeys = found(ledger, ORIGIN)
        log = Log.open(ledger)
        running = cls(log, {}, settings or quiet_settings(), vkeys, **given)
        running.enrol("gate", "gateway")
        running.enrol("hospital", "organisation")
        running.enrol("clinic", "organisation")
        running.enrol("dr-mori", "practitioner", by="hospital")
        return running

    def enrol(
        self, name: str, role: str, by: str | None = None, record: ChainId | None = None, **how: Any
    ) -> Member:
        """Enrol somebody more, with a key for entries and one for logging in."""
        key, login = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        keys = [NewKey(raw_public(key)), NewKey(raw_public(login), use=LOGIN)]
        author = self.members[by].author if by else None
        actor, _ = self.log.enrol(name, role, keys, by=author, record=record, **how)
        registry = self.log.reader.registry
        signer = Author(registry.log, actor, StatementKey.of(key), registry.first_log)
        self.members[name] = Member(name, role, signer, login, key)
        return self.members[name]

    @property
    def gateway(self) -> Author:
        return self.members["gate"].author

    @property
    def directory(self) -> Path:
        return self.log.layout.directory

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics(self) -> Metrics:
        assert self.app is not None
        return self.app[METRICS]

    def logged(self) -> list[dict[str, Any]]:
        """What the service logged so far."""
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    def settle(self) -> None:
        """Wait for what the service writes behind its answers."""
        assert self.app is not None
        finished = self.app[DESK].finished()
        asyncio.run_coroutine_threadsafe(finished, self._loop).result()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(started,), name="service")
        self._thread.start()
        started.wait()
        for failure in self._failures:
            self._thread.join()
            raise failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End gracefully, as a signal would; the ledger is closed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def _run(self, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            self._failures.append(error)
        finally:
            started.set()

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        bridge = Bridge(self.log, threads=4)
        state = self.directory / "service"
        state.mkdir(exist_ok=True)
        self.app = build_app(
            bridge, self.settings, gateway=self.gateway, state=state, log=json_log(self.lines)
        )
        self.prepare(self.app)
        quiet_loop(self.app)
        runner = runner_of(self.app)
        try:
            await runner.setup()
            await Site(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            self.app[ADDRESS].url = self.settings.url or self.url
            started.set()
            await self._end.wait()
        finally:
            await finish(runner)
            bridge.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str = "",
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = dict(headers or {})
        if token:
            given["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def token(self, name: str, scopes: str, purpose: str | None = None) -> str:
        """An access token for a member, as a client gets it."""
        member = self.members[name]
        form = {"scope": scopes} | ({"purpose_of_use": purpose} if purpose else {})
        answer = ask_token(self, assertion(self, member.actor, member.login), **form)
        assert answer.status == 200, answer.text
        return str(answer.json["access_token"])

    def get(self, path: str, token: str = "", **headers: str) -> Answer:
        """GET; ``x_name=value`` is a header."""
        return self.ask("GET", path, headers=_named(headers), token=token)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def quiet_settings(**changed: Any) -> Settings:
    """Settings for tests: publishing at start and end only."""
    return replace(Settings(publish_s=3600.0, grace_s=5.0), **changed)
