"""Payloads: ``POST /v1/payloads?blob=…`` takes the sealed chunks of a content over 16 MiB, before
the entry that names them is appended.

Each chunk is durable before the next is taken; two are in memory.
"""

from __future__ import annotations

from aiohttp import web

from api.auth.decision import Interaction
from api.bridge import BRIDGE
from api.middleware.body import pieces
from api.room import ROOM
from api.v1.codec import accepted, answer
from api.v1.models import PayloadOut
from api.v1.parameters import Chunks, query_of
from api.v1.permission import may
from api.v1.state import V1
from ledger.wire.ids import Hash


async def upload(request: web.Request) -> web.Response:
    """The chunks of one payload."""
    permission, form = may(request, Interaction.APPEND), accepted(request)
    query = query_of(request, Chunks)
    bridge, state = request.app[BRIDGE], request.app[V1]
    blob_hash, caller = Hash(bytes.fromhex(query.blob)), permission.caller.actor
    # What is held of a chunk, its copy, and the pieces that come.
    with request.app[ROOM].holding(caller, 3 * query.chunk):
        begun = await bridge.call(state.uploads.begin, caller, blob_hash, query.chunk)
        try:
            async for piece in pieces(request):
                await bridge.call(begun.add, piece)
            waiting = await bridge.call(begun.finish)
        finally:
            await bridge.call(begun.close)
    model = PayloadOut(blob=query.blob, chunks=waiting.chunks, size=waiting.size)
    return answer(model, form, 201)
