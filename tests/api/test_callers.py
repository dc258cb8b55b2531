"""Who sends a request: tokens in headers, what ends them, and what a token says of its caller."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.auth.state import AUTH
from api.caller import CALLER, Caller
from api.routing import Route, add_routes
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.wire.keys import raw_public
from tests.api.logins import FORM, ask_token, assertion, form_of
from tests.api.running import Running, quiet_settings
from tests.log.sample import memory_directory


async def whoami(request: web.Request) -> web.Response:
    caller = request.get(CALLER)
    return web.json_response(None if caller is None else caller.actor.hex())


def with_routes(app: web.Application) -> None:
    closed, opened = Route("GET", "/closed", whoami), Route("GET", "/opened", whoami, open=True)
    add_routes(app, (closed, opened))


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with memory_directory() as place, Running.made(place, prepare=with_routes) as running:
        yield running


def caller_of(service: Running, token: str) -> Caller:
    assert service.app is not None
    auth = service.app[AUTH]
    granted = auth.tokens.find(token, auth.clock())
    assert granted is not None
    return granted.caller


def test_a_caller_with_a_token(service: Running) -> None:
    token = service.token("hospital", "system/*.rs")
    actor = service.members["hospital"].actor.hex()
    for path in ("/closed", "/opened"):
        for scheme in ("Bearer", "bearer", "BEARER"):
            answer = service.get(path, Authorization=f"{scheme} {token}")
            assert (answer.status, answer.json) == (200, actor)
    assert service.logged()[-1]["caller"] == actor


def test_without_a_token(service: Running) -> None:
    answer = service.get("/closed")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["detail"] == "this needs an access token"
    assert service.get("/opened").json is None


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer " + "x" * 43,
        "Bearer " + "x" * 4000,
        "Basic dXNlcjpwYXNz",
        "Token {}",
        "{}",
        "Bearer  {}",
        "Bearer {}x",
        "Bearer {}, Bearer {}",
        'Bearer "{}"',
        "DPoP {}",
    ],
)
def test_what_is_no_good_token(service: Running, header: str) -> None:
    header = header.replace("{}", service.token("hospital", "system/*.rs"))
    answer = service.get("/closed", Authorization=header)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert service.get("/opened", Authorization=header).json is None


def test_two_headers_are_none(service: Running) -> None:
    token = service.token("hospital", "system/*.rs")
    lines = [f"Authorization: Bearer {token}"] * 2
    request = "\r\n".join(["GET /closed HTTP/1.1", "Host: x", *lines, "Connection: close", "", ""])
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split(b" ", 2)[1] == b"401"


@pytest.mark.parametrize("path", ["/closed", "/opened", "/livez"])
def test_a_token_in_the_url_is_refused(service: Running, path: str) -> None:
    token = service.token("hospital", "system/*.rs")
    for query in (f"access_token={quote(token)}", f"a=b&access_token={token}", "access_token="):
        answer = service.get(f"{path}?{query}", token)
        assert answer.status == 400
        assert "has no place in a URL" in answer.json["detail"]
    assert token not in service.lines.getvalue()


def test_it_ends_in_time(service: Running) -> None:
    assert service.app is not None
    auth = service.app[AUTH]
    token, now = service.token("hospital", "system/*.rs"), auth.clock()
    real = auth.clock
    try:
        auth.clock = lambda: now + 299_000
        assert service.get("/closed", token).status == 200
        auth.clock = lambda: now + 300_001
        assert service.get("/closed", token).status == 401
    finally:
        auth.clock = real


def login_key(service: Running, name: str) -> NewKey:
    return NewKey(raw_public(service.members[name].login), use=LOGIN)


def revoke(service: Running, name: str) -> None:
    service.log.revoke(service.members[name].actor, login_key(service, name).kid)


def rotate(service: Running, name: str) -> None:
    fresh = NewKey(raw_public(Ed25519PrivateKey.generate()), use=LOGIN)
    service.log.rotate(service.members[name].actor, login_key(service, name).kid, fresh)


def contest(service: Running, name: str) -> None:
    service.log.contest(service.members[name].actor, 1)


def contest_enroller(service: Running, name: str) -> None:
    """Since a moment behind the enrolment: it keeps its effect, and still the organisation that it
    acts for is in doubt.
    """
    size = service.log.reader.checkpoint.size
    service.log.contest(service.members["ending"].actor, size - 1)


@pytest.mark.parametrize("end", [revoke, rotate, contest, contest_enroller])
def test_it_ends_when_the_registry_says_so(end: Callable[[Running, str], None]) -> None:
    with memory_directory() as place, Running.made(place, prepare=with_routes) as service:
        service.enrol("ending", "organisation")
        service.enrol("staff", "practitioner", by="ending")
        token, other = service.token("staff", "user/*.rs"), service.token("clinic", "user/*.rs")
        assert service.get("/closed", token).status == 200
        end(service, "staff")
        assert service.get("/closed", token).status == 401
        assert service.get("/closed", other).status == 200
        one = service.members["staff"]
        assert ask_token(service, assertion(service, one.actor, one.login)).status == 401


def test_revoking_the_signing_key_does_not_end_a_login(service: Running) -> None:
    service.enrol("two-keys", "organisation")
    token, one = service.token("two-keys", "system/*.r"), service.members["two-keys"]
    service.log.revoke(one.actor, one.author.key.kid)
    assert service.get("/closed", token).status == 200


def test_tokens_have_limits() -> None:
    with (
        memory_directory() as place,
        Running.made(place, quiet_settings(caller_tokens=2, token_s=2)) as service,
    ):
        one = service.members["clinic"]
        texts = [assertion(service, one.actor, one.login) for _ in range(3)]
        answers = [ask_token(service, text) for text in texts]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"
        service.token("hospital", "system/*.r")
        assert service.app is not None
        auth = service.app[AUTH]
        now = auth.clock()
        auth.clock = lambda: now + 3000
        # It was not used up by what was refused for another reason than its own.
        assert ask_token(service, texts[2]).status == 200


# What a token says of its caller


def test_institutions(service: Running) -> None:
    hospital = service.members["hospital"].actor
    service.enrol("ward-app", "app", by="hospital")
    service.enrol("lone-gate", "gateway")
    for name, expected in (
        ("hospital", hospital),
        ("dr-mori", hospital),
        ("ward-app", hospital),
        ("gate", None),
        ("lone-gate", None),
    ):
        caller = caller_of(service, service.token(name, "system/*.rs"))
        assert caller.institution == expected, name
        assert caller.record is None
        assert caller.purpose == "TREAT"


def test_persons_and_what_they_enrol(service: Running) -> None:
    record, opening = service.members["hospital"].author.open_record()
    service.log.append([opening])
    service.enrol("tanaka", "person", by="hospital", record=record)
    service.enrol("watch", "device", by="tanaka", record=record)
    service.enrol("diary", "app", by="tanaka", record=record)
    service.enrol("son", "proxy", by="tanaka", record=record, scope=["read"])
    service.enrol("mother", "guardian", by="hospital", record=record, scope=["read", "write"])
    for name, scope in (
        ("tanaka", "patient/*.cruds"),
        ("watch", "patient/*.c"),
        ("diary", "patient/*.cruds"),
        ("son", "patient/*.rs"),
        ("mother", "patient/*.cruds"),
    ):
        caller = caller_of(service, service.token(name, scope))
        assert (caller.institution, caller.record) == (None, record), name
        assert caller.purpose == ("TREAT" if name in ("watch", "diary") else "PATRQT")
    one = service.members["son"]
    answer = ask_token(service, assertion(service, one.actor, one.login), scope="patient/*.c")
    assert answer.json["error"] == "invalid_scope"


def test_purposes(service: Running) -> None:
    service.enrol("auditor", "auditor")
    for name, scope, asked, expected in (
        ("hospital", "system/*.r", "HPAYMT", "HPAYMT"),
        ("hospital", "system/*.r", None, "TREAT"),
        ("auditor", "log/entries", None, "HOPERAT"),
    ):
        assert caller_of(service, service.token(name, scope, asked)).purpose == expected
    one = service.members["auditor"]
    text = assertion(service, one.actor, one.login)
    answer = ask_token(service, text, scope="log/entries", purpose_of_use="TREAT")
    assert answer.json["error"] == "invalid_request"


def test_an_auditor_reads_bundles(service: Running) -> None:
    service.enrol("inspector", "auditor")
    token = service.token("inspector", "log/entries")
    service.log.publish()
    width = service.log.reader.checkpoint.size
    path = f"/tile/entries/000.p/{width}"
    assert service.get(path, token).status == 200
    assert service.get(path).status == 401
    assert service.get(path, service.token("hospital", "system/*.rs ledger/read")).status == 403


# Discovery


@pytest.mark.parametrize("path", ["", "/fhir"])
def test_smart_configuration(service: Running, path: str) -> None:
    answer = service.get(path + "/.well-known/smart-configuration")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    found = answer.json
    assert found["token_endpoint"] == service.url + "/auth/token"
    assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384", "EdDSA"]
    # What is not there is not named.
    assert not {"authorization_endpoint", "introspection_endpoint", "issuer"} & found.keys()
    assert not any("launch" in one or "sso" in one for one in found["capabilities"])
    assert json.dumps(found).isascii()


def test_the_url_never_follows_from_a_request(service: Running) -> None:
    answer = service.get(
        "/.well-known/smart-configuration",
        Host="evil.example",
        X_Forwarded_Host="evil.example",
        X_Forwarded_Proto="https",
        Forwarded="host=evil.example",
    )
    assert "evil" not in answer.text
    one = service.members["hospital"]
    text = assertion(service, one.actor, one.login, aud="http://evil.example/auth/token")
    body = urlencode(form_of(text)).encode()
    answer = service.ask("POST", "/auth/token", body, FORM | {"Host": "evil.example"})
    assert answer.json["error"] == "invalid_client"


def test_the_url_is_the_one_that_clients_know() -> None:
    url = "https://records.example.org/ledger"
    with memory_directory() as place, Running.made(place, quiet_settings(url=url)) as service:
        found = service.get("/.well-known/smart-configuration").json
        assert found["token_endpoint"] == url + "/auth/token"
        one = service.members["hospital"]
        assert ask_token(service, assertion(service, one.actor, one.login)).status == 401
        text = assertion(service, one.actor, one.login, aud=url + "/auth/token")
        assert ask_token(service, text).status == 200
