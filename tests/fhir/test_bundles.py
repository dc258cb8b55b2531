"""Requests are read strictly and keep the authors' bytes; answers are joined around them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.fhir import codes
from ledger.fhir.bundles import (
    MAX_PARTS,
    Match,
    Past,
    Response,
    Target,
    history,
    read_request,
    response,
    searchset,
)
from ledger.fhir.outcome import Issue, outcome

TEXT = '{ "resourceType":"Basic", "valueDecimal" : 1.50, "name":"\\u4e2d中" }'
PUT = {"method": "PUT", "url": "Basic/1"}
POST = {"method": "POST", "url": "Basic"}


def bundle(*entries: Any, kind: str = "transaction") -> bytes:
    value = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    return json.dumps(value).encode()


def refusal(raw: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        read_request(raw)
    assert caught.value.hint
    return caught.value.message


def test_parts_have_the_authors_bytes() -> None:
    raw = (
        '{"type":"batch","resourceType":"Bundle","entry":[ {"fullUrl":"urn:uuid:1","resource": '
        + TEXT
        + ' ,"request":{"method":"POST","url":"Basic","ifNoneExist":"code=1"}},'
        '{"request":{"method":"GET","url":"Patient/m-1/$everything?_count=3","ifNoneMatch":"W/\\"1\\""}},'
        '{"request":{"url":"Basic/m-2","method":"DELETE","ifMatch":"W/\\"2\\""}} ]}'
    ).encode()
    request = read_request(raw)
    assert request.type == "batch"
    create, everything, delete = request.parts
    assert create.resource == TEXT.encode()
    assert (create.full_url, create.method, create.url) == ("urn:uuid:1", "POST", "Basic")
    assert create.if_none_exist == "code=1"
    assert everything.target == Target("Patient", "m-1", operation="$everything", query="_count=3")
    assert everything.if_none_match == 'W/"1"'
    assert everything.resource is None
    assert (delete.if_match, delete.target) == ('W/"2"', Target("Basic", "m-2"))


def test_a_bundle_without_entries() -> None:
    assert read_request(b'{"resourceType":"Bundle","type":"batch"}').parts == ()
    assert read_request(bundle()).parts == ()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("Patient", Target("Patient")),
        ("/Patient", Target("Patient")),
        ("Patient/1", Target("Patient", "1")),
        ("Patient/1/_history", Target("Patient", "1", True)),
        ("Patient/1/_history/2", Target("Patient", "1", True, "2")),
        ("Patient?identifier=a%7Cb", Target("Patient", query="identifier=a%7Cb")),
        ("Observation/_search?x=1", Target("Observation", operation="_search", query="x=1")),
    ],
)
def test_urls(url: str, target: Target) -> None:
    (part,) = read_request(bundle({"request": {"method": "GET", "url": url}})).parts
    assert part.target == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "?x=1",
        "patient",
        "Patient/",
        "Patient//1",
        "Patient/1/2",
        "Patient/../1",
        "Patient/%2e%2e/1",
        "Patient/_history/1",
        "Patient/1/_history/2/3",
        "Patient/1#x",
        "Patient?a b",
        "Patient?中",
        "https://other.example/fhir/Patient/1",
        "//other.example/Patient/1",
        "Patient/1\n",
        "Patient/" + "x" * 65,
        "Patient?" + "x" * 2048,
        5,
        None,
    ],
)
def test_urls_that_name_nothing(url: Any) -> None:
    message = refusal(bundle({"request": {"method": "GET", "url": url}}))
    assert message.startswith("Bundle.entry[0].request.url")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (5, ".request is missing"),
        ({}, ".request is missing"),
        ({"resource": {}}, ".request is missing"),
        ({"request": []}, ".request is no request"),
        ({"request": {**POST, "x": 1}}, ".request is no request"),
        ({"request": {"url": "Basic"}}, ".request.method"),
        ({"request": {"method": "post", "url": "Basic"}}, ".request.method"),
        ({"request": {"method": ["POST"], "url": "Basic"}}, ".request.method"),
        ({"request": POST}, ".resource is missing"),
        ({"request": PUT}, ".resource is missing"),
        ({"request": POST, "resource": "Basic"}, ".resource is not an object"),
        ({"request": POST, "resource": [{}]}, ".resource is not an object"),
        ({"request": {"method": "GET", "url": "Basic"}, "resource": {}}, ".resource is there"),
        ({"request": {"method": "DELETE", "url": "Basic/1"}, "resource": {}}, ".resource is there"),
        ({"request": POST, "resource": {}, "response": {}}, " has a member"),
        ({"request": POST, "resource": {}, "search": {}}, " has a member"),
        ({"request": POST, "resource": {}, "fullUrl": ""}, ".fullUrl"),
        ({"request": POST, "resource": {}, "fullUrl": 5}, ".fullUrl"),
        ({"request": {**PUT, "ifMatch": 1}, "resource": {}}, ".request.ifMatch"),
        ({"request": {**PUT, "ifMatch": ""}, "resource": {}}, ".request.ifMatch"),
        ({"request": {**PUT, "ifMatch": "a\nb"}, "resource": {}}, ".request.ifMatch"),
        ({"request": {**POST, "ifNoneExist": "x" * 2049}, "resource": {}}, ".request.ifNoneExist"),
    ],
)
def test_entries_that_are_no_requests(entry: Any, message: str) -> None:
    good = {"request": POST, "resource": {"a": 1}}
    assert refusal(bundle(good, entry)).startswith("Bundle.entry[1]" + message)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Bundle ends"),
        (b"{}", "what was sent"),
        (b'{"resourceType":"Patient"}', "what was sent"),
        (b'{"resourceType":"Bundle"}', "Bundle.type"),
        (b'{"resourceType":"Bundle","type":"searchset"}', "Bundle.type"),
        (b'{"resourceType":"Bundle","type":["batch"]}', "Bundle.type"),
        (b'{"resourceType":"Bundle","type":"batch","entry":{}}', "Bundle.entry"),
        (b'{"resourceType":"Bundle","type":"batch","type":"batch"}', "Bundle has the same"),
        (b'{"resourceType":"Bundle","type":"batch"} x', "Bundle has text after"),
        (b"\xff", "Bundle is not UTF-8"),
    ],
)
def test_what_is_no_request_bundle(raw: bytes, message: str) -> None:
    assert refusal(raw).startswith(message)


def test_names_that_stand_twice_in_the_frame() -> None:
    for entry in (
        '{"request":{"method":"DELETE","method":"GET","url":"Basic/1"}}',
        '{"request":{"method":"GET","url":"Basic/1"},"request":{"method":"GET","url":"Basic/2"}}',
        '{"request":{"method":"POST","url":"Basic"},"resource":{},"resource":{}}',
    ):
        raw = '{"resourceType":"Bundle","type":"batch","entry":[' + entry + "]}"
        assert "the same name twice" in refusal(raw.encode())


def test_a_full_url_stands_once() -> None:
    entry = {"fullUrl": "urn:uuid:1", "request": POST, "resource": {}}
    assert refusal(bundle(entry, entry)).startswith("Bundle.entry[1].fullUrl")


def test_too_many_parts() -> None:
    entry = {"request": {"method": "GET", "url": "Basic/1"}}
    assert len(read_request(bundle(*[entry] * MAX_PARTS)).parts) == MAX_PARTS
    assert "more than" in refusal(bundle(*[entry] * (MAX_PARTS + 1)))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(bundle({"fullUrl": "urn:uuid:1", "request": POST, "resource": {"id": "1"}}))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = read_request(bytes(raw))
    except BadRequest as error:
        refused = error
    else:
        assert all((part.resource or b"") in raw for part in request.parts)
        return
    assert refused.message
    assert refused.hint


def checked(raw: bytes) -> dict[str, Any]:
    """Is a Bundle as R4 has it."""
    from fhir.resources.R4B.bundle import Bundle

    value: dict[str, Any] = json.loads(raw)
    resources = [entry.pop("resource", None) for entry in value.get("entry", ())]
    Bundle.model_validate(value)
    codes.check(value, "Bundle")
    for entry, resource in zip(value.get("entry", ()), resources, strict=True):
        entry["resource"] = resource
    return value


def test_searchset() -> None:
    raw = searchset(
        [Match("https://l/fhir/Basic/1", TEXT.encode()), Match("u", b'{"a":1}', "include")],
        total=1,
        links=[("self", "https://l/fhir/Basic?x=1"), ("next", "https://l/fhir?_page=a")],
    )
    assert TEXT.encode() in raw
    value = checked(raw)
    assert (value["type"], value["total"]) == ("searchset", 1)
    assert [link["relation"] for link in value["link"]] == ["self", "next"]
    assert [entry["search"]["mode"] for entry in value["entry"]] == ["match", "include"]
    assert value["entry"][0]["resource"] == json.loads(TEXT)


def test_an_empty_searchset_has_no_entry() -> None:
    assert checked(searchset([], total=0)) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
    }


def test_history() -> None:
    raw = history(
        [
            Past("https://l/fhir/Basic/1", None, "DELETE", "Basic/1", "204", 2, 1_000),
            Past("https://l/fhir/Basic/1", TEXT.encode(), "POST", "Basic", "201", 1, 0),
        ],
        total=2,
    )
    assert TEXT.encode() in raw
    gone, made = checked(raw)["entry"]
    assert gone["resource"] is None
    assert gone["request"] == {"method": "DELETE", "url": "Basic/1"}
    assert gone["response"] == {
        "status": "204",
        "etag": 'W/"2"',
        "lastModified": "1970-01-01T00:00:01.000Z",
    }
    assert made["request"]["method"] == "POST"


def test_responses() -> None:
    failed = outcome(Issue("error", "not-found", "there is nothing here"))
    raw = response(
        "batch",
        [
            Response("201 Created", "Basic/1/_history/1", 1, 0, resource=TEXT.encode()),
            Response("404", outcome=failed),
        ],
    )
    value = checked(raw)
    assert value["type"] == "batch-response"
    assert TEXT.encode() in raw
    assert value["entry"][0]["response"]["location"] == "Basic/1/_history/1"
    assert value["entry"][1]["response"] == {"status": "404", "outcome": failed}


def test_outcome() -> None:
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    value = outcome(
        Issue("error", "invalid", "is no date", "correct it", ("Patient.birthDate",)),
        Issue("warning", "not-supported", "name was passed over"),
    )
    OperationOutcome.model_validate(value)
    codes.check(value, "OperationOutcome")
    assert value["issue"][0] == {
        "severity": "error",
        "code": "invalid",
        "details": {"text": "is no date"},
        "diagnostics": "correct it",
        "expression": ["Patient.birthDate"],
    }
    assert set(value["issue"][1]) == {"severity", "code", "details"}


@pytest.mark.parametrize(
    ("severity", "code", "message"),
    [("bad", "invalid", "x"), ("error", "bad", "x"), ("error", "invalid", " ")],
)
def test_issues_that_fhir_does_not_know(severity: Any, code: str, message: str) -> None:
    with pytest.raises(ValueError):
        Issue(severity, code, message)


def test_an_outcome_without_issue() -> None:
    with pytest.raises(ValueError):
        outcome()
