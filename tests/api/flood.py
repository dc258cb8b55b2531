"""Flood: requests at a rate that does not wait for answers, from many addresses and callers, and
what became of each.

    flood = Flood(port, asks)
    asyncio.run(flood.steadily(16, 2.0))         16 at once for two seconds: what is sustained
    asyncio.run(flood.at_rate(3_000, 60.0))      3,000 a second for a minute

As lean as it can be, for it shares the machine with the service.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

ADDRESSES: Final = 8
CONNECTIONS: Final = 400
"""Of one address: beyond what the service takes of all together, within what it takes of one."""
PATIENCE_S: Final = 30.0
_TICK_S: Final = 0.004
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it is sent, and a number of its own if it writes."""

    data: bytes
    writes: int = -1


@dataclass(slots=True)
class Tally:
    """What became of requests."""

    sent: int = 0
    missed: int = 0
    """Due, and not sent, for every connection was waiting."""
    broken: int = 0
    """Ended without an answer."""
    late: int = 0
    """Not answered in ``PATIENCE_S``."""
    without_hint: int = 0
    """Refused without Retry-After."""
    statuses: Counter[int] = field(default_factory=Counter)
    done_s: list[float] = field(default_factory=list)
    """Until what was taken was answered."""
    refused_s: list[float] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)
    """Entry of a write, and its number."""
    accesses: list[int] = field(default_factory=list)

    @property
    def done(self) -> int:
        return len(self.done_s)


class Flood:
    """One service, flooded. ``asks`` gives the next request."""

    def __init__(self, port: int, asks: Callable[[], Ask]) -> None:
        self.port = port
        self.asks = asks
        self.tally = Tally()
        self.idle: list[_Connection] = []
        self.waiting: set[_Connection] = set()

    async def steadily(self, at_once: int, seconds: float) -> Tally:
        """Each sends its next request when the last is answered."""
        self.tally = Tally()
        await self._connect(-(-at_once // ADDRESSES))
        while len(self.idle) > at_once:
            self.idle.pop().end()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            while self.idle:
                self.idle.pop().send(self.asks())
            await asyncio.sleep(_TICK_S / 4)
        return await self._finished()

    async def at_rate(self, rate: float, seconds: float) -> Tally:
        """So many a second, whatever becomes of those before."""
        self.tally = Tally()
        await self._connect(CONNECTIONS)
        begun, due = time.perf_counter(), 0
        while (now := time.perf_counter() - begun) < seconds:
            while due < now * rate:
                due += 1
                if self.idle:
                    # The one that waited longest, so that all addresses and callers come.
                    self.idle.pop(0).send(self.asks())
                else:
                    self.tally.missed += 1
            await asyncio.sleep(_TICK_S)
        return await self._finished()

    async def _connect(self, each: int) -> None:
        self.idle, self.waiting = [], set()
        for number in range(each * ADDRESSES):
            await self.open(number % ADDRESSES)

    async def open(self, address: int) -> None:
        """One connection more."""
        await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self, address),
            "127.0.0.1",
            self.port,
            local_addr=(f"127.0.0.{2 + address}", 0),
        )

    async def _finished(self) -> Tally:
        """What is under way is waited for."""
        end = time.perf_counter() + PATIENCE_S
        while self.waiting and time.perf_counter() < end:
            await asyncio.sleep(0.02)
        self.tally.late += len(self.waiting)
        for one in [*self.idle, *self.waiting]:
            one.end()
        await asyncio.sleep(0.05)
        return self.tally


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, flood: Flood, address: int) -> None:
        self._flood, self._address = flood, address
        self._transport: asyncio.Transport | None = None
        self._ask = Ask(b"")
        self._got = b""
        self._begun = 0.0
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._flood.idle.append(self)

    def send(self, ask: Ask) -> None:
        assert self._transport is not None
        self._ask, self._got, self._begun = ask, b"", time.perf_counter()
        self._flood.tally.sent += 1
        self._flood.waiting.add(self)
        self._transport.write(ask.data)

    def end(self) -> None:
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) >= int(headers.get(b"Content-Length", b"0")):
            self._answered(int(head[9:12]), headers)

    def _answered(self, status: int, headers: dict[bytes, bytes]) -> None:
        seconds, tally = time.perf_counter() - self._begun, self._flood.tally
        self._flood.waiting.discard(self)
        tally.statuses[status] += 1
        tally.late += seconds > PATIENCE_S
        if status in _BUSY:
            tally.refused_s.append(seconds)
            tally.without_hint += b"Retry-After" not in headers
        else:
            tally.done_s.append(seconds)
        if status == 201:
            tally.written.append((int(headers[b"Entry"]), self._ask.writes))
        if b"Access-Entry" in headers:
            tally.accesses += map(int, headers[b"Access-Entry"].split(b", "))
        if headers.get(b"Connection", b"").lower() == b"close":
            self._again()
        else:
            self._flood.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._flood.waiting:
            self._flood.waiting.discard(self)
            self._flood.tally.broken += 1
        if self in self._flood.idle:
            self._flood.idle.remove(self)
        if not self._ended:
            self._again()

    def _again(self) -> None:
        """Another connection in its place."""
        self.end()
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(
            self._flood.open(self._address)
        )
        task.add_done_callback(_quietly)


def _quietly(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
