"""Showing: entries without their content, receipts, evidence, and the log itself.

Evidence goes as far as what is published: for what came later it is 409, ask again after the next
publication.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from api.auth.decision import Interaction
from api.bridge import BRIDGE
from api.errors import Refused, not_found
from api.keys import SETTINGS
from api.room import ROOM
from api.v1.bodies import send_held
from api.v1.codec import accepted, answer
from api.v1.contract import EVIDENCE, RECEIPT
from api.v1.models import EntryInfo, EntryList, LogInfo
from api.v1.parameters import Nothing, Paging, place_of, query_of, record_of
from api.v1.permission import Permission, Shown, may
from api.v1.state import V1
from ledger.errors import BadRequest
from ledger.evidence import NotPublished
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.serving.pages import Entry, Page, find_entry, length_of, page_of
from ledger.serving.proving import (
    EvidenceFile,
    ReceiptFile,
    evidence_of_absence,
    evidence_of_entry,
    evidence_of_record,
    receipt_of,
)
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ChainId, Position


def shown_entry(log: Log, permission: Permission, place: Position, shown: Shown) -> Entry:
    """An entry, if the caller may be shown that much of it. Raises Refused. For a thread."""
    entry = find_entry(log.reader, place)
    if entry is None:
        raise not_found()
    permission.demand_shown(entry.leaf.claim.chain, shown)
    return entry


def info_of(entry: Entry) -> EntryInfo:
    """What an entry says of itself."""
    leaf, claim = entry.leaf, entry.leaf.claim
    return EntryInfo(
        index=entry.index,
        back=entry.back,
        kind=claim.kind.name.lower(),
        chain=claim.chain.hex(),
        seq=leaf.seq,
        author=claim.author.hex(),
        entry_id=claim.entry_id.hex(),
        authored_ms=claim.authored_ms,
        received_ms=leaf.received_ms,
        leaf_hash=leaf_hash(entry.raw),
        prev_index=leaf.prev_index if leaf.seq else None,
        batch_index=leaf.batch_index if leaf.is_member else None,
        amended=None if claim.amended == ZERO_HASH else claim.amended,
        sealed_bytes=claim.blob_size,
        sealed_hash=claim.blob_hash if claim.blob_size else None,
    )


async def entry(request: web.Request) -> web.Response:
    """One entry."""
    permission, form = may(request, Interaction.FETCH), accepted(request)
    query_of(request, Nothing)
    bridge = request.app[BRIDGE]
    found = await permission.look_up(
        shown_entry, bridge.log, permission, place_of(request), Shown.LEAVES
    )
    return answer(info_of(found), form)


async def entries(request: web.Request) -> web.Response:
    """A page of a record's entries."""
    permission, form = may(request, Interaction.FETCH), accepted(request)
    record, paging = record_of(request), query_of(request, Paging)
    bridge = request.app[BRIDGE]
    reader = bridge.log.reader

    def listed() -> EntryList:
        permission.demand_record(record, Shown.LEAVES)
        page = page_in(bridge.log, record, paging)
        return EntryList(
            record=record.hex(),
            length=length_of(reader, record),
            entries=[info_of(one) for one in page.entries],
            next=None if page.next is None else str(page.next),
        )

    return answer(await permission.look_up(listed), form)


def page_in(
    log: Log, record: ChainId, paging: Paging, kinds: frozenset[Kind] = frozenset(Kind)
) -> Page:
    """The page that is asked for. Raises Refused when it begins nowhere in the record."""
    try:
        return page_of(log.reader, record, paging.position, paging.limit, kinds)
    except BadRequest as error:
        raise Refused(400, error.message, hint=error.hint, code="structure") from error


async def receipt(request: web.Request) -> web.Response:
    """An entry's receipt, over the published checkpoint where that covers it."""
    permission = may(request, Interaction.FETCH)
    query_of(request, Nothing)
    bridge, place = request.app[BRIDGE], place_of(request)

    def made() -> ReceiptFile:
        shown_entry(bridge.log, permission, place, Shown.LEAVES)
        return receipt_of(bridge.log.reader, place)

    file = await permission.look_up(made)
    level = "published" if file.published else "provisional"
    return web.Response(
        body=file.data, content_type=RECEIPT, charset="utf-8", headers={"Receipt": level}
    )


async def entry_evidence(request: web.Request) -> web.StreamResponse:
    """That an entry is in the log and its author might sign it."""
    permission = may(request, Interaction.FETCH)
    query_of(request, Nothing)
    log, place = request.app[BRIDGE].log, place_of(request)

    def made() -> EvidenceFile:
        shown_entry(log, permission, place, Shown.LEAVES)
        return evidence_of_entry(log.reader, place)

    return await _evidence(request, permission, made)


async def record_evidence(request: web.Request) -> web.StreamResponse:
    """That these are all entries of a record, up to the published epoch."""
    permission = may(request, Interaction.FETCH)
    query_of(request, Nothing)
    log, record = request.app[BRIDGE].log, record_of(request)

    def made() -> EvidenceFile:
        permission.demand_record(record, Shown.LEAVES)
        return evidence_of_record(log.reader, record)

    return await _evidence(request, permission, made)


async def absence(request: web.Request) -> web.StreamResponse:
    """That a record has no entry, up to the published epoch."""
    permission = may(request, Interaction.FETCH)
    query_of(request, Nothing)
    permission.demand_auditor()
    log, record = request.app[BRIDGE].log, record_of(request)

    def made() -> EvidenceFile:
        if length_of(log.reader, record):
            raise Refused(
                409,
                "there are entries under this id",
                hint="prove its history instead",
                code="conflict",
            )
        return evidence_of_absence(log.reader, record)

    return await _evidence(request, permission, made)


async def _evidence(
    request: web.Request, permission: Permission, made: Callable[[], EvidenceFile]
) -> web.StreamResponse:
    try:
        async with request.app[V1].proving:
            file = await permission.look_up(made)
    except NotPublished as error:
        raise Refused(
            409,
            "this is logged and not published yet",
            hint="ask again after the next publication",
            code="transient",
            headers={"Retry-After": str(max(1, int(request.app[SETTINGS].publish_s)))},
        ) from error
    headers = {
        "Content-Disposition": 'attachment; filename="counterfoil.evidence"',
        "Evidence-Upto": str(file.upto),
        "Evidence-Newer": str(file.newer),
    }
    response = web.StreamResponse(headers={"Content-Type": EVIDENCE, **headers})
    return await send_held(request, response, file.data, request.app[ROOM])


async def log_info(request: web.Request) -> web.Response:
    """The log that this service keeps."""
    may(request, Interaction.FETCH)
    query_of(request, Nothing)
    form, bridge = accepted(request), request.app[BRIDGE]
    return answer(await bridge.call(_log_info, bridge.log), form)


def _log_info(log: Log) -> LogInfo:
    reader = log.reader
    return LogInfo(
        origin=reader.registry.genesis.origin,
        log=reader.registry.log.hex(),
        size=reader.checkpoint.size,
        published=log.published.size,
        vkeys=list(reader.registry.genesis.checkpoint_keys),
    )
