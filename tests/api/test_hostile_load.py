"""Requests that cost more than they should: refused, or done in a time that a test can wait for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.hostile import (
    HOSPITAL,
    Party,
    bundle,
    new_number,
    observation,
    patient,
    record_of,
    unchanged,
)
from tests.api.running import Running

SLOW_S = 5.0
"""What is measured here takes a tenth of it; without its bound, minutes."""


@pytest.fixture(scope="module")
def full(hospital: Party) -> str:
    """A patient whose observations have as many codes as an index keeps."""
    who, _ = hospital.patient()
    codes = [{"system": "urn:x", "code": f"c{number}"} for number in range(256)]
    parts: list[tuple[str, str, Any]] = [
        ("POST", "Observation", observation(who, code={"coding": codes, "text": str(number)}))
        for number in range(100)
    ]
    assert hospital.ask("POST", "/fhir", bundle(*parts)).status == 200
    return who


def test_hundreds_of_codes_among_hundreds(hospital: Party, full: str) -> None:
    wanted = ",".join(f"a{number}" for number in range(511))
    began = time.process_time()
    none = hospital.get(f"/fhir/Observation?patient={full}&code={wanted}&_summary=count")
    rest = hospital.get(f"/fhir/Observation?patient={full}&code:not={wanted}&_summary=count")
    assert (none.json["total"], rest.json["total"]) == (0, 100)
    assert time.process_time() - began < SLOW_S / 2


@pytest.mark.parametrize(
    "query",
    [
        "code=" + ",".join(["a"] * 513),
        "&".join(["code=a"] * 64),
        "date=" + ",".join(["2026"] * 65),
        "&".join([f"encounter=Encounter/{number}" for number in range(40)] * 2),
        "code=" + "a" * 7_000 + "&" + "x" * 900 + "=1",
        "_sort=" + ",".join(["date"] * 600),
        "_count=99999999999",
        "_count=-1",
    ],
)
def test_too_much_to_look_for(hospital: Party, full: str, query: str) -> None:
    began = time.process_time()
    answer = hospital.get(f"/fhir/Observation?patient={full}&{query}")
    assert answer.status in (200, 400)
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert time.process_time() - began < SLOW_S


def test_includes_by_the_dozen(hospital: Party, full: str) -> None:
    query = "&_include=Observation:patient" * 31 + "&_include=Observation:subject" * 31
    began = time.process_time()
    answer = hospital.get(f"/fhir/Observation?patient={full}&_count=1000{query}")
    assert len(answer.json["entry"]) == 101
    back = hospital.get(f"/fhir/Patient?_id={full}" + "&_revinclude=Observation:patient" * 62)
    assert len(back.json["entry"]) == 101
    assert time.process_time() - began < SLOW_S


def test_a_patient_has_few_identifiers(service: Running, hospital: Party) -> None:
    """Each is an entry; 20,000 of them fit into a body."""
    numbers = [(HOSPITAL, new_number()) for _ in range(65)]
    who, number = hospital.patient()
    with unchanged(service):
        for method, path, body in (
            ("POST", "/fhir/Patient", patient(*numbers)),
            ("PUT", f"/fhir/Patient/{who}", patient((HOSPITAL, number), *numbers, id=who)),
        ):
            answer = hospital.ask(method, path, body)
            assert answer.status == 422 and "more than 64 identifiers" in answer.text
    assert hospital.ask("POST", "/fhir/Patient", patient(*numbers[:64])).status == 201


def test_a_bundle_has_so_many_parts(service: Running, hospital: Party, full: str) -> None:
    part = ("GET", f"Patient/{full}", None)
    with unchanged(service):
        for kind in ("transaction", "batch"):
            answer = hospital.ask("POST", "/fhir", bundle(*[part] * 4_097, kind=kind))
            assert answer.status == 422 and "more than 4096" in answer.text


def test_a_long_transaction_keeps_nobody_from_opening_records(
    service: Running, hospital: Party, full: str
) -> None:
    """It held the one lock under which records are opened, Patient or not."""
    parts: list[tuple[str, str, Any]] = [
        ("POST", "Observation", observation(full, note=[{"text": str(number)}]))
        for number in range(600)
    ]
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(hospital.ask, "POST", "/fhir", bundle(*parts))
        time.sleep(0.05)
        hospital.patient()
        assert not long.done()
        assert long.result().status == 200


def test_a_number_is_linked_once_whoever_is_first(service: Running, hospital: Party) -> None:
    """Creating a Patient and changing another one race for the same number."""
    for _ in range(8):
        who, number = hospital.patient()
        wanted = (HOSPITAL, new_number())
        changed = patient((HOSPITAL, number), wanted, id=who)
        with ThreadPoolExecutor(2) as pool:
            put = pool.submit(hospital.ask, "PUT", f"/fhir/Patient/{who}", changed)
            post = pool.submit(hospital.ask, "POST", "/fhir/Patient", patient(wanted))
            answers = put.result(), post.result()
        if [one.status for one in answers] == [200, 201]:
            # The first was first, and the new Patient is of its record.
            created = answers[1].json["id"]
            assert record_of(service.log, created) == record_of(service.log, who)
        else:
            assert [one.status for one in answers] == [422, 201]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"resourceType":"Observation","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"resourceType":"Observation","status":"' + b"\\" * 1_000_001 + b'"}',
        b'{"resourceType":"Observation","valueInteger":' + b"9" * 1_000_000 + b"}",
        b'{"resourceType":"Observation","valueQuantity":{"value":1e999999999}}',
        b'{"resourceType":"Observation",' + b'"a":1,' * 200_000 + b'"b":1}',
        b'{"resourceType":"Observation","effectiveDateTime":"' + b"2" * 1_000_000 + b'"}',
        b'{"resourceType":"Observation","subject":{"reference":"' + b"Patient/" * 100_000 + b'"}}',
        b'{"resourceType":"Patient","identifier":[' + b"{}," * 300_000 + b"{}]}",
        b'{"resourceType":"Bundle","type":"batch","entry":[' + b"{}," * 300_000 + b"{}]}",
    ],
)
@pytest.mark.parametrize("path", ["/fhir/Observation", "/fhir"])
def test_bodies_that_unfold(service: Running, hospital: Party, path: str, body: bytes) -> None:
    began = time.process_time()
    with unchanged(service):
        answer = hospital.ask("POST", path, body)
    assert answer.status in (400, 422), answer.text[:200]
    assert answer.json["resourceType"] == "OperationOutcome"
    assert time.process_time() - began < SLOW_S
