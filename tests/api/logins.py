"""What a client sends to get a token: assertions and forms, good ones and others."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from api.auth.endpoint import JWT_BEARER
from ledger.wire.ids import ActorId

if TYPE_CHECKING:
    from tests.api.running import Answer, Running

ClientKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def alg_of(key: ClientKey) -> str:
    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA"
    return "ES384" if isinstance(key, EllipticCurvePrivateKey) else "RS384"


def claims_of(service: Running, actor: ActorId) -> dict[str, Any]:
    """Of a good assertion."""
    return {
        "iss": actor.hex(),
        "sub": actor.hex(),
        "aud": service.url + "/auth/token",
        "exp": int(time.time()) + 240,
        "jti": secrets.token_hex(16),
    }


def assertion(
    service: Running,
    actor: ActorId,
    key: ClientKey,
    headers: dict[str, Any] | None = None,
    **change: Any,
) -> str:
    """A client assertion; ``change`` replaces claims, None takes one away."""
    claims = claims_of(service, actor) | change
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg_of(key), headers=headers)


def form_of(assertion: str, **change: str | None) -> dict[str, str]:
    """A token request; None takes a field away."""
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": assertion,
        "scope": "system/*.rs",
        **change,
    }
    return {name: value for name, value in fields.items() if value is not None}


def ask_token(service: Running, assertion: str, **change: str | None) -> Answer:
    """Send a token request."""
    body = urlencode(form_of(assertion, **change)).encode()
    return service.ask("POST", "/auth/token", body, FORM)
