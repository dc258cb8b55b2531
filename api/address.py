"""Address: the URL under which clients know the service.

Client assertions are made for it, so it never follows from what a request says of itself: whoever
got an assertion for a server of its own could hand it in here under that server's name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from ledger.errors import BadRequest
from ledger.wire.login_challenge import MAX_URL


@dataclass(slots=True)
class Address:
    """Set once, when the service listens."""

    url: str = ""

    @property
    def token_url(self) -> str:
        """What client assertions name as their audience."""
        return self.url + "/auth/token"


ADDRESS: Final = web.AppKey("address", Address)


def checked_url(text: str) -> str:
    """The URL, without a slash at its end. Raises BadRequest."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", 0
    whole = text.isascii() and text.isprintable() and " " not in text and len(text) <= MAX_URL
    if (
        not (whole and host)
        or port == 0
        or parts.scheme not in ("https", "http")
        or any((parts.query, parts.fragment, parts.username, parts.password))
        or any(mark in text for mark in "?#@")
    ):
        raise BadRequest("--url is no URL of a service", hint="like https://records.example.org")
    if parts.scheme == "http" and not is_loopback(host):
        raise BadRequest("--url is not https", hint="tokens are never sent in the clear")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached, or can connect, under that name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
