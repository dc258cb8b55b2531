"""Desk: what the service keeps between requests about records, and how it is asked.

``library`` and everything that looks up is for a thread (``Bridge.call``); locks, denials and what
goes on in the background are the event loop's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from api.auth.decision import Decision, Facts, Interaction, by_record
from api.auth.standing import standing
from api.bridge import BRIDGE
from api.caller import Caller
from api.keys import GATEWAY, SETTINGS
from ledger.author import Author
from ledger.identity.roles import RECORD_ROLES
from ledger.log import Log
from ledger.record.model import Viewer
from ledger.resources.library import Library
from ledger.resources.names import Names
from ledger.serving.orders import Orders
from ledger.wire.ids import ActorId, ChainId

_DAY_MS: Final = 24 * 3600 * 1000
OPENING: Final = b"opening"
"""Held while a record may be opened or an identifier linked: two Patients with one identifier are
one person.
"""
DENIED_AGAIN_S: Final = 600.0
"""A caller's denial in one record is an entry at most so often."""
_DENIALS: Final = 100_000
_DENIALS_EACH: Final = 2_000
"""Of one caller, so that nobody fills the memory and goes unnoticed in the crowd."""


class Locks:
    """One holder at a time for each key. Event loop only."""

    def __init__(self) -> None:
        self._locks: dict[bytes, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def held(self, keys: Iterable[bytes]) -> AsyncIterator[None]:
        """Hold all of them; always taken in the same order, so that nobody waits in a circle."""
        async with AsyncExitStack() as stack:
            for key in sorted(set(keys)):
                await stack.enter_async_context(self._one(key))
            yield

    @asynccontextmanager
    async def _one(self, key: bytes) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)


def keys_to_change(type_: str, identity: str) -> Iterator[bytes]:
    """What must be held while a resource is changed, from looking at it until the change stands. A
    Patient may get further identifiers.
    """
    yield identity.encode()
    if type_ == "Patient":
        yield OPENING


class Denials:
    """Which denials were entries lately. Event loop only."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[ActorId, ChainId], float] = OrderedDict()
        self._each: Counter[ActorId] = Counter()

    def is_first(self, actor: ActorId, record: ChainId) -> bool:
        """Whether this one is to be an entry; the next ones are not, for a while."""
        now = time.monotonic()
        while self._said and next(iter(self._said.values())) <= now - DENIED_AGAIN_S:
            self.forget(*next(iter(self._said)))
        if (actor, record) in self._said:
            return False
        if len(self._said) >= _DENIALS or self._each[actor] >= _DENIALS_EACH:
            return False
        self._said[actor, record] = now
        self._each[actor] += 1
        return True

    def forget(self, actor: ActorId, record: ChainId) -> None:
        """The entry was not written: the next denial is the first again."""
        if self._said.pop((actor, record), None) is not None:
            self._each[actor] -= 1
            if not self._each[actor]:
                del self._each[actor]


@dataclass(slots=True)
class Desk:
    """One for each application."""

    log: Log
    gateway: Author
    library: Library
    names: Names
    orders: Orders
    period_days: int
    locks: Locks = field(default_factory=Locks)
    denials: Denials = field(default_factory=Denials)
    _background: set[asyncio.Task[Any]] = field(default_factory=set)

    def decide(
        self, caller: Caller, interaction: Interaction, type_: str, record: ChainId
    ) -> Decision:
        """Whether the caller may do this in a record. Looks up."""
        return by_record(caller, interaction, type_, self.facts(caller, record))

    def facts(self, caller: Caller, record: ChainId) -> Facts:
        """What is known now of a caller and a record. Looks up."""
        registry, now_ms = self.log.reader.registry, time.time_ns() // 1_000_000
        relation = self.library.relation(record, caller.institution)
        actor = registry.actors.get(caller.actor)
        return Facts(
            now_ms,
            self.period_days * _DAY_MS,
            standing(registry, caller.actor, now_ms),
            own_record=self._is_own(caller, record),
            words=frozenset() if actor is None else actor.scope,
            linked=relation.linked,
            last_activity_ms=relation.last_activity_ms,
        )

    def _is_own(self, caller: Caller, record: ChainId) -> bool:
        """Records that are joined are one person's."""
        own = caller.record
        return own is not None and (own == record or own in self.library.joined(record))

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something that no answer waits for; ``finished`` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def finished(self) -> None:
        """Wait for what goes on in the background; what fails there is nobody's answer."""
        await asyncio.gather(*self._background, return_exceptions=True)


def viewer_of(caller: Caller) -> Viewer:
    """With whose eyes a caller sees a record."""
    own = caller.record is not None and caller.institution is None
    return Viewer.PERSON if caller.role in RECORD_ROLES or own else Viewer.INSTITUTION


def add_desk(app: web.Application) -> None:
    """Needs BRIDGE, GATEWAY and SETTINGS."""
    log, gateway = app[BRIDGE].log, app[GATEWAY]
    library = Library(log, gateway=gateway.id, most_entries=app[SETTINGS].kept_entries)
    app[DESK] = Desk(log, gateway, library, Names(log), Orders(log.reader), app[SETTINGS].care_days)
    app.cleanup_ctx.append(_finishing)


async def _finishing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[DESK].finished()


DESK: Final = web.AppKey("desk", Desk)
