"""Client assertions: private_key_jwt of SMART Backend Services (RFC 7523, RFC 7521).

    header   alg   RS384, ES384 or EdDSA, that of the key
             kid   ours in hex names one key; any other, or none: every valid login key is tried
             jku, jwk, x5u, x5c, crit, b64: refused, for keys come from the registry only
    claims   iss = sub = the actor's id in hex, aud = the token URL, exp, jti; nbf, iat if given

Nothing here looks at what was used before (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import jwt

from api.auth.standing import Standing, standing
from ledger.identity import Registry
from ledger.identity.actors import ActorKey
from ledger.identity.bodies import LOGIN
from ledger.wire.ids import ID_SIZE, ActorId
from ledger.wire.keys import ED25519, KeyId
from ledger.wire.login_keys import ES384, RS384, load_login_key

ALGORITHMS: Final = {"RS384": RS384, "ES384": ES384, "EdDSA": ED25519}
MAX_JTI: Final = 255
_FOREIGN: Final = ("jku", "jwk", "x5u", "x5c", "crit", "b64")
_TYPES: Final = ("jwt", "client-authentication+jwt")
_REQUIRED: Final = ["iss", "sub", "aud", "exp", "jti"]
_UNREAD: Final = "the client assertion is no JSON Web Token"
_NOT_GOOD: Final = "the client assertion is not of a client that is registered now"


class BadAssertion(Exception):
    """Why an assertion is not taken. The message may be told to the client: it says nothing of the
    registry.
    """


class Limits(NamedTuple):
    """What an assertion is measured by."""

    audience: str
    now_s: int
    ahead_s: int
    leeway_s: int
    max_bytes: int


class Assertion(NamedTuple):
    """A good one, that may have been used before."""

    actor: ActorId
    kid: KeyId
    jti: str
    end_s: int
    """From then on it is refused for its age."""


def check_assertion(text: str, registry: Registry, limits: Limits) -> Assertion:
    """Raises BadAssertion."""
    alg, kid, claims = _read(text, limits)
    actor = _actor_of(claims)
    _check_times(claims, limits)
    for key in _keys(registry, actor, ALGORITHMS[alg], kid, limits.now_s * 1000):
        if _verifies(text, alg, key, actor, limits):
            end_s = int(claims["exp"]) + limits.leeway_s
            return Assertion(actor, key.kid, claims["jti"], end_s)
    raise BadAssertion(_NOT_GOOD)


def _read(text: str, limits: Limits) -> tuple[str, str | None, Mapping[str, Any]]:
    """Algorithm, kid and claims, not verified yet."""
    if not text.isascii() or len(text) > limits.max_bytes:
        raise BadAssertion(f"a client assertion is ASCII of at most {limits.max_bytes} bytes")
    try:
        whole = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise BadAssertion(_UNREAD) from None
    header, claims = whole["header"], whole["payload"]
    alg, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise BadAssertion("the algorithm of a client assertion is RS384, ES384 or EdDSA")
    if any(name in header for name in _FOREIGN):
        raise BadAssertion("jku, jwk, x5u, x5c, crit and b64 have no place in a client assertion")
    if not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise BadAssertion("the type of a client assertion is JWT")
    return alg, kid if isinstance(kid, str) else None, claims


def _actor_of(claims: Mapping[str, Any]) -> ActorId:
    issuer, jti = claims.get("iss"), claims.get("jti")
    if not isinstance(issuer, str) or claims.get("sub") != issuer:
        raise BadAssertion("iss and sub of a client assertion are both the client's id")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI:
        raise BadAssertion(f"jti of a client assertion is a text of 1 to {MAX_JTI} characters")
    try:
        actor = bytes.fromhex(issuer)
        jti.encode()
    except ValueError:
        actor = b""
    if len(actor) != ID_SIZE or actor.hex() != issuer:
        raise BadAssertion("a client's id is an actor's id: 32 lower-case hexadecimal digits")
    return ActorId(actor)


def _check_times(claims: Mapping[str, Any], limits: Limits) -> None:
    if any(type(claims[name]) is not int for name in ("exp", "nbf", "iat") if name in claims):
        raise BadAssertion("exp, nbf and iat of a client assertion are whole seconds")
    if claims.get("aud") != limits.audience:
        raise BadAssertion(
            "aud of a client assertion is the token URL, as smart-configuration has it"
        )
    end, latest = claims.get("exp", 0), limits.now_s + limits.ahead_s + limits.leeway_s
    if not limits.now_s - limits.leeway_s < end <= latest:
        raise BadAssertion(
            f"exp of a client assertion has passed, or is over {limits.ahead_s} seconds ahead"
        )
    if max(claims.get("nbf", 0), claims.get("iat", 0)) > limits.now_s + limits.leeway_s:
        raise BadAssertion("nbf or iat of a client assertion is still to come")


def _keys(
    registry: Registry, id_: ActorId, alg: int, kid: str | None, now_ms: int
) -> list[ActorKey]:
    """The login keys that may have made the signature."""
    if standing(registry, id_, now_ms) is not Standing.IN_FORCE:
        return []
    own = [key for key in registry.actors[id_].keys if key.use == LOGIN]
    named = [key for key in own if key.kid.hex() == kid]
    return [key for key in named or own if key.alg == alg and key.ended_at is None]


def _verifies(text: str, alg: str, key: ActorKey, actor: ActorId, limits: Limits) -> bool:
    try:
        jwt.decode(
            text,
            load_login_key(key.alg, key.public_key),  # type: ignore[arg-type]
            algorithms=[alg],
            audience=limits.audience,
            issuer=actor.hex(),
            subject=actor.hex(),
            # ``_check_times`` has done it, by a clock that tests can set.
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError):
        return False
    return True
