"""Accesses: who read a record, when, and what for.

Purpose and on whose behalf are sealed in the access entries, so the list goes through the door and
leaves an access entry itself, one for each page. It is not in its own page.
"""

from __future__ import annotations

from aiohttp import web

from api.auth.decision import Interaction
from api.bridge import BRIDGE
from api.desk import DESK
from api.v1.codec import accepted, answer
from api.v1.content import access_to
from api.v1.models import AccessInfo, AccessList
from api.v1.parameters import Paging, query_of, record_of
from api.v1.permission import Shown, may
from api.v1.showing import page_in
from ledger.serving.pages import Entry, Page
from ledger.serving.releasing import LARGEST_ACCESS, Access, opened_accesses
from ledger.wire.claim import Kind


async def accesses(request: web.Request) -> web.Response:
    """A page of the accesses to a record."""
    permission, form = may(request, Interaction.FETCH), accepted(request)
    record, paging = record_of(request), query_of(request, Paging)
    bridge, orders = request.app[BRIDGE], request.app[DESK].orders

    def listed() -> tuple[Page, list[Entry]]:
        permission.demand_record(record, Shown.CONTENT)
        page = page_in(bridge.log, record, paging, frozenset({Kind.ACCESS}))
        small = (one for one in page.entries if one.leaf.claim.blob_size <= LARGEST_ACCESS)
        return page, [one for one in small if orders.covering(one) is None]

    page, there = await permission.look_up(listed)
    found: dict[int, Access] = {}
    headers = {}
    if there:
        access = await access_to(request, permission, there)
        assert access is not None, "a person's record"
        opened = await bridge.call(opened_accesses, bridge.log, there, access)
        found = {id(one.entry): one for one in opened}
        headers["Access-Entry"] = str(access)
    infos = [_info(found.get(id(one)) or Access(one, None)) for one in page.entries]
    following = None if page.next is None else str(page.next)
    model = AccessList(record=record.hex(), accesses=infos, next=following)
    return answer(model, form, headers=headers)


def _info(access: Access) -> AccessInfo:
    entry, header = access.entry, access.header
    behalf = None if header is None or header.on_behalf_of is None else header.on_behalf_of.hex()
    return AccessInfo(
        index=entry.index,
        back=entry.back,
        seq=entry.leaf.seq,
        received_ms=entry.leaf.received_ms,
        author=entry.leaf.claim.author.hex(),
        readable=header is not None,
        on_behalf_of=behalf,
        purpose=header.purpose if header else None,
        request=header.request if header else None,
        query=header.query if header else None,
        denied=header.denied if header else False,
        entries=list(header.entries) if header else [],
    )
