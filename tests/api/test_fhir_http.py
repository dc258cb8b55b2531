"""FHIR's own rules of HTTP (FHIR R4, http.html, search.html): formats, conditions, operations that
are not there, compartments, Bundles in part.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.people import fresh_number, patient, weight
from tests.api.running import Answer, Running
from tests.api.traces import Trace

JSON = "application/fhir+json"


@pytest.fixture(scope="module")
def token(service: Running) -> str:
    return service.token("hospital", "system/*.cruds")


class Client:
    def __init__(self, service: Running, token: str) -> None:
        self.service = service
        self.token = token

    def send(self, method: str, path: str, resource: Any = None, **headers: str) -> Answer:
        raw = resource if resource is None or isinstance(resource, bytes) else as_bytes(resource)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            named.setdefault("Content-Type", JSON)
        return self.service.ask(method, "/fhir" + path, raw, named, self.token)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def made(self, resource: dict[str, Any]) -> str:
        answer = self.send("POST", f"/{resource['resourceType']}", resource)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])


def as_bytes(resource: Any) -> bytes:
    return json.dumps(resource).encode()


@pytest.fixture(scope="module")
def client(service: Running, token: str) -> Client:
    return Client(service, token)


@pytest.fixture
def who(client: Client) -> str:
    return client.made(patient(fresh_number("H")))


def code_of(answer: Answer) -> tuple[int, str]:
    assert answer.json["resourceType"] == "OperationOutcome"
    return answer.status, answer.json["issue"][0]["code"]


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "application/fhir+json", 200),
        ("", "application/json", 200),
        ("", "*/*", 200),
        ("", "application/*;q=0.1", 200),
        ("", "text/html, application/xhtml+xml, */*;q=0.8", 200),
        ("", "application/fhir+xml, application/fhir+json;q=0.5", 200),
        ("", 'application/fhir+json; fhirVersion="4.0"', 200),
        ("", "application/fhir+json; fhirVersion=3.0", 406),
        ("", "application/fhir+xml", 406),
        ("", "text/turtle", 406),
        ("", "application/fhir+json;q=0", 406),
        ("", "application/fhir+json;q=0.0, text/html", 406),
        ("?_format=json", "application/fhir+xml", 200),
        ("?_format=application/fhir%2Bjson", "text/html", 200),
        ("?_format=application/fhir+json", "text/html", 200),
        ("?_format=application/json;charset=UTF-8", "*/*", 200),
        ("?_format=xml", "application/fhir+json", 406),
        ("?_format=html", "*/*", 406),
    ],
)
def test_formats(client: Client, who: str, query: str, accept: str, status: int) -> None:
    trace = Trace(client.service, who)
    for path in ("/metadata", f"/Patient/{who}"):
        answer = client.get(path + query, Accept=accept)
        assert answer.status == status, answer.text
        assert answer.headers["Content-Type"].startswith(JSON)
        if status == 406:
            assert code_of(answer) == (406, "not-supported")
    assert len(trace.new()) == (1 if status == 200 else 0)


def test_the_format_of_a_search_by_post(client: Client, who: str) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    path = "/Observation/_search"
    good = client.send("POST", path, f"patient={who}&_format=json".encode(), **form)
    assert good.status == 200
    refused = client.send("POST", path, f"patient={who}&_format=xml".encode(), **form)
    assert code_of(refused) == (406, "not-supported")


def test_what_is_known_is_not_sent_again(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    path = f"/Observation/{identity}"
    seen = client.get(path)
    trace = Trace(client.service, who)
    for known in (
        {"If_None_Match": seen.headers["ETag"]},
        {"If_None_Match": '"1"'},
        {"If_None_Match": 'W/"7", W/"1"'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": seen.headers["Last-Modified"]},
        {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        answer = client.get(path, **known)
        assert (answer.status, answer.body) == (304, b""), known
        assert answer.headers["ETag"] == 'W/"1"'
        assert trace.new() == [(0, f"Observation/{identity}")]
        assert "Access-Entry" in answer.headers
    for other in (
        {"If_None_Match": 'W/"2"'},
        {"If_None_Match": "nonsense"},
        {"If_None_Match": 'W/"2"', "If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"If_Modified_Since": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
    ):
        assert client.get(path, **other).json == seen.json, other
        assert trace.new() == [(1, None)]
    assert client.send("DELETE", path).status == 204
    assert client.get(path, If_None_Match="*").status == 410


def test_what_is_known_to_others_stays_unknown(service: Running, client: Client, who: str) -> None:
    clinic = Client(service, service.token("clinic", "system/*.cruds"))
    answer = clinic.get(f"/Patient/{who}", If_None_Match="*")
    assert answer.status == 404


def test_conditions_of_a_change(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    path, changed = f"/Observation/{identity}", weight(f"Patient/{who}", 71, id=identity)
    there = client.send("PUT", path, changed, If_None_Match="*")
    assert code_of(there) == (412, "conflict")
    assert code_of(client.send("PUT", path, changed, If_None_Match='W/"1"')) == (400, "invalid")
    assert client.send("PUT", path, changed, If_Match="nonsense").status == 400
    assert client.send("DELETE", path, If_Match='W/"2"').status == 412
    assert client.get(path).headers["ETag"] == 'W/"1"'
    nobody = client.send("PUT", "/Observation/00000000-1", changed, If_None_Match="*")
    assert nobody.status == 404
    assert client.send("PUT", path, changed, If_Match="*").headers["ETag"] == 'W/"2"'
    assert client.send("DELETE", path, If_Match='"2"').status == 204


def test_a_search_behind_the_url_of_a_create_is_its_condition(client: Client, who: str) -> None:
    path = f"/Observation?patient=Patient/{who}&code=29463-7&_format=json"
    first = client.send("POST", path, weight(f"Patient/{who}", 70))
    second = client.send("POST", path, weight(f"Patient/{who}", 71))
    assert (first.status, second.status) == (201, 200)
    assert second.json["id"] == first.json["id"]
    twice = client.send("POST", path, weight(f"Patient/{who}", 72), If_None_Exist="code=1")
    assert code_of(twice) == (400, "invalid")
    unknown = client.send("POST", path + "&bogus=1", weight(f"Patient/{who}", 72))
    assert unknown.status == 400
    form = client.send("POST", "/Observation?_format=json", weight(f"Patient/{who}", 72))
    assert form.status == 201


def test_history_in_its_order(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    path = f"/Observation/{identity}"
    client.send("PUT", path, weight(f"Patient/{who}", 71, id=identity))
    client.send("DELETE", path)
    entries = client.get(path + "/_history").json["entry"]
    assert [one["response"]["etag"] for one in entries] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [one["response"]["status"] for one in entries] == ["204", "200", "201"]
    assert ["resource" in one for one in entries] == [False, True, True]
    assert client.get(path + "/_history/3").status == 410
    assert client.get(path + "/_history/2").headers["ETag"] == 'W/"2"'


def test_history_in_pages(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    path = f"/Observation/{identity}"
    for kilos in range(71, 75):
        client.send("PUT", path, weight(f"Patient/{who}", kilos, id=identity))
    told, link, pages = [], path + "/_history?_count=2", 0
    while link:
        bundle = client.get(link).json
        assert bundle["total"] == 5
        told += [one["response"]["etag"] for one in bundle["entry"]]
        links = {one["relation"]: one["url"] for one in bundle["link"]}
        link, pages = links.get("next", "").partition("/fhir")[2], pages + 1
    assert told == [f'W/"{number}"' for number in (5, 4, 3, 2, 1)]
    assert pages == 3
    assert client.get(path + "/_history?_count=0").json.get("entry", []) == []


def test_history_since(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    path = f"/Observation/{identity}"
    client.send("PUT", path, weight(f"Patient/{who}", 71, id=identity))
    newest = client.get(path + "/_history").json["entry"][0]["response"]["lastModified"]
    since = client.get(f"{path}/_history?_since={newest.replace('+', '%2B')}").json
    assert [one["response"]["etag"] for one in since["entry"]] == ['W/"2"']
    assert (since["total"], "_since=" in since["link"][0]["url"]) == (1, True)
    assert client.get(path + "/_history?_since=2999-01-01T00:00:00Z").json["total"] == 0


@pytest.mark.parametrize("query", ["_count=x", "_count=-1", "_since=2026", "_since=x", "_before=x"])
def test_history_asked_for_in_a_wrong_way(client: Client, who: str, query: str) -> None:
    path = f"/Observation/{client.made(weight(f'Patient/{who}', 70))}/_history?"
    assert code_of(client.get(path + query)) == (400, "invalid")


@pytest.mark.parametrize(
    "path",
    ["/$export", "/Patient/$everything", "/Patient/$match", "/Observation/x/$everything"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_operations_that_are_not_there(client: Client, method: str, path: str) -> None:
    answer = client.send(method, path)
    assert code_of(answer) == (404, "not-supported")
    assert "no such operation" in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 200),
        ({"resourceType": "Parameters"}, 200),
        ({"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 1}]}, 200),
        ({"resourceType": "Parameters", "parameter": [{"name": "start", "valueDate": "x"}]}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "bogus", "valueCode": "x"}]}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "_type"}]}, 400),
        ({"resourceType": "Parameters", "parameter": {}}, 400),
        ({"resourceType": "Patient"}, 400),
        (b"{", 400),
    ],
)
def test_everything_by_post(client: Client, who: str, body: Any, status: int) -> None:
    trace = Trace(client.service, who)
    answer = client.send("POST", f"/Patient/{who}/$everything", body)
    assert answer.status == status, answer.text
    assert len(trace.new()) == (status == 200)


def test_everything_of_types(client: Client, who: str) -> None:
    client.made(weight(f"Patient/{who}", 70))
    path = f"/Patient/{who}/$everything"
    assert client.get(f"{path}?_type=Observation&_type=Patient").json["total"] == 2
    assert client.get(f"{path}?_type=Observation,Patient").json["total"] == 2
    types = [{"name": "_type", "valueCode": one} for one in ("Observation", "Patient")]
    sent = {"resourceType": "Parameters", "parameter": types}
    assert client.send("POST", path, sent).json["total"] == 2


def test_the_compartment_of_a_patient(service: Running, client: Client, who: str) -> None:
    mine = client.made(weight(f"Patient/{who}", 70))
    other = client.made(patient(fresh_number("H")))
    client.made(weight(f"Patient/{other}", 70))
    bundle = client.get(f"/Patient/{who}/Observation?code=29463-7").json
    assert [one["resource"]["id"] for one in bundle["entry"]] == [mine]
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    posted = client.send("POST", f"/Patient/{who}/Observation/_search", b"status=final", **form)
    assert posted.json["total"] == 1
    coverage = {"resourceType": "Coverage", "status": "active", "payor": [{"display": "K"}]}
    client.made(coverage | {"beneficiary": {"reference": f"Patient/{who}"}})
    assert client.get(f"/Patient/{who}/Coverage").json["total"] == 1
    two = client.get(f"/Patient/{who}/Observation?patient={other}").json
    assert two["total"] == 0
    assert client.get(f"/Patient/{who}/Practitioner").status == 404
    clinic = Client(service, service.token("clinic", "system/*.cruds"))
    assert clinic.get(f"/Patient/{who}/Observation").json["total"] == 0
    narrow = Client(service, service.token("hospital", "system/Patient.rs"))
    assert narrow.get(f"/Patient/{who}/Observation").status == 403


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "structure")),
        (b"", (400, "structure")),
        (b'{"resourceType":"Patient","gender":NaN}', (400, "structure")),
        (b'{"resourceType":"Patient","id":"a","id":"b"}', (400, "structure")),
        (b'{"resourceType":"Patient","gender":"bogus"}', (422, "invalid")),
        (b'{"resourceType":"Observation"}', (422, "invalid")),
    ],
)
def test_what_cannot_be_read_and_what_is_wrong(
    client: Client, body: bytes, expected: tuple[int, str]
) -> None:
    assert code_of(client.send("POST", "/Patient", body)) == expected


@pytest.mark.parametrize("body", [b"{", b"", b'{"resourceType":"Bundle","type":"batch"', b"\xff"])
def test_a_bundle_that_cannot_be_read(client: Client, body: bytes) -> None:
    assert code_of(client.send("POST", "", body)) == (400, "structure")


def entry(method: str, url: str, resource: Any = None, **request: str) -> dict[str, Any]:
    found: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return found if resource is None else found | {"resource": resource}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def statuses(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [one["response"]["status"] for one in answer.json["entry"]]


def test_a_batch_is_refused_part_by_part(service: Running, client: Client, who: str) -> None:
    narrow = Client(service, service.token("hospital", "system/Patient.r"))
    parts = (
        entry("GET", f"Patient/{who}"),
        entry("POST", "Observation", weight(f"Patient/{who}", 70)),
        entry("PATCH", f"Patient/{who}", {}),
        entry("GET", "Nonsense/x"),
    )
    assert statuses(narrow.send("POST", "", bundle("batch", *parts))) == [
        "200",
        "403",
        "422",
        "404",
    ]
    assert narrow.send("POST", "", bundle("transaction", *parts)).status == 403


def test_conditions_in_bundles(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 70))
    url, changed = f"Observation/{identity}", weight(f"Patient/{who}", 71, id=identity)
    known = entry("GET", url, ifNoneMatch='W/"1"')
    since = entry("GET", url, ifModifiedSince="2100-01-01T00:00:00Z")
    fresh = entry("GET", url, ifModifiedSince="2015-01-01T00:00:00Z")
    stale = entry("PUT", url, changed, ifMatch='W/"7"')
    there = entry("PUT", url, changed, ifNoneMatch="*")
    trace = Trace(client.service, who)
    answer = client.send("POST", "", bundle("batch", known, since, fresh, stale, there))
    assert statuses(answer) == ["304", "304", "200", "412", "412"]
    assert [len(one.entries) for one in trace.headers()] == [0, 0, 1]
    for refused in (stale, there):
        assert client.send("POST", "", bundle("transaction", refused)).status == 412
    assert statuses(client.send("POST", "", bundle("transaction", known))) == ["304"]


def test_as_little_as_is_asked_for(client: Client, who: str) -> None:
    parts = (
        entry("POST", "Observation", weight(f"Patient/{who}", 70)),
        entry("GET", f"Patient/{who}"),
    )
    answer = client.send("POST", "", bundle("transaction", *parts), Prefer="return=minimal")
    written, read = answer.json["entry"]
    assert "resource" not in written and "resource" in read
    assert written["response"]["etag"] == 'W/"1"'
    assert "/_history/1" in written["response"]["location"]
    whole = client.send("POST", "/", bundle("transaction", parts[1]))
    assert statuses(whole) == ["200"]


def test_totals(client: Client, who: str) -> None:
    for value in (70, 71):
        client.made(weight(f"Patient/{who}", value))
    search = f"/Observation?patient={who}"
    for query in ("&_count=0", "&_summary=count", "&_summary=count&_total=none"):
        answer = client.get(search + query).json
        assert (answer["total"], "entry" in answer) == (2, False), query
        assert answer["link"][0]["relation"] == "self"
        assert query.removeprefix("&") in answer["link"][0]["url"]
    without = client.get(search + "&_total=none").json
    assert ("total" in without, len(without["entry"])) == (False, 2)
    pretty = client.get(search + "&_pretty=false&_format=json", Prefer="handling=strict")
    assert pretty.status == 200
    assert client.get(search + "&_pretty=true", Prefer="handling=strict").status == 400


def test_head_of_the_statement(client: Client, who: str) -> None:
    answer = client.send("HEAD", "/metadata")
    assert (answer.status, answer.body) == (200, b"")
    refused = client.send("HEAD", f"/Patient/{who}")
    assert refused.status == 405 and "GET" in refused.headers["Allow"]


def test_the_statement_tells_the_truth(client: Client) -> None:
    (rest,) = client.get("/metadata").json["rest"]
    by_type = {one["type"]: one for one in rest["resource"]}
    assert by_type["Observation"]["conditionalRead"] == "full-support"
    assert by_type["AuditEvent"]["conditionalRead"] == "not-supported"
    assert by_type["Patient"]["conditionalUpdate"] is True
    assert by_type["AuditEvent"]["conditionalUpdate"] is False
    assert [one["name"] for one in by_type["Patient"]["operation"]] == ["everything"]
    assert rest["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    for method, path in (
        ("PATCH", "/Patient/x"),
        ("DELETE", "/Patient?identifier=1"),
        ("GET", ""),
    ):
        assert client.send(method, path).status == 405, path
    for path in ("/_history", "/Patient/_history"):
        assert client.get(path).status == 404


def test_a_transaction_that_cannot_read_writes_nothing(client: Client, who: str) -> None:
    gone = client.made(weight(f"Patient/{who}", 60))
    assert client.send("DELETE", f"/Observation/{gone}").status == 204
    write = entry("POST", "Observation", weight(f"Patient/{who}", 70))
    size = client.service.log.reader.checkpoint.size
    for read, status in (
        (entry("GET", "Observation/00000000-1"), 404),
        (entry("GET", f"Observation/{gone}"), 410),
        (entry("GET", "Observation?code=29463-7"), 400),
        (entry("GET", f"Observation?patient={who}&date=yesterday"), 400),
        (entry("GET", "AuditEvent/00000000-1"), 422),
    ):
        answer = client.send("POST", "", bundle("transaction", write, read))
        assert answer.status == status, answer.text
        if status != 422:
            assert "Bundle.entry[1]: " in answer.json["issue"][0]["details"]["text"]
    assert client.service.log.reader.checkpoint.size == size


def test_a_transaction_that_reads_what_it_deletes(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 60))
    url = f"Observation/{identity}"
    answer = client.send("POST", "", bundle("transaction", entry("GET", url), entry("DELETE", url)))
    assert statuses(answer) == ["410", "204"]


def test_a_transaction_changes_a_resource_once(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 60))
    url = f"Observation/{identity}"
    change = entry("PUT", url, weight(f"Patient/{who}", 61, id=identity))
    for other in (change, entry("DELETE", url)):
        answer = client.send("POST", "", bundle("transaction", change, other))
        assert code_of(answer) == (422, "invalid")
        assert statuses(client.send("POST", "", bundle("batch", change, other))) in (
            ["200", "200"],
            ["200", "204"],
        )


def test_a_search_behind_the_url_of_a_part_is_its_condition(client: Client, who: str) -> None:
    write = entry("POST", f"Observation?patient=Patient/{who}", weight(f"Patient/{who}", 70))
    other = entry("POST", f"Observation?patient=Patient/{who}", weight(f"Patient/{who}", 71))
    for kind in ("transaction", "batch"):
        first = client.send("POST", "", bundle(kind, write))
        second = client.send("POST", "", bundle(kind, other))
        assert (statuses(first)[0] in ("201", "200"), statuses(second)) == (True, ["200"])


def test_bodies_for_another_address(client: Client, who: str) -> None:
    identity = client.made(weight(f"Patient/{who}", 60))
    path = f"/Observation/{identity}"
    for body in (weight(f"Patient/{who}", 61), weight(f"Patient/{who}", 61, id="other")):
        assert code_of(client.send("PUT", path, body)) == (400, "invalid")
    assert code_of(client.send("PUT", path, patient("x", id=identity))) == (400, "invalid")
    assert code_of(client.send("POST", "/Observation", patient("x"))) == (400, "invalid")
    refused = client.send(
        "POST", "", bundle("transaction", entry("PUT", path[1:], weight(f"Patient/{who}", 61)))
    )
    assert code_of(refused) == (400, "invalid")
    assert "Bundle.entry[0]: " in refused.text


def test_what_a_search_finds_is_updated(service: Running, client: Client, who: str) -> None:
    path = f"/Observation?patient=Patient/{who}&code=29463-7"
    named = client.send("PUT", path, weight(f"Patient/{who}", 70, id="mine"))
    assert code_of(named) == (400, "invalid")
    first = client.send("PUT", path, weight(f"Patient/{who}", 70))
    assert (first.status, first.headers["ETag"]) == (201, 'W/"1"')
    identity = first.json["id"]
    trace = Trace(service, who)
    second = client.send("PUT", path, weight(f"Patient/{who}", 71))
    assert (second.status, second.headers["ETag"], second.json["id"]) == (200, 'W/"2"', identity)
    assert client.send("PUT", path, weight(f"Patient/{who}", 72, id=identity)).status == 200
    assert trace.new() == []
    for body, headers, status in (
        (weight(f"Patient/{who}", 73, id="other"), {}, 400),
        (weight(f"Patient/{who}", 73), {"If_Match": 'W/"1"'}, 412),
        (weight(f"Patient/{who}", 73), {"If_None_Match": "*"}, 412),
        (patient("x"), {}, 400),
    ):
        assert client.send("PUT", path, body, **headers).status == status
    assert client.get(f"/Observation/{identity}").headers["ETag"] == 'W/"3"'
    client.made(weight(f"Patient/{who}", 80))
    several = client.send("PUT", path, weight(f"Patient/{who}", 74))
    assert code_of(several) == (412, "multiple-matches")
    assert client.send("PUT", "/Observation", weight(f"Patient/{who}", 74)).status == 400
    assert client.send("PUT", "/Observation?code=1", weight(f"Patient/{who}", 74)).status == 400
    assert client.send("PUT", "/AuditEvent?patient=x", {}).status == 405
    for scopes in ("system/Observation.u", "system/Observation.cu", "system/Observation.us"):
        narrow = Client(service, service.token("hospital", scopes))
        assert narrow.send("PUT", path, weight(f"Patient/{who}", 75)).status == 403
    clinic = Client(service, service.token("clinic", "system/*.cruds"))
    nobody = clinic.send("PUT", path, weight(f"Patient/{who}", 75))
    unknown = clinic.send("PUT", path.replace(who, "00000000-1"), weight("Patient/00000000-1", 75))
    assert (nobody.status, nobody.body) == (unknown.status, unknown.body) == (422, nobody.body)


def test_updates_of_one_search_at_once_make_one_resource(client: Client, who: str) -> None:
    path = f"/Observation?patient=Patient/{who}&code=29463-7"
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda value: client.send("PUT", path, weight(f"Patient/{who}", value)),
                range(60, 68),
            )
        )
    found = [one.status for one in answers]
    assert found.count(201) == 1 and set(found) <= {200, 201, 412}
    bundle = client.get(path).json
    assert bundle["total"] == 1
    versions = found.count(200) + 1
    assert bundle["entry"][0]["resource"]["meta"]["versionId"] == str(versions)
