"""Bridge: an open ledger behind the event loop.

Nothing that takes longer than a few microseconds runs on the loop: checking, sealing, opening and
reading run in threads (``call``), appends in the ledger's own ones (``append``). How much may wait
is bounded; what comes on top is refused at once, so that memory stays flat under any load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, ParamSpec, TypeVar

from aiohttp import web

from api.errors import busy
from api.turns import Turns
from ledger.admission import BatchSubmission, Submission
from ledger.errors import CounterfoilError
from ledger.log import Appended, Log, Outcome

P = ParamSpec("P")
T = TypeVar("T")
THREADS: Final = 8
WAITING: Final = 512
"""Calls that may be under way or wait for a thread."""


class Bridge:
    """Owned by the event loop; only what it calls runs elsewhere."""

    def __init__(self, log: Log, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self.log = log
        self._turns = Turns(threads)
        self._free = waiting

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something in a thread. Raises what it raises, and Refused when too much waits."""
        self._take()
        try:
            return await self._turns.call(partial(function, *args, **kwargs))
        finally:
            self._free += 1

    async def append(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Append entries durably; one outcome for each. Raises LedgerFault."""
        return await self._handed_in(submissions)

    async def append_batch(self, batch: BatchSubmission) -> Appended:
        """Append a batch: all of it, or what it is refused for is raised."""
        (outcome,) = await self._handed_in(batch)
        if isinstance(outcome, CounterfoilError):
            raise outcome
        return outcome

    async def _handed_in(
        self, submissions: Sequence[Submission] | BatchSubmission
    ) -> list[Outcome]:
        self._take()
        try:
            # What was handed in is committed whether its sender still waits or not.
            return await asyncio.shield(asyncio.wrap_future(self.log.append_later(submissions)))
        finally:
            self._free += 1

    def _take(self) -> None:
        if self._free <= 0:
            raise busy()
        self._free -= 1

    def close(self) -> None:
        """Finish what was begun, then close the ledger."""
        self._turns.close()
        self.log.close()


BRIDGE: Final = web.AppKey("bridge", Bridge)
