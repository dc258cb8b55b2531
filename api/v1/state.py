"""State: what the ledger API keeps beside the ledger, for one application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from api.bridge import BRIDGE
from ledger.serving.uploads import Uploads

PROVING: Final = 2
"""Evidence files that are made at once: each may have some hundred MiB."""


@dataclass(frozen=True, slots=True)
class State:
    """Owned by the event loop, but for what says that any thread may ask."""

    uploads: Uploads
    proving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROVING))


V1: Final = web.AppKey("v1", State)


def set_up(app: web.Application) -> None:
    """Once BRIDGE is there."""
    reader = app[BRIDGE].log.reader
    app[V1] = State(Uploads(reader))
