"""Publishing: a checkpoint that custodians and auditors can build on, every so often, when there is
something new; at the start, and once more at a graceful end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from api.answers import where
from api.background import background
from api.bridge import BRIDGE
from api.keys import LOG, SETTINGS
from ledger.errors import CounterfoilError
from ledger.log import Log


async def publishing(app: web.Application) -> AsyncIterator[None]:
    """Publish as long as the application runs."""
    await _publish(app)
    async with background(_keep_publishing(app)):
        yield
    await _publish(app)


async def _keep_publishing(app: web.Application) -> None:
    while True:
        await asyncio.sleep(app[SETTINGS].publish_s)
        await _publish(app)


async def _publish(app: web.Application) -> None:
    """A ledger that cannot publish goes on answering: `/readyz` says what is wrong."""
    try:
        # Not through the bridge, which refuses when it is busy, and not cancelled half-way.
        await asyncio.shield(asyncio.to_thread(_publish_new, app[BRIDGE].log))
    except CounterfoilError as error:
        app[LOG].error("cannot publish", why=str(error))
    except Exception as error:
        app[LOG].error("cannot publish", **where(error))


def _publish_new(log: Log) -> None:
    if log.reader.checkpoint.size != log.published.size:
        log.publish()
