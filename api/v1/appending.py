"""Appending: ``POST /v1/entries`` and ``POST /v1/batches``.

201 when it is durable, 200 when it stood before (the first answer again), 409 when other bytes
stand under the same entry id. Sending the same bytes again is always safe.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.auth.decision import Interaction
from api.bridge import BRIDGE
from api.desk import DESK, OPENING, Desk, keys_to_change
from api.keys import SETTINGS
from api.room import ROOM
from api.v1.bodies import whole_body
from api.v1.codec import Form, accepted, answer, decoded, form_of
from api.v1.models import BatchIn, BatchOut, EntryIn, EntryOut, Place
from api.v1.permission import Permission, may
from api.v1.state import V1
from ledger.admission import BatchSubmission, Submission
from ledger.errors import CounterfoilError
from ledger.log import Appended, Log
from ledger.serving.arriving import (
    LinkedElsewhere,
    batch_of,
    claim_of,
    prepared,
    submission_of,
)
from ledger.serving.proving import provisional_receipt
from ledger.wire.claim import AMENDING_KINDS, LINK_KINDS, MAX_BLOB, MAX_CLAIM, Claim
from ledger.wire.ids import ChainId, Position

MAX_ENTRY: Final = 4 * (MAX_BLOB + MAX_CLAIM + (16 << 10)) // 3
"""Body of one entry: a full blob as base64 in JSON."""


async def append_entry(request: web.Request) -> web.Response:
    """One entry."""
    permission, form, wanted = may(request, Interaction.APPEND), form_of(request), accepted(request)
    async with whole_body(request, MAX_ENTRY, request.app[ROOM]) as body:
        submission, claim = await permission.look_up(_entry_in, permission, body, form)
        desk, keys = request.app[DESK], list[bytes]()
        if claim.kind in LINK_KINDS:
            # Whether it may stand depends on what is linked until it does.
            keys = [OPENING]
        elif claim.kind in AMENDING_KINDS and submission.amends is not None:
            keys = await permission.look_up(_keys, desk, claim.chain, submission.amends)
        async with desk.locks.held(keys):
            return await _append(request, permission, submission, claim, wanted)


def _keys(desk: Desk, chain: ChainId, amends: Position) -> list[bytes]:
    """Of the resource that is changed, which under FHIR may be looked at just now (If-Match)."""
    stored = desk.library.shelf(chain).at(amends)
    return [] if stored is None else list(keys_to_change(stored.type, stored.identity))


def _entry_in(permission: Permission, body: bytes, form: Form) -> tuple[Submission, Claim]:
    """Decoded, and whether the caller may hand it in at all."""
    entry = decoded(EntryIn, body, form)
    claim = claim_of(entry.statement)
    permission.demand_author(claim.author)
    permission.demand_append(claim.kind, claim.author, claim.entry_id, [claim.chain])
    amends = None if entry.amends is None else _position(entry.amends)
    erases = tuple(map(_position, entry.erases))
    submission = submission_of(entry.statement, entry.blob, entry.key, amends, erases)
    return submission, claim


def _position(place: Place) -> Position:
    return Position(place.index, place.back)


async def _append(
    request: web.Request,
    permission: Permission,
    submission: Submission,
    claim: Claim,
    wanted: Form,
) -> web.Response:
    bridge, state = request.app[BRIDGE], request.app[V1]
    try:
        ready = await bridge.call(prepared, bridge.log, submission, claim, state.uploads.hashes)
    except LinkedElsewhere as error:
        await permission.note_stranger(error.record)
        raise
    (outcome,) = await bridge.append([ready])
    if isinstance(outcome, CounterfoilError):
        raise outcome
    if ready.chunks:
        state.uploads.used(claim.blob_hash)
    return await bridge.call(_entry_out, bridge.log, outcome, wanted)


def _entry_out(log: Log, appended: Appended, form: Form) -> web.Response:
    receipt = provisional_receipt(log.reader, appended.index)
    model = EntryOut(
        index=appended.index, leaf_hash=appended.leaf_hash, known=appended.known, receipt=receipt
    )
    return answer(model, form, *_status(appended))


async def append_batch(request: web.Request) -> web.Response:
    """A batch: all of it, or nothing."""
    permission, form, wanted = may(request, Interaction.APPEND), form_of(request), accepted(request)
    bridge = request.app[BRIDGE]
    async with whole_body(request, request.app[SETTINGS].batch_bytes, request.app[ROOM]) as body:
        batch = await permission.look_up(_batch_in, permission, body, form)
        appended = await bridge.append_batch(batch)
    return await bridge.call(_batch_out, bridge.log, appended, wanted)


def _batch_in(permission: Permission, body: bytes, form: Form) -> BatchSubmission:
    given = decoded(BatchIn, body, form)
    batch = batch_of(given.statement, given.claims, given.keys, given.blobs)
    permission.demand_author(batch.author)
    permission.demand_append(batch.kind, batch.author, batch.entry_id, batch.chains)
    return batch.submission


def _batch_out(log: Log, appended: Appended, form: Form) -> web.Response:
    receipt = provisional_receipt(log.reader, appended.index)
    model = BatchOut(
        index=appended.index,
        count=appended.count,
        leaf_hash=appended.leaf_hash,
        known=appended.known,
        receipt=receipt,
    )
    return answer(model, form, *_status(appended))


def _status(appended: Appended) -> tuple[int, dict[str, str]]:
    headers = {"Entry": str(appended.index), "Location": f"/v1/entries/{appended.index}"}
    return (200 if appended.known else 201), headers
