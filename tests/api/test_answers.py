"""Every error in the form of its surface, and nothing of a request in it or in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from api.answers import where
from tests.api.running import Answer, Running
from tests.api.wire import SECRET, with_routes
from tests.log.sample import memory_directory

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with memory_directory() as place, Running.made(place, prepare=with_routes) as running:
        yield running


def outcome(answer: Answer) -> dict[str, str]:
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.json["resourceType"] == "OperationOutcome"
    (issue,) = answer.json["issue"]
    return {**issue, "text": issue["details"]["text"]}


def problem(answer: Answer) -> dict[str, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == answer.status
    assert answer.json["title"] == HTTPStatus(answer.status).phrase
    assert answer.json["instance"] == f"urn:uuid:{answer.headers['Request-Id']}"
    return dict(answer.json)


def test_not_there(service: Running) -> None:
    assert outcome(service.get("/fhir/nothing/at/all"))["code"] == "not-found"
    assert problem(service.get("/nothing"))["detail"] == "there is nothing here"
    assert service.get("/fhirish").headers["Content-Type"] == "application/problem+json"


def test_not_that_way(service: Running) -> None:
    answer = service.ask("DELETE", "/test/echo")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST, PUT"
    assert "POST, PUT" in problem(answer)["hint"]
    answer = service.ask("PATCH", "/fhir/echo")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert outcome(answer)["code"] == "not-supported"
    assert service.ask("HEAD", "/metrics").status == 405


@pytest.mark.parametrize(
    ("path", "status", "code", "text"),
    [
        ("/fhir/bad", 422, "invalid", "no such code"),
        ("/fhir/false", 422, "security", "signature"),
        ("/fhir/twice", 409, "conflict", "other bytes"),
    ],
)
def test_errors_of_the_ledger(
    service: Running, path: str, status: int, code: str, text: str
) -> None:
    answer = service.get(path)
    assert answer.status == status
    issue = outcome(answer)
    assert (issue["code"], issue["text"], issue["severity"]) == (code, text, "error")


def test_a_hint_goes_along(service: Running) -> None:
    assert outcome(service.get("/fhir/bad"))["diagnostics"] == "no such code (look)"
    before = len(service.logged())
    answer = service.get("/test/fault")
    assert answer.status == 503
    assert service.logged()[before]["why"] == "stopped"
    assert problem(answer)["hint"] == "mend"


@pytest.mark.parametrize("path", ["/test/broken", "/fhir/broken"])
def test_what_nobody_foresaw(service: Running, path: str) -> None:
    before = len(service.logged())
    answer = service.get(f"{path}?name={SECRET}", X_Secret=SECRET)
    assert answer.status == 500
    assert answer.headers["Request-Id"]
    said = outcome(answer)["text"] if path.startswith("/fhir") else problem(answer)["detail"]
    assert said == "something went wrong here"
    fault, line = service.logged()[before:]
    assert (fault["event"], fault["level"]) == ("unforeseen", "error")
    assert fault["request"] == line["request"] == answer.headers["Request-Id"]
    assert [cause["error"] for cause in fault["causes"]] == ["ValueError", "KeyError"]
    assert "tests/api/wire.py:" in fault["causes"][0]["trace"][-1]
    assert SECRET not in service.lines.getvalue()
    assert SECRET not in answer.text


def test_the_request_id_is_ours(service: Running) -> None:
    theirs = "01890a5d-ac96-774b-bcce-b302099a8057"
    answers = [service.get("/livez", **{name: theirs}) for name in ("X-Request-Id", "Request-Id")]
    ids = [answer.headers["Request-Id"] for answer in answers]
    assert all(UUID7.fullmatch(one) for one in ids)
    assert len({theirs, *ids}) == 3
    assert theirs not in service.lines.getvalue()


def test_lines_of_the_log(service: Running) -> None:
    before = len(service.logged())
    service.get(f"/test/thing/{SECRET}?s=0&patient={SECRET}", Authorization=f"Bearer {SECRET}")
    service.get(f"/{SECRET}/{SECRET}")
    service.ask(SECRET.partition("-")[0], "/livez")
    thing, nothing, *_ = service.logged()[before:]
    assert thing.keys() == {"event", "level", "at", "route", "method", "status", "ms", "request"}
    assert (thing["route"], thing["method"], thing["status"]) == ("/test/thing/{id}", "GET", 200)
    assert (nothing["route"], nothing["method"], nothing["status"]) == ("unmatched", "", 404)
    assert "shinobu" not in service.lines.getvalue()


def test_headers_of_every_answer(service: Running) -> None:
    for path in ("/livez", "/checkpoint", "/nothing", "/fhir/broken"):
        headers = service.get(path).headers
        assert headers["Server"] == "counterfoil"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers


def test_no_route_answers_500_to_methods_and_bodies(service: Running) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        for path in ("/livez", "/readyz", "/metrics", "/checkpoint", "/tile/0/000", "/", "/fhir"):
            for body in (None, b"{}"):
                assert service.ask(method, path, body).status < 500


def test_errors_that_cause_each_other_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    causes = where(first)["causes"]
    assert isinstance(causes, list) and len(causes) == 5
