"""The URL under which clients know the service."""

from __future__ import annotations

import pytest

from api.address import Address
from ledger.errors import BadRequest
from ledger.wire.service_url import checked_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://records.example.org", "https://records.example.org"),
        ("https://records.example.org/", "https://records.example.org"),
        ("https://records.example.org:8443/ledger", "https://records.example.org:8443/ledger"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_urls(text: str, url: str) -> None:
    assert checked_url(text, "--url") == url
    assert Address(url).token_url == url + "/auth/token"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "records.example.org",
        "https://",
        "https:///path",
        "ftp://records.example.org",
        "http://records.example.org",
        "http://10.0.0.1",
        "https://user@records.example.org",
        "https://user:secret@records.example.org",
        "https://records.example.org?x=1",
        "https://records.example.org#x",
        "https://records.example.org?",
        "https://records example.org",
        "https://records.example.org\n",
        "https://räcords.example.org",
        "https://records.example.org:0",
        "https://records.example.org:99999",
        "https://[::1",
        "https://" + "x" * 250,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadRequest):
        checked_url(text, "--url")
