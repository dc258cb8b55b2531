"""Provenance: who signed each version of a resource, with the signature and the log's receipt.

On whose behalf the gateway signed is sealed with the content, so this is a reading, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from aiohttp import web

from api.auth.decision import Interaction
from api.errors import Refused, not_found
from api.fhir import replies
from api.fhir.formats import FORM, check_word
from api.fhir.visit import Place, Visit
from ledger.author import FHIR_JSON
from ledger.errors import BadRequest
from ledger.fhir.bundles import Match, searchset
from ledger.fhir.provenance import Signed, provenance
from ledger.fhir.searching import TYPES, parameters
from ledger.log import Entry
from ledger.record.header import decode_header
from ledger.record.model import Viewer
from ledger.resources.naming import public_id
from ledger.resources.shelf import Stored, StoredVersion
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position
from ledger.wire.receipt import render_receipt
from ledger.wire.sealed import Content

TYPE: Final = "Provenance"
_KNOWN: Final = parameters(TYPE).keys() | FORM
_ACTIVITY: Final[dict[Kind, Literal["CREATE", "UPDATE", "DELETE"]]] = {
    Kind.RECORD: "CREATE",
    Kind.AMEND: "UPDATE",
    Kind.RETRACT: "DELETE",
}


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/Provenance/id``: the id is that of the entry which made the version."""
    visit, identity = Visit.of(request), request.match_info["id"]
    visit.demand(Interaction.READ, TYPE)
    named = await visit.bridge.call(_version_named, visit, identity)
    if named is None:
        raise not_found()
    # Asked as for the resource itself, so that a denial is noted once.
    place = await visit.find(named.type, named.identity, Interaction.READ)
    for version in place.stored.versions:
        if public_id(visit.desk.log.reader, version.place) == identity:
            for told in await _told(visit, place, [version]):
                return replies.body(visit, replies.as_bytes(told))
    raise not_found()


def _version_named(visit: Visit, identity: str) -> Stored | None:
    """The resource that has a version made by this entry, as the caller would see it."""
    library = visit.desk.library
    chain = library.chain_of(identity)
    if chain is None or not (library.is_record(chain) or library.is_directory(chain)):
        return None
    reader = visit.desk.log.reader
    for stored in library.shelf(chain, visit.viewer).resources.values():
        if any(public_id(reader, version.place) == identity for version in stored.versions):
            return stored
    return None


async def search(
    visit: Visit, _type: str, pairs: Iterable[tuple[str, str]], *, strict: bool
) -> bytes:
    """``GET /fhir/Provenance?target=Type/id``: one for each version, the newest first."""
    pairs = list(pairs)
    _check_names(pairs, strict=strict)
    targets = [value for name, value in pairs if name == "target"]
    type_, _, identity = (targets or [""])[0].removeprefix(f"{visit.base}/").rpartition("/")
    if len(targets) != 1 or type_ not in TYPES:
        raise Refused(
            400,
            "the search names no resource",
            hint="add target=Type/id, once",
            code="required",
        )
    link = f"{TYPE}?target={type_}/{identity}"
    try:
        place = await visit.find(type_, identity, Interaction.SEARCH)
    except Refused:
        return searchset([], total=0, links=[("self", f"{visit.base}/{link}")])
    told = await _told(visit, place, place.stored.versions[::-1], link)
    matched = [Match(f"{visit.base}/{TYPE}/{one['id']}", replies.as_bytes(one)) for one in told]
    return searchset(matched, total=len(told), links=[("self", f"{visit.base}/{link}")])


def _check_names(pairs: Sequence[tuple[str, str]], *, strict: bool) -> None:
    """As ``matching.understood``, but nothing counts as known that would be passed over. Raises
    Refused 400 or 406.
    """
    for name, value in pairs:
        if name == "_format":
            check_word(value)
        if strict and name not in _KNOWN:
            raise Refused(
                400,
                "the search has parameters that are not known here",
                hint="Provenance is found by target alone",
                code="not-supported",
            )


async def _told(
    visit: Visit, place: Place, versions: Sequence[StoredVersion], query: str | None = None
) -> list[dict[str, Any]]:
    named: dict[ChainId, list[Entry]] = {place.chain: []} if place.is_record else {}
    reader = visit.desk.log.reader
    if place.is_record:
        for version in versions:
            entry = await visit.bridge.call(reader.entry, *version.place)
            # A reason goes with the content that it was sealed beside.
            if await visit.bridge.call(visit.desk.orders.covering, entry) is None:
                named.setdefault(entry.leaf.claim.chain, []).append(entry)
    contents = await visit.release_entries(named, query=query)
    return await visit.bridge.call(_provenances, visit, place.stored, versions, contents)


def _provenances(
    visit: Visit,
    stored: Stored,
    versions: Sequence[StoredVersion],
    contents: Mapping[Position, Content],
) -> list[dict[str, Any]]:
    return [
        provenance(_signed(visit, stored, version, contents.get(version.place)))
        for version in versions
    ]


def _signed(
    visit: Visit, stored: Stored, version: StoredVersion, content: Content | None
) -> Signed:
    log, names = visit.desk.log, visit.desk.names
    entry = log.reader.entry(*version.place)
    claim, statement = entry.leaf.claim, entry.leaf.statement
    if statement is None:
        # A member of a batch stands under the batch's one signature.
        batch = log.reader.entry(entry.leaf.batch_index, entry.back)
        statement = batch.leaf.statement
    assert statement is not None
    reference = f"{stored.type}/{stored.identity}/_history"
    reason, machine, media_type = _of_header(visit, content)
    return Signed(
        public_id(log.reader, version.place),
        f"{reference}/{version.number}",
        _ACTIVITY[claim.kind],
        names.actor(claim.author),
        claim.authored_ms,
        entry.leaf.received_ms,
        statement.encode(),
        None if version.place.back else render_receipt(log.reader.receipt(version.place.at)),
        log.layout.origin,
        None if version.writer == claim.author else names.actor(version.writer),
        f"{reference}/{version.number - 1}" if version.number > 1 else None,
        reason,
        machine,
        media_type,
    )


def _of_header(visit: Visit, content: Content | None) -> tuple[str | None, str | None, str]:
    if content is None:
        return None, None, FHIR_JSON
    try:
        header = decode_header(content.header)
    except BadRequest:
        return None, None, FHIR_JSON
    if header.moved_away and visit.viewer is Viewer.PERSON:
        # It tells of whoever it was moved to; the person's view leaves it out too.
        return None, header.machine, header.media_type
    return header.reason, header.machine, header.media_type
