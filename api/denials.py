"""Denials: what an authenticated caller was refused of a record is an entry in it, if it is the
first within a while.
"""

from __future__ import annotations

from aiohttp import web

from api.bridge import BRIDGE
from api.desk import DESK
from api.errors import Refused
from ledger.errors import CounterfoilError
from ledger.log import Appended
from ledger.resources.reading import AskedBy, access_entries
from ledger.wire.ids import ChainId


def note_denial(app: web.Application, asked: AskedBy, record: ChainId) -> None:
    """The answer does not wait for the entry, for that would tell that the record exists."""
    desk = app[DESK]
    if desk.denials.is_first(asked.actor, record):
        desk.later(_append(app, asked, record))


async def _append(app: web.Application, asked: AskedBy, record: ChainId) -> None:
    """What the service has no room for now is noted the next time."""
    bridge, desk = app[BRIDGE], app[DESK]
    try:
        made = await bridge.call(access_entries, desk.gateway, {record: ()}, asked, denied=True)
        (outcome,) = await bridge.append([one.submission for one in made])
    except (Refused, CounterfoilError):
        outcome = None
    if not isinstance(outcome, Appended):
        desk.denials.forget(asked.actor, record)
