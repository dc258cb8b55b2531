"""Load: how many requests are under way at once, and how often they come, by address and by caller.

Rates are token buckets (``rate`` a second, ``burst`` at once). ``api.gate`` asks for the whole
service and for an address, ``api.middleware.callers`` for a caller.
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

from api.errors import Refused
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
        self.turned_away: Counter[str] = Counter()
        """Requests and connections by limit, not yet logged."""
        self.by_address: Counter[str] = Counter()
        self.by_caller: Counter[str] = Counter()
        self.address_rate = Buckets(
            settings.address_rate, settings.address_burst, settings.remembered
        )
        self.caller_rate = Buckets(settings.caller_rate, settings.caller_burst, settings.remembered)


LOAD: Final = web.AppKey("load", Load)


def address_of(request: web.BaseRequest, *, behind_proxy: bool) -> str:
    """Where a request comes from: an IPv4 address, or the /64 network of an IPv6 address."""
    text = request.remote or UNKNOWN
    if behind_proxy:
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


@contextmanager
def one_more(counts: Counter[str], key: str) -> Iterator[None]:
    """One more under way of a key, meanwhile."""
    counts[key] += 1
    try:
        yield
    finally:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]


def too_much(wait_s: float = 1.0) -> Refused:
    """The answer to one sender's request above its limits."""
    return Refused(
        429,
        "more requests than this service takes from one sender",
        hint="slow down, and try again after Retry-After seconds",
        code="throttled",
        headers={"Retry-After": str(max(1, math.ceil(wait_s)))},
    )
