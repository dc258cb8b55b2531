"""Address: the URL under which clients know the service.

Client assertions are made for it, so it never follows from what a request says of itself: whoever
got an assertion for a server of its own could hand it in here under that server's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web


@dataclass(slots=True)
class Address:
    """Set once, when the service listens."""

    url: str = ""

    @property
    def token_url(self) -> str:
        """What client assertions name as their audience."""
        return self.url + "/auth/token"


ADDRESS: Final = web.AppKey("address", Address)
