"""The URL of a service, as its operator, its clients and what they sign have it: https but on this
machine, ASCII, no query, no fragment, nobody's name or password, no slash at its end.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from ledger.errors import BadRequest

MAX_URL: Final = 255


def checked_url(text: str, name: str) -> str:
    """The URL, without a slash at its end. ``name`` is what the user gave it as. Raises
    BadRequest.
    """
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
        raise BadRequest(f"{name} is no URL of a service", hint="like https://records.example.org")
    if parts.scheme == "http" and not is_loopback(host):
        raise BadRequest(f"{name} is not https", hint="tokens are never sent in the clear")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached, or can connect, under that name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
