"""Resources that say more of themselves than their sender may: identity, version, time, whose."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.hostile import (
    HOSPITAL,
    NOBODY,
    Party,
    bundle,
    new_number,
    observation,
    patient,
    person_of,
    record_of,
    unchanged,
)
from tests.api.running import Running


def test_identity_version_and_time_are_the_services(hospital: Party) -> None:
    who, _ = hospital.patient()
    other = hospital.made(observation(who))
    meta = {"versionId": "99", "lastUpdated": "1999-01-01T00:00:00Z", "source": "urn:x"}
    body = observation(who, id=other, meta=meta, status="preliminary")
    made = hospital.ask("POST", "/fhir/Observation", body)
    assert made.status == 201
    assert made.json["id"] != other and made.json["id"] in made.headers["Location"]
    assert made.json["meta"]["versionId"] == "1" and made.json["meta"]["source"] == "urn:x"
    assert not made.json["meta"]["lastUpdated"].startswith("1999")
    assert hospital.get(f"/fhir/Observation/{other}").json["status"] == "final"


def test_an_id_that_the_service_made_is_nobody_s_name(hospital: Party) -> None:
    """Whoever sends a Patient under another's id is not found by it."""
    victim, _ = hospital.patient()
    taken = hospital.ask("POST", "/fhir/Patient", patient((HOSPITAL, new_number()), id=victim))
    assert taken.status == 201
    made = hospital.made(observation(victim))
    assert record_of(hospital.service.log, made) == record_of(hospital.service.log, victim)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Patient","id":"a","id":"b"}',
        b'{"resourceType":"Patient","identifier":[],"identifier":[{"system":"a","value":"b"}]}',
        b'{"resourceType":"Patient","meta":{"versionId":"1","versionId":"2"}}',
        b'{"resourceType":"Observation","\\u0069d":"a","id":"b"}',
        b'{"resourceType":"Patient","__proto__":{"a":1}}',
        b'{"resourceType":["Patient"]}',
        b'{"resourceType":"Patient","identifier":{"system":"a","value":"b"}}',
        b'{"resourceType":"Patient","meta":[],"identifier":[{"system":"a","value":"b"}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":1}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":NaN}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":"\\ud800"}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":"\\u0000"}]}',
        b'\xef\xbb\xbf{"resourceType":"Patient","identifier":[{"system":"a","value":"b"}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":"\xff"}]}',
        b'{"resourceType":"Patient","identifier":[{"system":"a","value":"b"}]}{}',
    ],
)
def test_what_two_readers_would_read_differently(
    service: Running, hospital: Party, body: bytes
) -> None:
    with unchanged(service):
        answer = hospital.ask("POST", "/fhir/Patient", body)
    assert answer.status in (400, 422), answer.text
    assert answer.json["resourceType"] == "OperationOutcome"


def test_numbers_that_look_alike_are_different_persons(service: Running, hospital: Party) -> None:
    """Never matched by likeness: NFC and NFD, width, case, a space at the end."""
    base = new_number()
    alike = [base + end for end in ("é", "e\u0301", "１", "1", "a", "A", "\u200b", "а")]
    records = set()
    for number in alike:
        made = hospital.made(patient((HOSPITAL, number)))
        records.add(record_of(service.log, made))
    assert len(records) == len(alike)


@pytest.mark.parametrize("number", ["", " ", "x ", " x", "x\ty"])
def test_numbers_with_space_around_are_refused_or_their_own(
    service: Running, hospital: Party, number: str
) -> None:
    plain = hospital.ask("POST", "/fhir/Patient", patient((HOSPITAL, f"{number.strip()}!")))
    assert plain.status in (200, 201)
    answer = hospital.ask("POST", "/fhir/Patient", patient((HOSPITAL, number and f"{number}!")))
    assert answer.status in (200, 201, 422)
    if answer.status == 201 and number.strip() != number:
        one, other = plain.json["id"], answer.json["id"]
        assert record_of(service.log, one) != record_of(service.log, other)


def test_a_part_goes_nowhere_that_its_own_request_would_not(
    service: Running, hospital: Party
) -> None:
    """A person's transaction with a part in somebody else's record writes nothing at all."""
    mine, _ = hospital.patient()
    other, number = hospital.patient()
    person = person_of(service, mine, "transactions")
    parts: list[tuple[str, str, Any]] = [
        ("POST", "Observation", observation(other)),
        ("POST", "Observation", observation({"identifier": {"system": HOSPITAL, "value": number}})),
        ("PUT", f"Patient/{other}", patient((HOSPITAL, number), id=other)),
        ("DELETE", f"Patient/{other}", None),
        ("GET", f"Patient/{other}", None),
        ("GET", f"Patient/{NOBODY}", None),
    ]
    good = ("POST", "Observation", observation(mine, note=[{"text": "mine"}]))
    for part in parts:
        answer = person.ask("POST", "/fhir", bundle(good, part))
        assert answer.status in (404, 422), (part, answer.text)
        assert other not in answer.text and number not in answer.text
    assert person.get(f"/fhir/Observation?patient={mine}").json["total"] <= 1


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        ("patient/Observation.rs", "POST", "Observation"),
        ("patient/Observation.c", "GET", "Observation/{id}"),
        ("patient/Observation.rs", "GET", "Patient/{who}/$everything"),
        ("patient/Patient.r", "GET", "Patient/{who}/$everything"),
        ("patient/Observation.rs", "GET", "AuditEvent?patient={who}"),
        ("patient/Observation.rs", "GET", "Provenance?target=Observation/{id}"),
        ("patient/Observation.cruds", "DELETE", "Patient/{who}"),
        ("patient/Observation.rs", "GET", "Patient?_id={who}&_revinclude=Observation:patient"),
    ],
)
def test_no_way_around_a_scope(
    service: Running, hospital: Party, scopes: str, method: str, path: str
) -> None:
    who, _ = hospital.patient()
    identity = hospital.made(observation(who))
    name = f"narrow-{who}"
    person_of(service, who, name)
    narrow = Party(service, name, HOSPITAL, scopes)
    path = path.format(id=identity, who=who)
    body = observation(who) if method == "POST" else None
    with unchanged(service):
        assert narrow.ask(method, f"/fhir/{path}", body).status == 403
        # An operation is no part of a Bundle.
        refused = 422 if "$" in path else 403
        assert narrow.ask("POST", "/fhir", bundle((method, path, body))).status == refused


def test_includes_stay_within_the_scope(service: Running, hospital: Party) -> None:
    who, _ = hospital.patient()
    hospital.made(observation(who))
    narrow = Party(service, "hospital", HOSPITAL, "system/Observation.rs")
    found = narrow.get(f"/fhir/Observation?patient={who}&_include=Observation:patient").json
    assert [one["resource"]["resourceType"] for one in found["entry"]] == ["Observation"]
    other = Party(service, "hospital", HOSPITAL, "system/Patient.rs")
    back = other.get(f"/fhir/Patient?_id={who}&_revinclude=Observation:patient").json
    assert [one["resource"]["resourceType"] for one in back["entry"]] == ["Patient"]
    whole = other.get(f"/fhir/Patient/{who}/$everything").json
    assert [one["resource"]["resourceType"] for one in whole["entry"]] == ["Patient"]


def test_references_lead_out_of_no_record(service: Running, hospital: Party) -> None:
    """What is written into a reference is not followed into another's record."""
    mine, _ = hospital.patient()
    other, _ = hospital.patient()
    secret = hospital.made(observation(other, status="preliminary"))
    person = person_of(service, mine, f"references-{mine}")
    references = [{"reference": f"Observation/{secret}"}, {"reference": f"Patient/{other}"}]
    made = person.made(observation(mine, hasMember=references[:1], focus=references[1:]))
    found = person.get(
        f"/fhir/Observation?patient={mine}&_include=Observation:has-member"
        "&_include=Observation:focus"
    ).json
    assert [one["resource"]["id"] for one in found["entry"]] == [made]


def test_nobody_has_read_anything_of_what_was_refused(service: Running, hospital: Party) -> None:
    """What a condition found was read, and a later part refused it all: the record told of an
    access that nobody had.
    """
    who, number = hospital.patient()
    part = {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={HOSPITAL}|{number}"}
    request = bundle(("POST", "Observation", observation(NOBODY)))
    there = {"resource": patient((HOSPITAL, number)), "request": part}
    with unchanged(service):
        assert (
            hospital.ask("POST", "/fhir", request | {"entry": [there, *request["entry"]]}).status
            == 422
        )
    answer = hospital.ask("POST", "/fhir", request | {"entry": [there]})
    assert answer.json["entry"][0]["resource"]["id"] == who
    assert answer.headers["Access-Entry"]
