"""Forms: the body of a token request, read strictly (RFC 6749 section 3.2), and its errors as JSON
(section 5.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 32


class OAuthError(Exception):
    """A refused token request: ``error`` is a code of RFC 6749, the text is for the client."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def parse_form(body: bytes) -> dict[str, str]:
    """Fields by name; those without a value are left out. Raises OAuthError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise OAuthError("invalid_request", "the body is no form of UTF-8 text") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise OAuthError("invalid_request", "a field stands twice in the form")
    return {name: value for name, value in fields.items() if value}


def refusal(error: OAuthError, headers: Mapping[str, str] | None = None) -> web.Response:
    """401 for a client that is not known, 400 for the rest."""
    body = {"error": error.error, "error_description": error.description}
    return web.Response(
        status=401 if error.error == "invalid_client" else 400,
        headers=headers,
        body=json.dumps(body).encode(),
        content_type="application/json",
    )


def token_answer(token: str, life_s: int, scopes: frozenset[str]) -> web.Response:
    """RFC 6749 section 5.1. No cache keeps it (``api.middleware.watching`` says no-store)."""
    body = {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": life_s,
        "scope": " ".join(sorted(scopes)),
    }
    return web.Response(
        body=json.dumps(body).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    )
