"""State: what the ledger API keeps beside the ledger, for one application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from api.auth.standing import institution_of
from api.bridge import BRIDGE
from api.v1.bodies import Room
from ledger.serving.orders import Orders
from ledger.serving.relations import Relations
from ledger.serving.uploads import Uploads
from ledger.wire.ids import ActorId

PROVING: Final = 2
"""Evidence files that are made at once: each may have some hundred MiB."""
BODIES: Final = 256 << 20
"""Bytes of bodies in memory at once."""


@dataclass(frozen=True, slots=True)
class State:
    """Owned by the event loop, but for what says that any thread may ask."""

    orders: Orders
    relations: Relations
    uploads: Uploads
    linking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the look at what is linked until the link or unlink stands."""
    proving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROVING))
    room: Room = field(default_factory=lambda: Room(BODIES))


V1: Final = web.AppKey("v1", State)


def set_up(app: web.Application) -> None:
    """Once BRIDGE is there."""
    reader = app[BRIDGE].log.reader

    def institution(actor: ActorId) -> ActorId | None:
        registry = reader.registry
        return institution_of(registry, registry.actors[actor])

    app[V1] = State(Orders(reader), Relations(reader, institution), Uploads(reader))
