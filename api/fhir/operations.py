"""Operations that are not there, said as that: an operation's name looks like no id."""

from __future__ import annotations

from aiohttp import web

from api.errors import Refused


async def unknown(request: web.Request) -> web.StreamResponse:
    """``$name`` of the service, of a type or of a resource; also ``Patient/$everything``."""
    raise Refused(
        404,
        "there is no such operation at this address",
        hint="the CapabilityStatement lists what there is; $everything is of one Patient, by id",
        code="not-supported",
    )
