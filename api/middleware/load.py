"""Load: how many requests are under way at once, and how often they come, by address and by caller.

Above a limit a request is refused at once and costs next to nothing: 429 to whoever sends too much,
503 when all together do. Rates are token buckets (``rate`` a second, ``burst`` at once).
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from aiohttp import web

from api.caller import CALLER
from api.errors import Refused, busy
from api.keys import METRICS, SETTINGS
from api.routing import Handler, route_of
from api.settings import Settings

UNKNOWN: Final = "unknown"
_LONGEST: Final = 64
"""Characters of an address with its zone; a longer text is none, and is not kept."""


class Buckets:
    """Token buckets by key, in bounded memory. Owned by the event loop."""

    def __init__(
        self, rate: float, burst: int, remembered: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._remembered, self._clock = rate, burst, remembered, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one token: 0 when there was one, else the seconds until there is."""
        now = self._clock()
        left, before = self._left.pop(key, (float(self._burst), now))
        left = min(float(self._burst), left + (now - before) * self._rate)
        enough = left >= 1
        self._left[key] = (left - 1 if enough else left, now)
        if len(self._left) > self._remembered:
            self._left.popitem(last=False)
        return 0.0 if enough else (1 - left) / self._rate


class Load:
    """Requests under way and their rates. Owned by the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.requests = 0
        self.spare = 0
        self.ending = False
        """The service ends: what is under way is finished, and each connection with it."""
        self.by_address: Counter[str] = Counter()
        self.by_caller: Counter[str] = Counter()
        self.address_rate = Buckets(
            settings.address_rate, settings.address_burst, settings.remembered
        )
        self.caller_rate = Buckets(settings.caller_rate, settings.caller_burst, settings.remembered)


LOAD: Final = web.AppKey("load", Load)


@web.middleware
async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Limits of the whole service and of one address."""
    row, load, settings = route_of(request), request.app[LOAD], request.app[SETTINGS]
    if row is not None and row.spare:
        return await _spare(request, handler)
    if load.requests >= settings.requests:
        _count(request, "requests")
        raise busy()
    address = address_of(request)
    _check_rate(request, load.address_rate, address, "address_rate")
    with _one_more(request, load.by_address, address, settings.address_requests, "address"):
        load.requests += 1
        try:
            return await handler(request)
        finally:
            load.requests -= 1


async def _spare(request: web.Request, handler: Handler) -> web.StreamResponse:
    load = request.app[LOAD]
    if load.spare >= request.app[SETTINGS].spare_requests:
        _count(request, "spare_requests")
        raise busy()
    load.spare += 1
    try:
        return await handler(request)
    finally:
        load.spare -= 1


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Limits of one caller."""
    if (caller := request.get(CALLER)) is None:
        return await handler(request)
    load, settings, key = request.app[LOAD], request.app[SETTINGS], caller.actor.hex()
    _check_rate(request, load.caller_rate, key, "caller_rate")
    with _one_more(request, load.by_caller, key, settings.caller_requests, "caller"):
        return await handler(request)


def address_of(request: web.Request) -> str:
    """Where a request comes from: an IPv4 address, or the /64 network of an IPv6 address."""
    text = request.remote or UNKNOWN
    if request.app[SETTINGS].behind_proxy:
        # What stands before the last one was said by the peer of our proxy: anybody.
        text = ",".join(request.headers.getall("X-Forwarded-For", [text])).rpartition(",")[2]
    return network_of(text)


def network_of(text: str) -> str:
    """The unit in which addresses are counted; one for all that is no address."""
    text = text.strip()
    return _network(text) if len(text) <= _LONGEST else UNKNOWN


@lru_cache(maxsize=16_384)
def _network(text: str) -> str:
    """Kept, for every request asks for it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False).network_address)


def _check_rate(request: web.Request, buckets: Buckets, key: str, limit: str) -> None:
    if wait := buckets.take(key):
        _count(request, limit)
        raise _too_much(wait)


@contextmanager
def _one_more(
    request: web.Request, counts: Counter[str], key: str, most: int, limit: str
) -> Iterator[None]:
    if counts[key] >= most:
        _count(request, limit + "_requests")
        raise _too_much(1.0)
    counts[key] += 1
    try:
        yield
    finally:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]


def _too_much(wait_s: float) -> Refused:
    return Refused(
        429,
        "more requests than this service takes from one sender",
        hint="slow down, and try again after Retry-After seconds",
        code="throttled",
        headers={"Retry-After": str(max(1, math.ceil(wait_s)))},
    )


def _count(request: web.Request, limit: str) -> None:
    request.app[METRICS].refused.labels(limit).inc()
