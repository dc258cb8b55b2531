"""Content: the author's bytes, exactly, behind an access entry that is durable before the first of
them leaves.

The gateway signs the access entry on behalf of the caller, with its purpose and the request's id;
the answer names it in ``Access-Entry``. Every request is a release of its own: a range too, and
what is asked for again. 304 releases nothing, for what it compares is the hash in the leaf. A
directory's content belongs to no person and leaves no access entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from api.auth.decision import Interaction
from api.bridge import BRIDGE
from api.desk import DESK
from api.errors import Refused, check_waited_for
from api.keys import GATEWAY
from api.room import ROOM
from api.v1.parameters import Nothing, place_of, query_of
from api.v1.permission import Permission, Shown, may
from api.v1.ranges import Span, Unsatisfiable, span_of
from api.v1.showing import shown_entry
from ledger.errors import CounterfoilError, LedgerFault
from ledger.log import Log
from ledger.resources.reading import access_entries
from ledger.serving.orders import Orders
from ledger.serving.pages import Entry
from ledger.serving.releasing import (
    Erased,
    NothingToRelease,
    Stream,
    check_releasable,
    released,
)
from ledger.wire.ids import Position

_MEDIA_TYPE: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII
)
UNKNOWN: Final = "application/octet-stream"
PIECE: Final = 256 << 10
"""Bytes that are handed to the connection at once."""


async def content(request: web.Request) -> web.StreamResponse:
    """The content of one entry, or a range of it."""
    permission = may(request, Interaction.FETCH)
    query_of(request, Nothing)
    bridge, orders = request.app[BRIDGE], request.app[DESK].orders
    found = await permission.look_up(_releasable, bridge.log, orders, permission, place_of(request))
    etag = _etag(found)
    if _names(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers={"ETag": etag})
    # Blob and content; of what comes in chunks, two of them.
    size = 2 * found.leaf.claim.blob_size
    with request.app[ROOM].holding(permission.caller.actor, size):
        access = await access_to(request, permission, [found])
        stream = await bridge.call(released, bridge.log, found, access)
        return await _answer(request, permission, found, stream, access)


async def _answer(
    request: web.Request, permission: Permission, found: Entry, stream: Stream, access: int | None
) -> web.StreamResponse:
    """What was released, or the range of it that is asked for. Raises Refused."""
    etag = _etag(found)
    headers = _headers(found, stream, etag, access)
    asked = request.headers.get("Range")
    if request.headers.get("If-Range", etag) != etag:
        asked = None
    try:
        span = span_of(asked, stream.size)
    except Unsatisfiable:
        beyond = {"Content-Range": f"bytes */{stream.size}"}
        raise Refused(
            416,
            "the range lies behind the end",
            hint=f"the content has {stream.size} bytes",
            headers=beyond if access is None else {**beyond, "Access-Entry": str(access)},
        ) from None
    response = web.StreamResponse(headers=headers)
    if span is not None:
        response = web.StreamResponse(status=206, headers=headers)
        response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{stream.size}"
    chunks = 2 * stream.piece if stream.count > 1 else 0
    with request.app[ROOM].holding(permission.caller.actor, chunks):
        return await _send(request, response, stream, span)


def _etag(entry: Entry) -> str:
    return f'"{entry.leaf.claim.blob_hash.hex()}"'


def _releasable(log: Log, orders: Orders, permission: Permission, place: Position) -> Entry:
    """Whether the content may leave at all. Raises Refused."""
    entry = shown_entry(log, permission, place, Shown.CONTENT)
    permission.demand_content(entry)
    try:
        check_releasable(log.reader, orders, entry)
    except NothingToRelease as error:
        raise Refused(
            404, "this entry has no content to release", hint=error.hint, code="not-found"
        ) from error
    except Erased as error:
        raise Refused(
            410, "this content was erased", hint="nobody can open it", code="deleted"
        ) from error
    return entry


async def access_to(
    request: web.Request, permission: Permission, entries: list[Entry]
) -> int | None:
    """The index of a durable access entry that names up to ``MOST_ACCESSES`` entries of a record;
    None for those of a directory. Raises LedgerFault.
    """
    bridge = request.app[BRIDGE]
    chain = entries[0].leaf.claim.chain
    if not request.app[DESK].library.is_record(chain):
        return None
    (access,) = await bridge.call(
        access_entries, request.app[GATEWAY], {chain: entries}, permission.asked
    )
    check_waited_for(request)
    (outcome,) = await bridge.append([access.submission])
    if isinstance(outcome, CounterfoilError):
        raise LedgerFault(f"no access entry: {outcome.message}", hint=outcome.hint) from outcome
    return outcome.index


def _names(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names it (RFC 9110 section 13.1.2)."""
    if header is None:
        return False
    return header.strip() == "*" or etag in (
        one.strip().removeprefix("W/") for one in header.split(",")
    )


def _headers(entry: Entry, stream: Stream, etag: str, access: int | None) -> dict[str, str]:
    media = stream.media_type if _MEDIA_TYPE.fullmatch(stream.media_type) else UNKNOWN
    headers = {
        "Content-Type": media,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="entry-{entry.index}"',
    }
    return headers if access is None else {**headers, "Access-Entry": str(access)}


async def _send(
    request: web.Request, response: web.StreamResponse, stream: Stream, span: Span | None = None
) -> web.StreamResponse:
    """The bytes, as the client takes them. Content that turns out to be damaged in the middle ends
    the connection before its announced end.
    """
    start, stop = span or (0, stream.size)
    bridge, pieces = request.app[BRIDGE], stream.span(start, stop)
    # Before the head is sent: what cannot be opened is answered as such.
    piece = await bridge.call(_next, pieces)
    response.content_length = stop - start
    await response.prepare(request)
    try:
        while piece:
            for at in range(0, len(piece), PIECE):
                await response.write(piece[at : at + PIECE])
            piece = await bridge.call(_next, pieces)
    except (CounterfoilError, Refused):
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
