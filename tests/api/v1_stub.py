"""Until tokens are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from api.auth.standing import institution_of
from api.caller import CALLER, Caller
from api.errors import Refused
from api.routing import Handler, route_of
from tests.api.running import Running

PURPOSES = {"person": "PATRQT", "custodian": "HOPERAT", "auditor": "HOPERAT"}


def stub(holder: list[Running]) -> Callable[[web.Application], None]:
    @web.middleware
    async def callers(request: web.Request, handler: Handler) -> web.StreamResponse:
        running = holder[0]
        given = request.headers.get("Authorization", "")
        row = route_of(request)
        if row is None or row.open:
            return await handler(request)
        name, _, scopes = given.removeprefix("Bearer ").partition("|")
        if name not in running.members:
            raise Refused(401, "no", headers={"WWW-Authenticate": "Bearer"})
        member = running.members[name]
        registry = running.log.reader.registry
        actor = registry.actors[member.actor]
        request[CALLER] = Caller(
            member.actor,
            member.role,
            institution_of(registry, actor),
            actor.record,
            frozenset(scopes.split()),
            PURPOSES.get(member.role, "TREAT"),
        )
        return await handler(request)

    def prepare(app: web.Application) -> None:
        app.middlewares.insert(4, callers)

    return prepare


def token(_: Any, name: str, scopes: str) -> str:
    return f"{name}|{scopes}"
