"""POST /auth/token: who gets a token, who does not, and that nothing is good twice."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.auth.state import AUTH
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.wire.ids import ActorId
from ledger.wire.keys import key_id, raw_public
from ledger.wire.login_keys import ES384, RS384
from tests.api.logins import FORM, ask_token, assertion, claims_of, form_of
from tests.api.running import Answer, Member, Running
from tests.log.sample import memory_directory
from tests.vectors.entries_login import ES384_KEY, ES384_PUBLIC, RS384_KEY, RS384_PUBLIC

NOBODY = ActorId(b"\x07" * 16)


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """With members whose standing is not good, and one with keys of all three algorithms."""
    with memory_directory() as place:
        made = Running.made(place)
        for name in ("contested", "revoked", "of-contested-org", "other"):
            made.enrol(name, "organisation")
        made.enrol("early", "organisation", from_ms=int(time.time() + 3600) * 1000)
        made.enrol("late", "organisation", until_ms=2)
        made.enrol("auditor", "auditor")
        made.enrol("researcher", "researcher")
        made.enrol("staff", "practitioner", by="of-contested-org")
        since = made.log.reader.registry.actors[made.members["of-contested-org"].actor].enrolled_at
        made.log.contest(made.members["of-contested-org"].actor, since)
        made.log.contest(made.members["contested"].actor, since)
        revoked = made.members["revoked"]
        made.log.revoke(revoked.actor, NewKey(raw_public(revoked.login), use=LOGIN).kid)
        keys = [
            NewKey(raw_public(Ed25519PrivateKey.generate())),
            NewKey(ES384_PUBLIC, ES384, LOGIN),
            NewKey(RS384_PUBLIC, RS384, LOGIN),
        ]
        made.many, _ = made.log.enrol("many", "organisation", keys)  # type: ignore[attr-defined]
        with made as running:
            yield running


def member(service: Running, name: str = "hospital") -> Member:
    return service.members[name]


def good(service: Running, name: str = "hospital", **change: Any) -> str:
    one = member(service, name)
    return assertion(service, one.actor, one.login, **change)


def refused(answer: Answer, error: str) -> str:
    assert answer.json["error"] == error, answer.text
    assert answer.status == (401 if error == "invalid_client" else 400)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(answer.json["error_description"])


def test_a_token_as_rfc_6749_has_it(service: Running) -> None:
    answer = ask_token(service, good(service), scope="system/*.read ledger/append")
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == 300
    assert answer.json["scope"] == "ledger/append system/*.rs"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    token = answer.json["access_token"]
    assert len(base64.urlsafe_b64decode(token + "=")) == 32


@pytest.mark.parametrize(("key", "alg"), [(ES384_KEY, "ES384"), (RS384_KEY, "RS384")])
def test_algorithms_of_smart(service: Running, key: Any, alg: str) -> None:
    actor: ActorId = service.many  # type: ignore[attr-defined]
    text = assertion(service, actor, key)
    assert jwt.get_unverified_header(text)["alg"] == alg
    assert ask_token(service, text).status == 200


def test_kid_is_ours_or_the_client_s_own(service: Running) -> None:
    one = member(service)
    ours = key_id(-19, raw_public(one.login)).hex()
    for kid in (ours, "my-key-1", "", "x" * 300):
        assert ask_token(service, good(service, headers={"kid": kid})).status == 200


def test_a_kid_of_ours_names_that_key_only(service: Running) -> None:
    """The kid of the RS384 key under a signature of the ES384 key."""
    actor: ActorId = service.many  # type: ignore[attr-defined]
    kid = key_id(RS384, RS384_PUBLIC).hex()
    text = assertion(service, actor, ES384_KEY, headers={"kid": kid})
    refused(ask_token(service, text), "invalid_client")


CLAIMS: list[tuple[str, dict[str, Any]]] = [
    ("another aud", {"aud": "https://other.example/auth/token"}),
    ("aud is the base", {"aud": "BASE"}),
    ("several aud", {"aud": ["TOKEN_URL"]}),
    ("aud with a slash", {"aud": "TOKEN_URL/"}),
    ("no aud", {"aud": None}),
    ("iss is not sub", {"iss": "07" * 16}),
    ("sub is not iss", {"sub": "07" * 16}),
    ("no iss", {"iss": None}),
    ("no sub", {"sub": None}),
    ("neither", {"iss": None, "sub": None}),
    ("nobody", {"iss": "07" * 16, "sub": "07" * 16}),
    ("iss as a number", {"iss": 7, "sub": 7}),
    ("iss upper case", {"iss": "UPPER", "sub": "UPPER"}),
    ("iss of 15 bytes", {"iss": "07" * 15, "sub": "07" * 15}),
    ("iss no hex", {"iss": "zz" * 16, "sub": "zz" * 16}),
    ("expired", {"exp": -31}),
    ("exp too far", {"exp": 331}),
    ("exp in a year", {"exp": 31_536_000}),
    ("exp as text", {"exp": "2000000000"}),
    ("exp as a fraction", {"exp": 1e10}),
    ("exp is true", {"exp": True}),
    ("exp negative", {"exp": -(10**18)}),
    ("exp huge", {"exp": 10**30}),
    ("no exp", {"exp": None}),
    ("nbf to come", {"nbf": 31}),
    ("iat to come", {"iat": 31}),
    ("iat as text", {"iat": "now"}),
    ("no jti", {"jti": None}),
    ("jti empty", {"jti": ""}),
    ("jti too long", {"jti": "x" * 256}),
    ("jti as a number", {"jti": 7}),
    ("jti as a list", {"jti": ["x"]}),
    ("jti a lone surrogate", {"jti": "\ud800"}),
]
ALREADY = ("exp as text", "exp as a fraction", "exp is true")


@pytest.mark.parametrize(("name", "change"), CLAIMS, ids=[row[0] for row in CLAIMS])
def test_claims(service: Running, name: str, change: dict[str, Any]) -> None:
    upper = member(service).actor.hex().upper()
    now = int(time.time())
    words = {
        "BASE": service.url,
        "TOKEN_URL": service.url + "/auth/token",
        "TOKEN_URL/": service.url + "/auth/token/",
        "UPPER": upper,
    }

    def meant(claim: str, value: Any) -> Any:
        if claim in ("exp", "nbf", "iat") and type(value) is int and abs(value) < 10**9:
            return now + value
        if isinstance(value, list):
            return [words.get(one, one) for one in value]
        return words.get(value, value) if isinstance(value, str) else value

    change = {claim: meant(claim, value) for claim, value in change.items()}
    claims = claims_of(service, member(service).actor) | change
    claims = {claim: value for claim, value in claims.items() if value is not None}
    # Signed as bytes: the library refuses to write some of these.
    payload = json.dumps(claims).encode()
    text = jwt.PyJWS().encode(payload, member(service).login, algorithm="EdDSA")
    said = refused(ask_token(service, text), "invalid_client")
    assert "registered" not in said or name == "nobody"


def test_clocks_may_differ_by_half_a_minute(service: Running) -> None:
    now = int(time.time())
    changes: list[dict[str, Any]] = [
        {"exp": now - 20},
        {"exp": now + 320},
        {"nbf": now + 20},
        {"iat": now + 20},
    ]
    for change in changes:
        text = assertion(service, member(service).actor, member(service).login, **change)
        assert ask_token(service, text).status == 200, change


@pytest.mark.parametrize(
    "name", ["contested", "revoked", "early", "late", "staff", "of-contested-org"]
)
def test_standing(service: Running, name: str) -> None:
    said = refused(ask_token(service, good(service, name)), "invalid_client")
    nobody = assertion(service, NOBODY, Ed25519PrivateKey.generate())
    assert said == refused(ask_token(service, nobody), "invalid_client")


def test_keys_of_others(service: Running) -> None:
    hospital, other = member(service), member(service, "other")
    signing = hospital.author.key
    for key in (other.login, Ed25519PrivateKey.generate()):
        refused(ask_token(service, assertion(service, hospital.actor, key)), "invalid_client")
    # The key for statements is a registered key of this very actor, and logs nobody in.
    unsigned = good(service).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(signing.sign_raw(unsigned.encode()))
    text = f"{unsigned}.{signature.decode().rstrip('=')}"
    refused(ask_token(service, text), "invalid_client")


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_alg_none_and_hmac(service: Running) -> None:
    one = member(service)
    claims = part(claims_of(service, one.actor))
    public = one.login.public_key()
    secrets = (
        public.public_bytes_raw(),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"",
    )
    for alg in ("none", "None", "NONE", ""):
        refused(ask_token(service, f"{part({'alg': alg})}.{claims}."), "invalid_client")
    for alg in ("HS256", "HS384", "HS512"):
        for secret in secrets:
            head = f"{part({'alg': alg, 'typ': 'JWT'})}.{claims}".encode()
            algorithm = jwt.get_algorithm_by_name(alg)
            signature = part(algorithm.sign(head, secret))
            refused(ask_token(service, f"{head.decode()}.{signature}"), "invalid_client")


@pytest.mark.parametrize("alg", ["ES384", "RS384", "RS256", "PS384", "ES256", "EdDSA "])
def test_the_algorithm_is_the_key_s(service: Running, alg: str) -> None:
    """A good signature of Ed25519 under another name."""
    one = member(service)
    head = f"{part({'alg': alg})}.{part(claims_of(service, one.actor))}"
    text = f"{head}.{part(one.login.sign(head.encode()))}"
    refused(ask_token(service, text), "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"], "exp": 1},
        {"jwk": "ITS OWN"},
        {"typ": "at+jwt"},
        {"typ": 7},
        {"kid": 7},
        {"alg": ["EdDSA"]},
    ],
)
def test_headers_that_bring_keys_or_rules(service: Running, header: dict[str, Any]) -> None:
    one = member(service)
    if header.get("jwk"):
        x = part(one.login.public_key().public_bytes_raw())
        header = {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}
    head = f"{part({'alg': 'EdDSA', **header})}.{part(claims_of(service, one.actor))}"
    text = f"{head}.{part(one.login.sign(head.encode()))}"
    refused(ask_token(service, text), "invalid_client")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "..",
        "a.b.c",
        ".".join(["e30"] * 3),
        ".".join(["e30"] * 4),
        "e30." + part(b"[" * 3000) + ".e30",
        part(b'{"alg":"EdDSA"}') + "." + part(b"[" * 3000) + ".e30",
        part(b"\xff\xfe") + ".e30.e30",
        part(b'{"alg":"EdDSA"}') + "." + part(b'{"exp":' + b"9" * 5000 + b"}") + ".e30",
        part(b'{"alg":"EdDSA"}') + "." + part(b'{"exp":Infinity}') + ".e30",
        part(b'{"alg":"EdDSA","b64":false}') + ".e30.e30",
        "é.é.é",
        "x" * 8193,
        "x" * 60_000,
    ],
    ids=lambda text: text[:24],
)
def test_what_is_no_assertion(service: Running, text: str) -> None:
    refused(ask_token(service, text), "invalid_client")


def test_huge_forms_are_too_large(service: Running) -> None:
    assert ask_token(service, "x" * 70_000).status == 413


FORMS: list[tuple[str, Callable[[dict[str, str]], str], str]] = [
    ("no grant", lambda f: urlencode({**f, "grant_type": ""}), "invalid_request"),
    (
        "another grant",
        lambda f: urlencode({**f, "grant_type": "authorization_code"}),
        "unsupported_grant_type",
    ),
    ("password", lambda f: urlencode({**f, "grant_type": "password"}), "unsupported_grant_type"),
    (
        "another assertion type",
        lambda f: urlencode({**f, "client_assertion_type": "urn:x"}),
        "invalid_client",
    ),
    ("no assertion", lambda f: urlencode({**f, "client_assertion": ""}), "invalid_client"),
    ("a secret", lambda f: urlencode({**f, "client_secret": "s"}), "invalid_client"),
    ("another client", lambda f: urlencode({**f, "client_id": "07" * 16}), "invalid_client"),
    ("no scope", lambda f: urlencode({**f, "scope": ""}), "invalid_scope"),
    ("scope twice", lambda f: urlencode(f) + "&scope=user/*.r", "invalid_request"),
    ("grant twice", lambda f: urlencode(f) + "&grant_type=client_credentials", "invalid_request"),
    (
        "assertion twice",
        lambda f: urlencode(f) + "&client_assertion=" + f["client_assertion"],
        "invalid_request",
    ),
    ("not encoded", lambda f: "grant_type", "invalid_request"),
    ("empty", lambda f: "", "invalid_request"),
    ("json", lambda f: json.dumps(f), "invalid_request"),
    ("broken percent", lambda f: urlencode(f) + "&x=%ff", "invalid_request"),
    ("raw bytes", lambda f: urlencode(f) + "&x=é", "invalid_request"),
    ("many fields", lambda f: urlencode(f) + "&x=1" * 40, "invalid_request"),
    ("unknown purpose", lambda f: urlencode({**f, "purpose_of_use": "FUN"}), "invalid_request"),
    ("emergency", lambda f: urlencode({**f, "purpose_of_use": "BTG"}), "invalid_request"),
    ("research", lambda f: urlencode({**f, "purpose_of_use": "HRESCH"}), "invalid_request"),
]


@pytest.mark.parametrize(("name", "form", "error"), FORMS, ids=[row[0] for row in FORMS])
def test_forms(
    service: Running, name: str, form: Callable[[dict[str, str]], str], error: str
) -> None:
    body = form(form_of(good(service))).encode()
    refused(service.ask("POST", "/auth/token", body, FORM), error)


def test_unknown_fields_are_ignored_and_the_client_s_own_id_is_taken(service: Running) -> None:
    own = member(service).actor.hex()
    assert ask_token(service, good(service), client_id=own, resource="x").status == 200


@pytest.mark.parametrize(
    "media", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_other_bodies(service: Running, media: str) -> None:
    body = urlencode(form_of(good(service))).encode()
    headers = {"Content-Type": media} if media else {}
    refused(service.ask("POST", "/auth/token", body, headers), "invalid_request")


def test_nothing_in_the_url(service: Running) -> None:
    body = urlencode(form_of(good(service))).encode()
    answer = service.ask("POST", "/auth/token?scope=system/*.r", body, FORM)
    refused(answer, "invalid_request")


def test_basic_auth(service: Running) -> None:
    body = urlencode(form_of(good(service))).encode()
    basic = base64.b64encode(b"client:secret").decode()
    answer = service.ask("POST", "/auth/token", body, FORM | {"Authorization": f"Basic {basic}"})
    refused(answer, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="counterfoil"'
    # An old access token that a client still sends is no way to show who it is.
    body = urlencode(form_of(good(service))).encode()
    headers = FORM | {"Authorization": "Bearer old"}
    assert service.ask("POST", "/auth/token", body, headers).status == 200


def test_only_post(service: Running) -> None:
    answer = service.get("/auth/token")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


SCOPES = [
    ("hospital", "patient/*.rs"),
    ("hospital", "system/*.rs patient/*.rs"),
    ("hospital", "log/entries"),
    ("hospital", "system/*.rs log/entries"),
    ("hospital", "admin"),
    ("hospital", "system/Observation.sr"),
    ("hospital", "openid"),
    ("auditor", "system/*.r"),
    ("auditor", "log/entries ledger/append"),
    ("researcher", "system/*.r"),
    ("researcher", "log/entries"),
    ("researcher", "ledger/read"),
    ("dr-mori", "patient/Patient.r"),
]


@pytest.mark.parametrize(("name", "scope"), SCOPES)
def test_scopes_that_a_role_may_not_have(service: Running, name: str, scope: str) -> None:
    before = len(service.app[AUTH].tokens) if service.app else 0
    refused(ask_token(service, good(service, name), scope=scope), "invalid_scope")
    assert service.app is not None
    assert len(service.app[AUTH].tokens) <= before


def test_a_person_gets_its_own_record_only(service: Running) -> None:
    record, opening = member(service).author.open_record()
    service.log.append([opening])
    person = service.enrol("tanaka", "person", by="hospital", record=record)
    for scope in ("system/*.rs", "user/*.rs", "ledger/append", "log/entries"):
        text = assertion(service, person.actor, person.login)
        refused(ask_token(service, text, scope=scope), "invalid_scope")
    text = assertion(service, person.actor, person.login)
    assert ask_token(service, text, scope="patient/*.cruds ledger/read").status == 200


# Once


def test_an_assertion_is_good_once(service: Running) -> None:
    text = good(service)
    assert ask_token(service, text).status == 200
    assert "used before" in refused(ask_token(service, text), "invalid_client")


def test_an_assertion_is_used_up_where_no_token_follows(service: Running) -> None:
    text = good(service)
    refused(ask_token(service, text, scope="log/entries"), "invalid_scope")
    refused(ask_token(service, text), "invalid_client")


def test_a_forged_assertion_uses_nothing_up(service: Running) -> None:
    text = good(service)
    head, _, _ = text.rpartition(".")
    refused(ask_token(service, f"{head}.{part(bytes(64))}"), "invalid_client")
    assert ask_token(service, text).status == 200


def test_the_same_jti_of_two_clients(service: Running) -> None:
    for name in ("hospital", "clinic"):
        assert ask_token(service, good(service, name, jti="the same")).status == 200
    refused(ask_token(service, good(service, jti="the same")), "invalid_client")


def test_a_race_has_one_winner(service: Running) -> None:
    text = good(service)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask_token(service, text).status, range(16)))
    assert sorted(answers) == [200] + [401] * 15


def test_nothing_of_it_is_logged(service: Running) -> None:
    text = good(service)
    token = ask_token(service, text).json["access_token"]
    ask_token(service, text)
    lines = service.lines.getvalue()
    assert token not in lines
    assert text.split(".")[2] not in lines
    assert member(service).actor.hex() not in [
        line.get("caller") for line in service.logged() if line.get("route") == "/auth/token"
    ]
