"""POST /auth/token: client_credentials with a client assertion (SMART Backend Services).

    grant_type             client_credentials
    client_assertion_type  urn:ietf:params:oauth:client-assertion-type:jwt-bearer
    client_assertion       docs/service.md, ``api.auth.assertions``
    scope                  ``api.auth.scopes``
    purpose_of_use         a code of HL7 v3 PurposeOfUse (as IHE IUA has it); by role if left out

An assertion is used up once its signature was good, also where no token follows: otherwise whoever
sees it could try it with other scopes.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.address import ADDRESS
from api.auth.assertions import Assertion, BadAssertion, Limits, check_assertion
from api.auth.forms import FORM, OAuthError, parse_form, refusal, token_answer
from api.auth.granting import BadPurpose, grant
from api.auth.scopes import BadScope
from api.auth.state import AUTH
from api.bridge import BRIDGE
from api.keys import METRICS, SETTINGS
from ledger.wire.ids import ActorId

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BASIC: Final = {"WWW-Authenticate": 'Basic realm="counterfoil"'}


async def token(request: web.Request) -> web.Response:
    """A token, or an error of RFC 6749."""
    logins = request.app[METRICS].logins
    try:
        answer = await _token(request)
    except OAuthError as error:
        logins.labels("assertion", error.error).inc()
        # RFC 6749 section 5.2: in the scheme that the client used.
        return refusal(error, _BASIC if "Authorization" in request.headers else None)
    logins.labels("assertion", "good").inc()
    return answer


async def _token(request: web.Request) -> web.Response:
    fields = await _fields(request)
    auth, settings = request.app[AUTH], request.app[SETTINGS]
    now_ms = auth.clock()
    assertion = await request.app[BRIDGE].call(_checked, request, fields, now_ms)
    auth.tokens.check_room(assertion.actor, now_ms)
    first = auth.used.first
    if not await request.app[BRIDGE].call(
        first, assertion.actor, assertion.jti, assertion.end_s, now_ms // 1000
    ):
        raise OAuthError("invalid_client", "this client assertion was used before")
    try:
        caller = grant(
            auth.registry,
            auth.registry.actors[assertion.actor],
            fields.get("scope", ""),
            fields.get("purpose_of_use", ""),
        )
    except BadScope as error:
        raise OAuthError("invalid_scope", str(error)) from None
    except BadPurpose as error:
        raise OAuthError("invalid_request", str(error)) from None
    given = auth.tokens.give(caller, assertion.kid, now_ms)
    return token_answer(given, settings.token_s, caller.scopes)


async def _fields(request: web.Request) -> dict[str, str]:
    if not request.headers.get("Authorization", "bearer").lower().startswith("bearer"):
        raise OAuthError("invalid_client", "a client shows who it is by a client assertion only")
    if request.query_string:
        raise OAuthError("invalid_request", "everything stands in the body")
    if request.content_type != FORM:
        raise OAuthError("invalid_request", f"the body is {FORM}")
    fields = parse_form(await request.read())
    if "grant_type" not in fields:
        raise OAuthError("invalid_request", "grant_type is missing")
    if fields["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "the only grant is client_credentials")
    if "client_secret" in fields or "client_assertion" not in fields:
        raise OAuthError("invalid_client", "a client shows who it is by a client assertion only")
    if fields.get("client_assertion_type") != JWT_BEARER:
        raise OAuthError("invalid_client", f"client_assertion_type is {JWT_BEARER}")
    if "scope" not in fields:
        raise OAuthError("invalid_scope", "scope is missing: name what the token is to be good for")
    return fields


def _checked(request: web.Request, fields: dict[str, str], now_ms: int) -> Assertion:
    """In a thread: a signature takes a while."""
    settings = request.app[SETTINGS]
    limits = Limits(
        request.app[ADDRESS].token_url,
        now_ms // 1000,
        settings.assertion_s,
        settings.leeway_s,
        settings.assertion_bytes,
    )
    try:
        assertion = check_assertion(fields["client_assertion"], request.app[AUTH].registry, limits)
    except BadAssertion as error:
        raise OAuthError("invalid_client", str(error)) from None
    _check_client_id(fields, assertion.actor)
    return assertion


def _check_client_id(fields: dict[str, str], actor: ActorId) -> None:
    if fields.get("client_id", actor.hex()) != actor.hex():
        raise OAuthError("invalid_client", "client_id is another client's than the assertion")
