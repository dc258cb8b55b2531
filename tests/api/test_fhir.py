"""FHIR over HTTP: what clients do, and what it leaves in the record."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from api.auth.decision import Interaction
from api.fhir import histories, searches
from api.fhir.everything import parameters_of
from api.fhir.visit import Visit
from ledger.author import CBOR, Draft
from ledger.log import Appended
from ledger.merkle import leaf_hash
from ledger.record.header import Header, decode_header
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Hash
from tests.api.running import Answer, Running
from tests.api.traces import accesses
from verifier.evidence.check import check_evidence
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys

NUMBERS = "urn:oid:1.2.392.100495.20.3.51.1310000001"
CLINIC_NUMBERS = "urn:oid:1.2.392.100495.20.3.51.1310000002"
JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def hospital(service: Running) -> str:
    return service.token("hospital", "system/*.cruds")


@pytest.fixture(scope="module")
def clinic(service: Running) -> str:
    return service.token("clinic", "system/*.cruds")


class Client:
    """A few shortcuts; ``number`` makes each test's persons its own."""

    number = 0

    def __init__(self, service: Running, token: str) -> None:
        self.service = service
        self.token = token

    def post(self, path: str, resource: Any, **headers: str) -> Answer:
        raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        return self.service.ask("POST", path, raw, JSON | headers, self.token)

    def put(self, path: str, resource: Any, **headers: str) -> Answer:
        return self.service.ask(
            "PUT", path, json.dumps(resource).encode(), JSON | headers, self.token
        )

    def get(self, path: str, **headers: str) -> Answer:
        return self.service.ask("GET", path, headers=headers, token=self.token)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.service.ask("DELETE", path, None, headers, self.token)

    def person(self, system: str = NUMBERS) -> tuple[str, str]:
        """A new Patient: its id, and its number."""
        Client.number += 1
        value = f"N{Client.number}"
        answer = self.post(
            "/fhir/Patient",
            {"resourceType": "Patient", "identifier": [{"system": system, "value": value}]},
        )
        assert answer.status == 201, answer.text
        return str(answer.json["id"]), value

    def weight(self, who: str, value: float = 72.5, **more: Any) -> str:
        answer = self.post("/fhir/Observation", weight(who, value, **more))
        assert answer.status == 201, answer.text
        return str(answer.json["id"])


def weight(who: str, value: float = 72.5, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{who}"},
        "valueQuantity": {"value": value, "unit": "kg"},
        **more,
    }


@pytest.fixture
def at_hospital(service: Running, hospital: str) -> Client:
    return Client(service, hospital)


@pytest.fixture
def at_clinic(service: Running, clinic: str) -> Client:
    return Client(service, clinic)


def outcome(answer: Answer) -> dict[str, Any]:
    assert answer.json["resourceType"] == "OperationOutcome", answer.text
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    return dict(answer.json["issue"][0])


def test_create_read_and_the_trace_of_it(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    made = at_hospital.post("/fhir/Observation", weight(who))
    assert (made.status, made.headers["ETag"]) == (201, 'W/"1"')
    identity = made.json["id"]
    assert made.headers["Location"].endswith(f"/fhir/Observation/{identity}/_history/1")
    assert made.json["meta"]["versionId"] == "1"
    read = at_hospital.get(f"/fhir/Observation/{identity}")
    assert read.status == 200
    assert read.json == made.json
    (access,) = accesses(service, who)
    index = int(read.headers["Access-Entry"])
    header = decode_header(access)
    assert header.on_behalf_of == service.members["hospital"].actor
    assert (header.purpose, header.request) == ("TREAT", read.headers["Request-Id"])
    assert service.log.reader.entry(index).leaf.claim.author == service.gateway.id


def test_the_authors_text_stays(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    raw = json.dumps(weight(who), indent=3).replace("72.5", "72.500").encode()
    identity = at_hospital.post("/fhir/Observation", raw).json["id"]
    body = at_hospital.get(f"/fhir/Observation/{identity}").body
    assert b'"value": 72.500' in body and b'\n   "status"' in body


def test_another_institution_sees_nothing_until_it_is_linked(
    service: Running, at_hospital: Client, at_clinic: Client
) -> None:
    who, number = at_hospital.person()
    identity = at_hospital.weight(who)
    absent = at_clinic.get("/fhir/Observation/00000000-1")
    for path in (
        f"/fhir/Observation/{identity}",
        f"/fhir/Observation/{identity}/_history",
        f"/fhir/Observation/{identity}/_history/1",
        f"/fhir/Patient/{who}/$everything",
    ):
        answer = at_clinic.get(path)
        assert answer.status == 404
        assert answer.body == absent.body
        assert "Access-Entry" not in answer.headers
    for query in (f"patient=Patient/{who}", f"patient:identifier={NUMBERS}%7C{number}"):
        bundle = at_clinic.get(f"/fhir/Observation?{query}").json
        assert (bundle["total"], "entry" in bundle) == (0, False)
        assert bundle["link"] == at_clinic.get("/fhir/Observation?patient=Patient/x").json["link"]
    refused = at_clinic.post("/fhir/Observation", weight(who))
    nobody = at_clinic.post("/fhir/Observation", weight("00000000-1"))
    assert (refused.status, refused.body) == (nobody.status, nobody.body) == (422, nobody.body)
    assert at_clinic.put(f"/fhir/Observation/{identity}", weight(who, id=identity)).status == 404
    assert at_clinic.delete(f"/fhir/Observation/{identity}").status == 404


def test_a_denial_is_an_entry_once_in_a_while(
    service: Running, at_hospital: Client, at_clinic: Client
) -> None:
    who, _ = at_hospital.person()
    for _ in range(3):
        assert at_clinic.get(f"/fhir/Patient/{who}").status == 404
    assert at_hospital.get(f"/fhir/Patient/{who}").status == 200
    # No answer waits for the denial's entry.
    until = time.monotonic() + 10
    while len(accesses(service, who)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    found = [decode_header(one) for one in accesses(service, who)]
    assert sorted(one.denied for one in found) == [False, True]
    (denied,) = (one for one in found if one.denied)
    assert denied.on_behalf_of == service.members["clinic"].actor


def test_versions(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    path = f"/fhir/Observation/{identity}"
    stale = at_hospital.put(path, weight(who, 71, id=identity), **{"If-Match": 'W/"7"'})
    assert stale.status == 412 and outcome(stale)["code"] == "conflict"
    changed = at_hospital.put(path, weight(who, 71, id=identity), **{"If-Match": 'W/"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, 'W/"2"')
    assert at_hospital.get(path).json["valueQuantity"]["value"] == 71
    assert at_hospital.get(path + "/_history/1").json["valueQuantity"]["value"] == 72.5
    assert at_hospital.get(path + "/_history/9").status == 404
    gone = at_hospital.delete(path)
    assert gone.status == 204
    assert at_hospital.delete(path).status == 204
    assert at_hospital.get(path).status == 410
    history = at_hospital.get(path + "/_history").json
    assert history["type"] == "history"
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert at_hospital.put(path, weight(who, 70, id=identity)).headers["ETag"] == 'W/"4"'
    assert at_hospital.get(path).status == 200


def test_search_names_a_person(at_hospital: Client) -> None:
    who, number = at_hospital.person()
    ids = [at_hospital.weight(who, 70 + day, effectiveDateTime=f"2026-01-0{day}") for day in (1, 2)]
    bundle = at_hospital.get(f"/fhir/Observation?patient={who}&code=29463-7&_sort=-date").json
    assert bundle["total"] == 2
    assert [one["resource"]["id"] for one in bundle["entry"]] == ids[::-1]
    assert bundle["link"][0]["url"].endswith(
        f"/fhir/Observation?patient=Patient/{who}&code=29463-7&_sort=-date"
    )
    by_number = at_hospital.get(f"/fhir/Observation?patient.identifier={NUMBERS}%7C{number}").json
    assert by_number["total"] == 2
    assert number not in json.dumps(by_number["link"])
    some = at_hospital.get(f"/fhir/Observation?subject=Patient/{who}&date=ge2026-01-02").json
    assert some["total"] == 1
    whole = at_hospital.get(f"/fhir/Patient?identifier={NUMBERS}%7C{number}").json
    assert [one["resource"]["id"] for one in whole["entry"]] == [who]
    assert number not in json.dumps(whole["link"])
    nobody = at_hospital.get("/fhir/Observation?code=29463-7")
    assert nobody.status == 400 and "names no person" in outcome(nobody)["details"]["text"]
    other, _ = at_hospital.person()
    two = at_hospital.get(f"/fhir/Observation?patient={who},{other}")
    assert two.status == 400


def test_a_search_is_one_access_entry_and_says_what_for(
    service: Running, at_hospital: Client
) -> None:
    who, _ = at_hospital.person()
    ids = [at_hospital.weight(who, 70 + day) for day in range(3)]
    answer = at_hospital.get(f"/fhir/Observation?patient={who}&status=final")
    (access,) = accesses(service, who)
    header = decode_header(access)
    assert len(header.entries) == len(ids)
    assert header.query == f"Observation?patient=Patient/{who}&status=final"
    assert str(service.log.reader.checkpoint.size - 1) == answer.headers["Access-Entry"]
    assert at_hospital.get(f"/fhir/Observation?patient={who}&_summary=count").json["total"] == 3
    assert decode_header(accesses(service, who)[-1]).entries == ()


def test_post_search_keeps_the_person_out_of_the_url(at_hospital: Client) -> None:
    who, number = at_hospital.person()
    at_hospital.weight(who)
    form = f"patient%3Aidentifier={NUMBERS}%7C{number}".encode()
    answer = at_hospital.service.ask(
        "POST",
        "/fhir/Observation/_search",
        form,
        {"Content-Type": "application/x-www-form-urlencoded"},
        at_hospital.token,
    )
    assert (answer.status, answer.json["total"]) == (200, 1)


def test_pages(service: Running, at_hospital: Client, at_clinic: Client) -> None:
    who, _ = at_hospital.person()
    ids = {at_hospital.weight(who, 60 + day) for day in range(5)}
    found: list[str] = []
    path = f"/fhir/Observation?patient={who}&_count=2"
    pages = 0
    while path:
        bundle = at_hospital.get(path).json
        assert bundle["total"] == 5
        found += [one["resource"]["id"] for one in bundle["entry"]]
        nexts = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
        path = nexts[0].removeprefix(service.url) if nexts else ""
        assert who not in path
        if path:
            assert at_clinic.get(path).status == 410
        pages += 1
    assert (set(found), len(found), pages) == (ids, 5, 3)
    assert len(accesses(service, who)) == 3


def test_includes_stay_inside_the_record(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    visit = at_hospital.post(
        "/fhir/Encounter",
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": f"Patient/{who}"},
        },
    ).json["id"]
    at_hospital.weight(who, encounter={"reference": f"Encounter/{visit}"})
    bundle = at_hospital.get(
        f"/fhir/Observation?patient={who}&_include=Observation:encounter"
        "&_include=Observation:patient"
    ).json
    modes = {one["resource"]["resourceType"]: one["search"]["mode"] for one in bundle["entry"]}
    assert modes == {"Observation": "match", "Encounter": "include", "Patient": "include"}
    back = at_hospital.get(f"/fhir/Patient?_id={who}&_revinclude=Observation:patient").json
    assert {one["resource"]["resourceType"] for one in back["entry"]} == {"Patient", "Observation"}


def test_everything(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    at_hospital.weight(who, effectiveDateTime="2026-01-01")
    at_hospital.weight(who, 80, effectiveDateTime="2024-01-01")
    bundle = at_hospital.get(f"/fhir/Patient/{who}/$everything").json
    assert bundle["total"] == 3
    later = at_hospital.get(f"/fhir/Patient/{who}/$everything?start=2025-01-01&_type=Observation")
    assert later.json["total"] == 1
    assert at_hospital.get(f"/fhir/Patient/{who}/$everything?start=x").status == 400


def test_everything_is_gathered_off_the_event_loop(
    at_hospital: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record may have thousands of resources, and the scope is asked for each type alone."""
    who, _ = at_hospital.person()
    for value in (70, 71, 72):
        at_hospital.weight(who, value)
    threads: set[threading.Thread] = set()
    asked: list[str] = []
    reaches = Visit.reaches

    def parsing(raw: bytes) -> list[tuple[str, str]]:
        threads.add(threading.current_thread())
        return parameters_of(raw)

    def reaching(visit: Visit, interaction: Interaction, type_: str) -> bool:
        threads.add(threading.current_thread())
        asked.append(type_)
        return reaches(visit, interaction, type_)

    monkeypatch.setattr(searches, "parameters_of", parsing)
    monkeypatch.setattr(Visit, "reaches", reaching)
    found = at_hospital.post(f"/fhir/Patient/{who}/$everything", {"resourceType": "Parameters"})
    assert found.json["total"] == 4
    assert sorted(asked) == ["Observation", "Patient"]
    assert not any(one.name == "service" for one in threads)


def test_conditional_create(at_hospital: Client) -> None:
    who, number = at_hospital.person()
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": NUMBERS, "value": number}],
        "gender": "female",
    }
    again = at_hospital.post(
        "/fhir/Patient", patient, **{"If-None-Exist": f"identifier={NUMBERS}|{number}"}
    )
    assert (again.status, again.json["id"]) == (200, who)
    condition = {"If-None-Exist": f"patient=Patient/{who}&code=29463-7"}
    first = at_hospital.post("/fhir/Observation", weight(who), **condition)
    second = at_hospital.post("/fhir/Observation", weight(who, 80), **condition)
    assert (first.status, second.status) == (201, 200)
    assert second.json["id"] == first.json["id"]
    at_hospital.weight(who, 90)
    several = at_hospital.post("/fhir/Observation", weight(who, 81), **condition)
    assert several.status == 412


def test_a_transaction_is_done_together(service: Running, at_hospital: Client) -> None:
    names = ["urn:uuid:0198c7a4-1111-7000-8000-00000000000" + end for end in "12"]
    Client.number += 1
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": NUMBERS, "value": f"N{Client.number}"}],
    }
    observation = weight("x") | {"subject": {"reference": names[0]}}
    parts: list[dict[str, Any]] = [
        {"fullUrl": names[1], "resource": observation, "request": part("POST", "Observation")},
        {"fullUrl": names[0], "resource": patient, "request": part("POST", "Patient")},
    ]
    answer = at_hospital.post("/fhir", bundle(parts))
    assert answer.status == 200, answer.text
    responses = answer.json["entry"]
    assert [one["response"]["status"] for one in responses] == ["201", "201"]
    who = responses[1]["resource"]["id"]
    assert responses[0]["resource"]["subject"]["reference"] == f"Patient/{who}"
    size = service.log.reader.checkpoint.size
    broken = [*parts, {"resource": weight("nobody"), "request": part("POST", "Observation")}]
    refused = at_hospital.post("/fhir", bundle(broken))
    assert refused.status == 422 and "Bundle.entry[2]" in outcome(refused)["details"]["text"]
    assert service.log.reader.checkpoint.size == size


def test_a_batch_is_done_part_by_part(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    parts = [
        {"resource": weight(who), "request": part("POST", "Observation")},
        {"resource": weight("nobody"), "request": part("POST", "Observation")},
        {"request": part("GET", f"Patient/{who}")},
        {"request": part("GET", f"Observation?patient={who}")},
    ]
    answer = at_hospital.post("/fhir", bundle(parts, "batch"))
    statuses = [one["response"]["status"] for one in answer.json["entry"]]
    assert statuses == ["201", "422", "200", "200"]
    assert answer.json["entry"][3]["resource"]["total"] == 1


def part(method: str, url: str) -> dict[str, str]:
    return {"method": method, "url": url}


def bundle(parts: list[dict[str, Any]], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": parts}


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        ("system/Patient.r", "/fhir/Observation/{id}", 403),
        ("system/Observation.s", "/fhir/Observation/{id}", 403),
        ("system/Observation.r", "/fhir/Observation/{id}", 200),
        ("system/Observation.r", "/fhir/Observation?patient={who}", 403),
        ("system/Observation.r", "/fhir/Observation/00000000-1", 404),
        ("system/Patient.r", "/fhir/Observation/00000000-1", 403),
    ],
)
def test_scope_comes_first(
    service: Running, at_hospital: Client, scopes: str, path: str, status: int
) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    narrow = Client(service, service.token("hospital", scopes))
    assert narrow.get(path.format(id=identity, who=who)).status == status


def test_without_a_token(service: Running) -> None:
    answer = service.get("/fhir/Patient/x")
    assert answer.status == 401 and outcome(answer)["code"] == "login"
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert service.get("/fhir/metadata").json["fhirVersion"] == "4.0.1"


def test_the_person_sees_who_looked(
    service: Running, at_hospital: Client, at_clinic: Client
) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    at_hospital.get(f"/fhir/Observation/{identity}")
    at_hospital.get(f"/fhir/Observation?patient={who}")
    at_clinic.get(f"/fhir/Observation/{identity}")
    record = service.log.reader.entry(int(who.partition("-")[2])).leaf.claim.chain
    name = f"person-{who}"
    service.enrol(name, "person", by="hospital", record=ChainId(record))
    person = Client(service, service.token(name, "patient/*.rs"))
    assert person.get(f"/fhir/Observation/{identity}").status == 200
    events = person.get(f"/fhir/AuditEvent?patient={who}").json
    assert events["total"] == 4
    shown = [one["resource"] for one in events["entry"]]
    assert [one["outcome"] for one in shown] == ["0", "8", "0", "0"]
    assert shown[3]["meta"]["profile"][0].endswith("PatientRead")
    assert shown[2]["meta"]["profile"][0].endswith("PatientQuery")
    users = [one["agent"][-1]["who"].get("display") for one in shown]
    assert users == [None, "clinic", "hospital", "hospital"]
    assert f"Observation/{identity}/_history/1" in json.dumps(shown[3]["entity"])
    again = person.get(f"/fhir/AuditEvent?patient={who}&outcome=8").json
    assert again["total"] == 1
    one = person.get(f"/fhir/AuditEvent/{shown[3]['id']}")
    assert one.json == shown[3]
    # Each look at the history is a reading too.
    assert person.get(f"/fhir/AuditEvent?patient={who}&_summary=count").json["total"] == 7
    assert at_hospital.get(f"/fhir/AuditEvent?patient={who}").json["total"] == 0
    assert at_hospital.get(f"/fhir/AuditEvent/{shown[3]['id']}").status == 404


def test_provenance_carries_signature_and_receipt(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    bundle_ = at_hospital.get(f"/fhir/Provenance?target=Observation/{identity}").json
    (found,) = [one["resource"] for one in bundle_["entry"]]
    assert [one["sigFormat"] for one in found["signature"]] == ["application/cose", "text/plain"]
    assert found["target"] == [{"reference": f"Observation/{identity}/_history/1"}]
    one = at_hospital.get(f"/fhir/Provenance/{found['id']}").json
    # The receipt is into the newest checkpoint.
    assert {**one, "signature": one["signature"][:1]} == {
        **found,
        "signature": found["signature"][:1],
    }
    assert at_hospital.get("/fhir/Provenance").status == 400


def test_a_strict_search_for_provenance_has_no_unknown_names(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    path = f"/fhir/Provenance?target=Patient/{who}&agent-role=author&nonsense=1"
    assert at_hospital.get(path).json["total"] == 1
    assert at_hospital.get(path, Prefer="handling=lenient").json["total"] == 1
    refused = at_hospital.get(path, Prefer="handling=strict")
    assert refused.status == 400
    assert refused.json["issue"][0]["code"] == "not-supported"
    known = f"/fhir/Provenance?target=Patient/{who}&_format=json"
    assert at_hospital.get(known, Prefer="handling=strict").json["total"] == 1
    # Nothing is passed over that R4 knows.
    since = f"/fhir/Provenance?target=Patient/{who}&recorded=gt2100"
    assert at_hospital.get(since, Prefer="handling=strict").status == 400


def test_directories_are_for_all_who_log_in(
    service: Running, at_hospital: Client, at_clinic: Client
) -> None:
    made = at_hospital.post(
        "/fhir/Practitioner",
        {
            "resourceType": "Practitioner",
            "identifier": [{"system": "urn:oid:1.2.3", "value": "D1"}],
            "name": [{"text": "森 一郎"}],
        },
    )
    assert made.status == 201
    found = at_clinic.get("/fhir/Practitioner?identifier=urn:oid:1.2.3%7CD1").json
    assert [one["resource"]["id"] for one in found["entry"]] == [made.json["id"]]
    answer = at_clinic.get(f"/fhir/Practitioner/{made.json['id']}")
    assert answer.status == 200 and "Access-Entry" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"", 422),
        (b"[]", 422),
        (b'{"resourceType":"Observation"}', 422),
        (b'{"resourceType":"Patient","gender":"bogus"}', 422),
        (b'{"resourceType":"Patient"}', 422),
        (b'{"resourceType":"Patient","resourceType":"Patient"}', 422),
        (b"[" * 100_000, 422),
        (b'{"resourceType":"Patient","x":' + b"9" * 10_000 + b"}", 422),
        ('{"resourceType":"Patient"}'.encode("utf-16"), 422),
    ],
)
def test_bad_bodies(at_hospital: Client, body: bytes, status: int) -> None:
    answer = at_hospital.post("/fhir/Patient", body)
    assert answer.status in (400, status)
    outcome(answer)


def test_what_the_log_tells_nobody_sends(at_hospital: Client) -> None:
    answer = at_hospital.post("/fhir/AuditEvent", {"resourceType": "AuditEvent"})
    assert answer.status == 405
    assert at_hospital.get("/fhir/Nonsense?patient=x").status == 404


def test_prefer(at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    minimal = at_hospital.post("/fhir/Observation", weight(who), Prefer="return=minimal")
    assert (minimal.status, minimal.body) == (201, b"")
    said = at_hospital.post("/fhir/Observation", weight(who, 3), Prefer="return=OperationOutcome")
    assert said.json["resourceType"] == "OperationOutcome"
    strict = at_hospital.service.ask(
        "GET",
        f"/fhir/Observation?patient={who}&bogus=1",
        headers={"Prefer": "handling=strict"},
        token=at_hospital.token,
    )
    assert strict.status == 400
    assert at_hospital.get(f"/fhir/Observation?patient={who}&bogus=1").status == 200


def test_the_same_bytes_again_are_the_same_resource(service: Running, at_hospital: Client) -> None:
    who, _ = at_hospital.person()
    first = at_hospital.post("/fhir/Observation", weight(who))
    size = service.log.reader.checkpoint.size
    again = at_hospital.post("/fhir/Observation", weight(who))
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert service.log.reader.checkpoint.size == size


def test_nothing_personal_is_logged(service: Running, at_hospital: Client) -> None:
    who, number = at_hospital.person()
    at_hospital.get(f"/fhir/Observation?patient.identifier={NUMBERS}%7C{number}")
    at_hospital.get(f"/fhir/Patient/{who}")
    text = service.lines.getvalue()
    assert "/fhir/{type" in text
    assert who not in text and NUMBERS not in text and at_hospital.token not in text


def test_pages_are_cut_by_size_too(at_hospital: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    for number in range(3):
        at_hospital.weight(who, 60 + number)
        changed = weight(who, 70 + number, id=identity)
        assert at_hospital.put(f"/fhir/Observation/{identity}", changed).status == 200
    for module in (searches, histories):
        monkeypatch.setattr(module, "PAGE_BYTES", 500)
    bundle_ = at_hospital.get(f"/fhir/Observation?patient={who}").json
    found = [one["resource"]["id"] for one in bundle_["entry"]]
    while nexts := [one["url"] for one in bundle_["link"] if one["relation"] == "next"]:
        bundle_ = at_hospital.get(nexts[0].removeprefix(at_hospital.service.url)).json
        found += [one["resource"]["id"] for one in bundle_["entry"]]
        assert len(bundle_["entry"]) == 1
    assert (len(found), len(set(found)), bundle_["total"]) == (4, 4, 4)
    history = at_hospital.get(f"/fhir/Observation/{identity}/_history").json
    assert (history["total"], len(history["entry"])) == (4, 1)
    assert history["entry"][0]["resource"]["meta"]["versionId"] == "4"


def test_the_person_takes_home_what_proves_the_list(
    service: Running, at_hospital: Client, at_clinic: Client
) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    at_hospital.get(f"/fhir/Observation/{identity}")
    entry = service.log.reader.entry(int(who.partition("-")[2]))
    record = ChainId(entry.leaf.claim.chain)
    draft = Draft(record, b'{"resourceType":"Basic"}', header={"state": "unapproved"})
    (hidden,) = service.log.append([service.members["hospital"].author.entry(draft)])
    assert isinstance(hidden, Appended)
    service.log.publish()
    name = f"person-{who}"
    service.enrol(name, "person", by="hospital", record=record)
    token = service.token(name, "ledger/read")
    evidence = service.get(f"/v1/records/{record.hex()}/evidence", token)
    assert evidence.status == 200, evidence.text
    policy = policy_of_keys(parse_verifier_key(text) for text in service.vkeys)
    assert check_evidence(evidence.body, policy, time.time_ns() // 1_000_000).verified
    assert service.get(f"/v1/records/{record.hex()}/accesses", token).status == 200
    shown = service.get(f"/v1/entries/{identity.partition('-')[2]}/content", token)
    assert shown.status == 200
    assert service.get(f"/v1/entries/{hidden.index}/content", token).status == 404
    assert service.get(f"/v1/entries/{hidden.index}/content", hospital_read(service)).status == 200
    other, _ = at_clinic.person(CLINIC_NUMBERS)
    stranger = service.log.reader.entry(int(other.partition("-")[2])).leaf.claim.chain
    assert service.get(f"/v1/records/{stranger.hex()}/evidence", token).status == 404


def hospital_read(service: Running) -> str:
    return service.token("hospital", "ledger/read")


def test_provenance_says_for_whom_a_resource_was_deleted(
    service: Running, at_hospital: Client
) -> None:
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    assert at_hospital.delete(f"/fhir/Observation/{identity}").status == 204
    bundle_ = at_hospital.get(f"/fhir/Provenance?target=Observation/{identity}").json
    gone, made = (one["resource"] for one in bundle_["entry"])
    assert [one["activity"]["coding"][0]["code"] for one in (gone, made)] == ["DELETE", "CREATE"]
    # The gateway signed both, on behalf of the hospital.
    assert gone["agent"] == made["agent"]
    assert service.members["hospital"].actor.hex() in json.dumps(gone["agent"])


def test_the_person_sees_for_which_institution_somebody_looked(
    service: Running, at_hospital: Client
) -> None:
    """Also where the name of who asked says nothing: a program, a member of staff."""
    who, _ = at_hospital.person()
    identity = at_hospital.weight(who)
    service.enrol("c1", "gateway", by="hospital")
    token = service.token("c1", "system/*.rs")
    assert service.get(f"/fhir/Observation/{identity}", token).status == 200
    record = ChainId(service.log.reader.entry(int(identity.rpartition("-")[2])).leaf.claim.chain)
    name = f"seeing-{who}"
    service.enrol(name, "person", by="hospital", record=record)
    person = Client(service, service.token(name, "patient/*.rs"))
    events = person.get(f"/fhir/AuditEvent?patient={who}").json["entry"]
    agents = [one["resource"]["agent"] for one in events]
    client, hospital = (service.members[one].actor.hex() for one in ("c1", "hospital"))
    seen = [[one["who"]["identifier"]["value"] for one in ones] for ones in agents]
    assert any(client in ones and hospital in ones for ones in seen)


def test_the_self_link_of_events_says_what_was_understood(
    service: Running, at_hospital: Client
) -> None:
    who, _ = at_hospital.person()
    record = ChainId(service.log.reader.entry(int(who.rpartition("-")[2])).leaf.claim.chain)
    name = f"linked-{who}"
    service.enrol(name, "person", by="hospital", record=record)
    person = Client(service, service.token(name, "patient/*.rs"))
    found = person.get("/fhir/AuditEvent?outcome=8&foo=bar&date=ge2020").json
    link = found["link"][0]["url"].partition("/fhir/")[2]
    assert link == f"AuditEvent?patient=Patient/{who}&outcome=8&date=ge2020"


def test_a_scope_that_is_missing_is_named(service: Running) -> None:
    narrow = Client(service, service.token("hospital", "system/Patient.rs"))
    refused = narrow.get("/fhir/Observation/x")
    assert refused.status == 403
    assert "user/Observation.r" in refused.json["issue"][0]["diagnostics"]
    assert "ledger/read" in narrow.get("/v1/log").json["hint"]


def test_an_author_names_no_institution_but_its_own(service: Running, at_hospital: Client) -> None:
    """Who signs in the log itself can say for whom; of another institution nobody believes it."""
    who, _ = at_hospital.person()
    entry = service.log.reader.entry(int(who.rpartition("-")[2]))
    record = ChainId(entry.leaf.claim.chain)
    doctor = service.members["dr-mori"].actor
    header = Header(
        CBOR, purpose="TREAT", on_behalf_of=doctor, entries=(Hash(leaf_hash(entry.raw)),)
    )
    for author in ("clinic", "hospital"):
        draft = Draft(record, b"", CBOR, Kind.ACCESS, header.encode())
        (outcome,) = service.log.append([service.members[author].author.entry(draft)])
        assert isinstance(outcome, Appended), outcome
    name = f"named-{who}"
    service.enrol(name, "person", by="hospital", record=record)
    person = Client(service, service.token(name, "patient/*.rs"))
    events = [
        one["resource"] for one in person.get(f"/fhir/AuditEvent?patient={who}").json["entry"]
    ]
    client, hospital = (service.members[one].actor.hex() for one in ("clinic", "hospital"))
    by_author = {one["agent"][0]["who"]["identifier"]["value"]: one["agent"][3:] for one in events}
    assert by_author[client] == []
    assert [one["who"]["identifier"]["value"] for one in by_author[hospital]] == [hospital]
