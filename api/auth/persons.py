"""POST /auth/challenge and /auth/login: persons log in with a signature (docs/spec/login.md).

Every failed login gets the same answer, so that nobody learns whether an actor exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from api.address import ADDRESS
from api.auth.forms import token_answer
from api.auth.granting import BadPurpose, all_scopes, grant
from api.auth.login import MAX_SIGNATURE, Answered, signer
from api.auth.scopes import BadScope
from api.auth.state import AUTH
from api.bridge import BRIDGE
from api.errors import Refused
from api.keys import METRICS, SETTINGS
from ledger.errors import Unreadable
from ledger.fhir import jsontext
from ledger.wire.ids import ID_SIZE, MAX_INTEGER, ActorId
from ledger.wire.login_challenge import NONCE_SIZE

JSON: Final = "application/json"


async def challenge(request: web.Request) -> web.Response:
    """A challenge for an actor, whether there is such a one or not."""
    fields = _object(await request.read(), {"actor"})
    auth = request.app[AUTH]
    nonce, expiry_ms = auth.challenges.new(_actor(fields), auth.clock())
    url = request.app[ADDRESS].url
    return web.json_response({"nonce": nonce.hex(), "expiry": expiry_ms, "service": url})


async def login(request: web.Request) -> web.Response:
    """A token for whoever signed a challenge."""
    fields = _object(
        await request.read(),
        {"actor", "nonce", "expiry", "signature"},
        {"scope", "purpose_of_use"},
    )
    answer = _answered(fields)
    scope, purpose = _text(fields, "scope"), _text(fields, "purpose_of_use")
    auth, logins = request.app[AUTH], request.app[METRICS].logins
    now_ms = auth.clock()
    kid = None
    if auth.challenges.is_open(answer, now_ms):
        url = request.app[ADDRESS].url
        kid = await request.app[BRIDGE].call(signer, auth.registry, answer, now_ms, url)
    if kid is None:
        logins.labels("challenge", "refused").inc()
        raise _refused()
    auth.tokens.check_room(answer.actor, now_ms)
    actor = auth.registry.actors[answer.actor]
    try:
        caller = grant(auth.registry, actor, scope or all_scopes(actor), purpose)
    except (BadScope, BadPurpose) as error:
        raise Refused(400, str(error), code="invalid") from None
    if not auth.challenges.use_up(answer, now_ms):
        logins.labels("challenge", "refused").inc()
        raise _refused()
    given = auth.tokens.give(caller, kid, now_ms)
    logins.labels("challenge", "good").inc()
    return token_answer(given, request.app[SETTINGS].token_s, caller.scopes)


def _refused() -> Refused:
    return Refused(
        401,
        "this login is not good",
        hint="sign a new challenge, for the URL of this service, with a login key of this actor "
        "that is valid now",
        code="login",
    )


def _answered(fields: Mapping[str, object]) -> Answered:
    expiry = fields["expiry"]
    if type(expiry) is not int or not 0 <= expiry <= MAX_INTEGER:
        raise _malformed("expiry is no time in milliseconds")
    return Answered(
        _actor(fields),
        _hex(fields, "nonce", NONCE_SIZE, NONCE_SIZE),
        expiry,
        _hex(fields, "signature", 1, MAX_SIGNATURE),
    )


def _object(data: bytes, needed: set[str], optional: set[str] | None = None) -> dict[str, object]:
    try:
        row = jsontext.parse(data)
    except Unreadable:
        row = None
    if not isinstance(row, dict) or not needed <= set(row) <= needed | (optional or set()):
        raise _malformed(f"the body is no JSON object with {', '.join(sorted(needed))}")
    return row


def _actor(fields: Mapping[str, object]) -> ActorId:
    return ActorId(_hex(fields, "actor", ID_SIZE, ID_SIZE))


def _hex(fields: Mapping[str, object], name: str, least: int, most: int) -> bytes:
    text = fields[name]
    try:
        data = bytes.fromhex(text) if isinstance(text, str) and len(text) <= 2 * most else b""
    except ValueError:
        data = b""
    if not least <= len(data) <= most or data.hex() != text:
        raise _malformed(f"{name} is not what it must be in lower-case hexadecimal")
    return data


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _malformed(f"{name} is no text")
    return value


def _malformed(message: str) -> Refused:
    return Refused(400, message, hint="docs/spec/login.md has the form", code="structure")
