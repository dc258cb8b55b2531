"""Requests that two readers may read differently, and answers that a browser or cache may keep."""

from __future__ import annotations

import json

import pytest

from api.auth.state import AUTH
from api.routes import FHIR, TABLE
from api.routing import Body, Route
from tests.api.hostile import (
    FORM,
    HOSPITAL,
    NOBODY,
    Party,
    bundle,
    new_number,
    observation,
    patient,
    unchanged,
)
from tests.api.running import Running
from tests.api.wire import Raw, raw

JSON = b"Content-Type: application/fhir+json"
EVIL = b"evil.example"
SOME = {
    "type": "Patient",
    "id": NOBODY,
    "version": "1",
    "index": "0",
    "record": "0" * 32,
    "name": "everything",
}


def sent(
    party: Party, line: bytes, *headers: bytes, body: bytes = b"", host: bytes = b"Host: x"
) -> Raw:
    token = b"Authorization: Bearer " + party.token.encode()
    lines = [line, *([host] if host else []), b"Connection: close", token, *headers, b"", body]
    return raw(party.service.port, b"\r\n".join(lines))


POST = b"POST /fhir/Observation HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((b"Content-Length: 5", CHUNKED), b"0\r\n\r\n"),
        ((CHUNKED, b"Content-Length: 5"), b"0\r\n\r\n"),
        ((b"Content-Length: 0", b"Content-Length: 5"), b""),
        ((b"Content-Length: 5, 5",), b""),
        ((b"Content-Length: +5",), b""),
        ((b"Content-Length: 0x5",), b""),
        ((b"Content-Length: -1",), b""),
        ((b"Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked, identity",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: identity, chunked, chunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding : chunked",), b"0\r\n\r\n"),
        ((b"X: a\r\n Transfer-Encoding: chunked",), b"0\r\n\r\n"),
        ((b"X: a\rTransfer-Encoding: chunked",), b"0\r\n\r\n"),
        ((b"X: a\0b",), b""),
        ((b"X\xff: a",), b""),
        ((b": a",), b""),
        ((CHUNKED,), b"2;a=\n\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"2\n{}\n0\n\n"),
        ((CHUNKED,), b"0x2\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"-2\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_no_request_stands_behind_another(
    service: Running, hospital: Party, headers: tuple[bytes, ...], body: bytes
) -> None:
    """Each of these a proxy might frame otherwise; it is refused, and so is all that follows."""
    hidden = (
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    before = len(service.logged())
    with unchanged(service):
        answer = sent(hospital, POST, JSON, *headers, body=body + hidden)
    assert answer.status == 400
    routes = [one.get("route") for one in service.logged()[before:]]
    assert "/livez" not in routes and "/fhir/Patient" not in routes


@pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: b"])
def test_one_host(hospital: Party, host: bytes) -> None:
    assert sent(hospital, b"GET /fhir/metadata HTTP/1.1", host=host).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        (b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example"),
        (b"X-Original-URL: /metrics", b"X-Rewrite-URL: /metrics"),
        (b"X-HTTP-Method-Override: DELETE", b"X-Method-Override: DELETE"),
        (b"X-Forwarded-For: 127.0.0.1", b"X-Real-IP: 127.0.0.1", b"X-Forwarded-Proto: http"),
        (b"Origin: https://evil.example", b"Referer: https://evil.example"),
    ],
)
def test_headers_that_say_who_we_are(
    service: Running, hospital: Party, headers: tuple[bytes, ...]
) -> None:
    """No URL follows from a request, and nothing of it comes back."""
    who, _ = hospital.patient()
    body = json.dumps(observation(who, id=new_number())).encode()
    length = b"Content-Length: %d" % len(body)
    answers = [
        sent(hospital, POST, JSON, length, *headers, body=body, host=b"Host: evil.example"),
        sent(hospital, b"GET http://evil.example/fhir/metadata HTTP/1.1", *headers),
        sent(hospital, b"GET /fhir/Patient/%s HTTP/1.1" % who.encode(), *headers),
        sent(hospital, b"GET /fhir/Observation?patient=%s HTTP/1.1" % who.encode(), *headers),
        sent(hospital, b"GET /.well-known/smart-configuration HTTP/1.1", *headers),
        sent(hospital, b"GET /%s HTTP/1.1" % NOBODY.encode(), *headers),
    ]
    assert [one.status for one in answers] == [201, 200, 200, 200, 200, 404]
    for answer in answers:
        assert EVIL not in answer.data
        assert b"access-control" not in answer.data.lower()
    assert service.url.encode() in answers[0].data


@pytest.mark.parametrize(
    "target",
    [
        "/fhir/Patient?_id=x%0d%0aSet-Cookie:%20a",
        "/fhir/Patient?_format=%0d%0aSet-Cookie:%20a&_id=x",
        "/fhir/Observation?patient=x&code=%0d%0aSet-Cookie:%20a",
        "/fhir/Patient/x%0d%0aSet-Cookie:%20a",
        "/fhir/Patient?_page=%0d%0aSet-Cookie:%20a",
        "/v1/entries/1%0d%0aSet-Cookie:%20a",
    ],
)
def test_no_answer_is_split(service: Running, hospital: Party, target: str) -> None:
    answer = sent(hospital, f"GET {target} HTTP/1.1".encode(), b"Prefer: a\xff, return=\xfe")
    head = answer.data.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in head and answer.status in (200, 400, 403, 404, 406, 410)


def test_no_line_of_the_log_is_forged(service: Running, hospital: Party) -> None:
    forged = b'\\n{"event":"forged"}'
    target = b"/fhir/Patient?_id=%0a%7B%22event%22:%22forged%22%7D"
    sent(hospital, b"GET " + target + b" HTTP/1.1", b"User-Agent: " + forged)
    sent(hospital, b"FORGED" + target + b" HTTP/1.1", b"X-Request-Id: forged")
    hospital.ask("POST", "/fhir/Patient", b'{"resourceType":"forged\\n"}')
    assert service.get("/auth/token?forged").status == 405
    lines = service.logged()
    assert "forged" not in service.lines.getvalue()
    assert {one["event"] for one in lines} <= {"request", "unreadable", "checkpoint", "published"}


def test_every_answer_is_for_its_caller_alone(service: Running, hospital: Party) -> None:
    """No cache, no frame, no guess of the type, no cookie; what is open to all says so."""
    who, number = hospital.patient()
    identity = hospital.made(observation(who))
    paths = [
        f"/fhir/Patient/{who}",
        f"/fhir/Patient/{who}/$everything",
        f"/fhir/Patient?identifier={HOSPITAL}%7C{number}",
        f"/fhir/Observation?patient={who}",
        f"/fhir/Observation/{identity}/_history",
        f"/fhir/Observation/{identity}/_history/1",
        f"/fhir/Provenance?target=Observation/{identity}",
        f"/fhir/AuditEvent?patient={who}",
        f"/fhir/Patient/{NOBODY}",
        "/fhir/Patient?_page=x",
        "/v1/log",
        "/metrics",
        "/nothing",
    ]
    answers = [hospital.get(path) for path in paths]
    answers += [service.get(f"/fhir/Patient/{who}"), service.get(f"/fhir/Patient/{who}", "x")]
    answers.append(hospital.ask("POST", "/fhir", bundle(("GET", f"Patient/{who}", None))))
    answers.append(hospital.ask("POST", "/fhir/Patient", patient((HOSPITAL, new_number()))))
    for answer in answers:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers
        assert not [name for name in headers if name.startswith("access-control")]
        assert headers["server"] == "counterfoil"


def test_browsers_of_other_sites_get_no_permission(service: Running) -> None:
    for row in TABLE:
        path = row.template.replace("{", "").replace("}", "")
        answer = service.ask(
            "OPTIONS",
            path,
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
        )
        assert answer.status in (404, 405)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("row", [row for row in TABLE if not row.open], ids=lambda row: row.path)
def test_no_row_without_a_good_token(service: Running, row: Route) -> None:
    """Every row of the table that is not open: no token, a made-up one, and one that ended."""
    ended = service.token("clinic", "system/*.cruds ledger/append ledger/read")
    assert service.app is not None
    service.app[AUTH].tokens.revoke(ended)
    path = row.template
    for name, value in SOME.items():
        path = path.replace(f"{{{name}}}", value)
    body = None if row.body is Body.NONE else b"{}"
    media = {"Content-Type": (row.media or ("application/json",))[0]} if body else {}
    for token in ("", "x", ended):
        with unchanged(service):
            answer = service.ask(row.method, path, body, media, token)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_table_has_no_row_of_persons_that_is_open() -> None:
    assert [row.path for row in FHIR if row.open] == ["/fhir/metadata"]


@pytest.mark.parametrize(
    "raw_condition",
    [b"identifier=\xff", b"identifier=\xed\xa0\x80", b"identifier=a%7C%ff", b"=", b"&&&", b"a"],
)
def test_conditions_that_are_no_text(
    service: Running, hospital: Party, raw_condition: bytes
) -> None:
    body = json.dumps(patient((HOSPITAL, new_number()))).encode()
    length = b"Content-Length: %d" % len(body)
    answer = sent(
        hospital,
        b"POST /fhir/Patient HTTP/1.1",
        JSON,
        length,
        b"If-None-Exist: " + raw_condition,
        body=body,
    )
    assert answer.status in (201, 400), answer.data
    assert answer.json["resourceType"] in ("Patient", "OperationOutcome")


@pytest.mark.parametrize("body", [b"\xff=1", b"patient=%ff", b"patient=%ed%a0%80", b"\x00", b"&=&"])
@pytest.mark.parametrize(
    "path", ["/fhir/Observation/_search", "/fhir/Patient/x/Observation/_search"]
)
def test_forms_that_are_no_text(hospital: Party, path: str, body: bytes) -> None:
    answer = hospital.service.ask("POST", f"/fhir/{path}", body, FORM, hospital.token)
    assert answer.status == 400 or (answer.status == 200 and b"\xff" not in body)
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
