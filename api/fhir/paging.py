"""Pages of a search: what is still to come lies here, under a name that tells nothing.

A link that we mint holds no identifier and no value that was searched for: only ``_page=`` and the
name. It is good for the caller who got it, for a while; every page asks anew whether the caller
may, and is a reading of its own, with its own access entry.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from ledger.wire.ids import ActorId, ChainId

KEPT_S: Final = 600.0
MOST: Final = 2_000
MOST_EACH: Final = 200
"""Of one caller, who pushes out its own pages and not those of others."""
MOST_IDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a search's matches, as (type, id)."""

    caller: ActorId
    record: ChainId | None
    """None for directories."""
    resource_type: str
    ids: tuple[tuple[str, str], ...] = field(repr=False)
    count: int
    total: int | None
    query: str = field(repr=False)
    """For the access entries."""


class Pages:
    """Event loop only."""

    def __init__(self) -> None:
        self._rests: OrderedDict[str, tuple[float, Rest]] = OrderedDict()
        self._names: dict[ActorId, deque[str]] = {}
        self._ids = 0

    def keep(self, rest: Rest) -> str:
        """The name of the next page."""
        name = secrets.token_urlsafe(18)
        self._rests[name] = (time.monotonic() + KEPT_S, rest)
        self._ids += len(rest.ids)
        own = self._names.setdefault(rest.caller, deque())
        own.append(name)
        if len(own) > MOST_EACH:
            self._drop(own[0])
        while len(self._rests) > MOST or self._ids > MOST_IDS or self._oldest_is_over():
            self._drop(next(iter(self._rests)))
        return name

    def _drop(self, name: str) -> None:
        """The oldest of its caller."""
        _, rest = self._rests.pop(name)
        self._ids -= len(rest.ids)
        own = self._names[rest.caller]
        own.popleft()
        if not own:
            del self._names[rest.caller]

    def get(self, name: str, caller: ActorId) -> Rest | None:
        """What was kept under a name for this caller; it stays, so that a page can be asked for
        again.
        """
        until, rest = self._rests.get(name, (0.0, None))
        if rest is None or rest.caller != caller or until < time.monotonic():
            return None
        return rest

    def _oldest_is_over(self) -> bool:
        return bool(self._rests) and next(iter(self._rests.values()))[0] < time.monotonic()


PAGES: Final = web.AppKey("pages", Pages)
