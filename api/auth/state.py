"""What the service holds to know its callers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from api.auth.login import Challenges
from api.auth.replay import FILE, Used
from api.auth.tokens import Tokens
from api.bridge import BRIDGE
from api.keys import SETTINGS, STATE
from ledger.identity import Registry
from ledger.log import Log


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Auth:
    """Made when the application is built, closed at its cleanup."""

    log: Log
    tokens: Tokens
    challenges: Challenges
    used: Used
    clock: Callable[[], int] = field(default=_now_ms)
    """Unix milliseconds."""

    @property
    def registry(self) -> Registry:
        """As it is now: what the log has just taken counts at once."""
        return self.log.reader.registry


AUTH: Final = web.AppKey("auth", Auth)


def add_auth(app: web.Application) -> None:
    """Needs BRIDGE, SETTINGS and STATE. Raises LedgerFault."""
    settings = app[SETTINGS]
    app[AUTH] = Auth(
        app[BRIDGE].log,
        Tokens(settings.token_s * 1000, settings.tokens, settings.caller_tokens),
        Challenges(settings.challenge_s * 1000),
        Used(app[STATE] / FILE),
    )
    app.cleanup_ctx.append(_closing)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[AUTH].used.close()
