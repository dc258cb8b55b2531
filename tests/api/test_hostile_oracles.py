"""What exists is not told to whoever may not know; where an answer must tell it, that is noted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.hostile import (
    CLINIC,
    FORM,
    HOSPITAL,
    NOBODY,
    Party,
    bundle,
    logical,
    observation,
    patient,
    person_of,
    same,
    unchanged,
    wait_for_denial,
)
from tests.api.running import Answer, Running


@pytest.fixture(scope="module")
def victim(hospital: Party) -> tuple[str, str, str]:
    """Ids of a patient of the hospital, an observation with two versions, and a retracted one."""
    who, _ = hospital.patient()
    weight = hospital.made(observation(who))
    changed = observation(who, id=weight, status="amended")
    assert hospital.ask("PUT", f"/fhir/Observation/{weight}", changed).status == 200
    gone = hospital.made(observation(who, status="preliminary"))
    assert hospital.ask("DELETE", f"/fhir/Observation/{gone}").status == 204
    return who, weight, gone


def strangers(service: Running, hospital: Party, clinic: Party) -> list[Party]:
    other, _ = hospital.patient()
    return [clinic, person_of(service, other, f"stranger-{other}")]


PATHS = (
    "Observation/{id}",
    "Observation/{id}/_history",
    "Observation/{id}/_history/1",
    "Observation/{id}/_history/99",
    "Patient/{id}",
    "Patient/{id}/$everything",
    "Patient/{id}/$everything?_type=Observation",
    "Condition/{id}",
    "AuditEvent/{id}",
    "Provenance/{id}",
    "Provenance?target=Observation/{id}",
    "Provenance?target=Observation/{id}/_history/1",
    "AuditEvent?patient=Patient/{id}",
    "Observation?patient=Patient/{id}",
    "Observation?patient=Patient/{id}&_summary=count",
    "Observation?patient=Patient/{id}&_include=Observation:patient",
    "Observation?patient=Patient/{id}&_count=0",
    "Observation?_id={id}",
    "Patient?_id={id}",
    "Patient?_id={id}&_revinclude=Observation:patient",
    "Encounter?subject=Patient/{id}&status=finished",
    "Patient/{id}/Observation",
    "Patient/{id}/Observation?_summary=count",
    "Patient/{id}/Encounter?status=finished",
)


@pytest.mark.parametrize("path", PATHS)
def test_reading(
    service: Running, hospital: Party, clinic: Party, victim: tuple[str, str, str], path: str
) -> None:
    """Whatever a stranger asks for by an id, it is the answer for an id that nobody has."""
    for stranger in strangers(service, hospital, clinic):
        for identity in victim:
            there = stranger.get("/fhir/" + path.format(id=identity))
            absent = stranger.get("/fhir/" + path.format(id=NOBODY))
            told = Answer(
                there.status, there.headers, there.body.replace(identity.encode(), NOBODY.encode())
            )
            told = Answer(told.status, _sized(told, absent), told.body)
            assert same(told, absent), (stranger.name, path)
            assert "Access-Entry" not in there.headers


def _sized(one: Answer, other: Answer) -> dict[str, str]:
    """Headers of the one, as long as its body is now."""
    return {**one.headers, "Content-Length": str(len(one.body))}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("condition", [None, 'W/"1"', 'W/"99"', "nonsense"])
def test_changing(
    service: Running,
    hospital: Party,
    clinic: Party,
    victim: tuple[str, str, str],
    method: str,
    condition: str | None,
) -> None:
    """A condition, a version or a retraction says nothing either."""
    headers = {} if condition is None else {"If-Match": condition}
    for stranger in strangers(service, hospital, clinic):
        answers = []
        for identity in (*victim, NOBODY):
            body = observation(identity, id=identity) if method == "PUT" else None
            answers.append(stranger.ask(method, f"/fhir/Observation/{identity}", body, **headers))
            part = (method, f"Observation/{identity}", body)
            assert stranger.ask("POST", "/fhir", bundle(part)).status == 404
            batch = stranger.ask("POST", "/fhir", bundle(part, kind="batch"))
            assert batch.json["entry"][0]["response"]["status"] == "404"
        assert all(same(one, answers[-1]) for one in answers)
        assert answers[-1].status == 404


def test_batch_reads(clinic: Party, victim: tuple[str, str, str]) -> None:
    for url in ("Observation/{id}", "Patient?_id={id}", "Observation?patient={id}"):
        answers = []
        for identity in (*victim, NOBODY):
            answer = clinic.ask(
                "POST", "/fhir", bundle(("GET", url.format(id=identity), None), kind="batch")
            )
            answers.append(answer.text.replace(identity, NOBODY))
        assert len(set(answers)) == 1


def test_a_stranger_beside_a_patient_of_ones_own(
    service: Running, hospital: Party, clinic: Party
) -> None:
    """A search about two persons would say that the second one exists."""
    own, number = clinic.patient()
    clinic.made(observation(own))
    who, theirs = hospital.patient()
    for names in (
        f"patient={own},{who}",
        f"patient={own},{NOBODY}",
        f"patient:identifier={CLINIC}%7C{number},{HOSPITAL}%7C{theirs}",
        f"patient:identifier={CLINIC}%7C{number},{HOSPITAL}%7Cnobody",
    ):
        found = clinic.get(f"/fhir/Observation?{names}")
        assert (found.status, found.json["total"]) == (200, 1), found.text
        assert who not in found.text and theirs not in found.text
        form = clinic.ask("POST", "/fhir/Observation/_search", names.encode(), **FORM)
        assert form.json["total"] == 1
        condition = clinic.ask(
            "POST", "/fhir/Observation", observation(own), If_None_Exist=names.replace("%7C", "|")
        )
        assert condition.status == 200
    (denied,) = wait_for_denial(service, who)
    assert denied.on_behalf_of == service.members["clinic"].actor


def test_moving_ones_own_resource_to_another(
    service: Running, hospital: Party, clinic: Party
) -> None:
    own, _ = clinic.patient()
    identity = clinic.made(observation(own))
    who, theirs = hospital.patient()
    answers: dict[str, Answer] = {}
    subjects: dict[str, Any] = {
        "there": {"reference": f"Patient/{who}"},
        "absent": {"reference": f"Patient/{NOBODY}"},
        "there by number": logical(HOSPITAL, theirs),
        "absent by number": logical(HOSPITAL, "nobody"),
        "two": {"reference": f"Patient/{own}"} | logical(HOSPITAL, theirs),
    }
    with unchanged(service):
        for name, subject in subjects.items():
            body = observation(subject, id=identity)
            answers[name] = clinic.ask("PUT", f"/fhir/Observation/{identity}", body)
    assert answers["absent"].status == 422
    assert all(same(one, answers["absent"]) for one in answers.values())


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("way", ["alone", "beside an own number", "beside a reference"])
@pytest.mark.parametrize("kind", ["create", "transaction"])
def test_whoever_asks_by_linking_is_noted(
    service: Running, hospital: Party, clinic: Party, kind: str, way: str, conditional: bool
) -> None:
    """That a number is taken cannot be hidden from who links it. It leaves a trace in the record
    that it is about, also where nothing is written.
    """
    who, theirs = hospital.patient()
    own, number = clinic.patient()
    body = {
        "alone": patient((HOSPITAL, theirs)),
        "beside an own number": patient((CLINIC, number), (HOSPITAL, theirs)),
        "beside a reference": observation(
            {"reference": f"Patient/{own}"} | logical(HOSPITAL, theirs)
        ),
    }[way]
    type_ = body["resourceType"]
    name = "identifier" if type_ == "Patient" else "patient:identifier"
    condition = f"{name}={HOSPITAL}|{theirs}"
    if kind == "create":
        headers = {"If_None_Exist": condition} if conditional else {}
        answer = clinic.ask("POST", f"/fhir/{type_}", body, **headers)
    else:
        request = bundle(("POST", type_, body))
        if conditional:
            request["entry"][0]["request"]["ifNoneExist"] = condition
        answer = clinic.ask("POST", "/fhir", request)
    assert answer.status == 422, answer.text
    assert "Location" not in answer.headers and who not in answer.text
    (denied,) = wait_for_denial(service, who)
    assert denied.on_behalf_of == service.members["clinic"].actor


def test_a_page_is_of_its_caller_and_of_the_scope_of_each_token(
    service: Running, hospital: Party, clinic: Party
) -> None:
    who, _ = hospital.patient()
    hospital.made(observation(who))
    bundle_ = hospital.get(f"/fhir/Patient/{who}/$everything?_count=1").json
    (link,) = (one["url"] for one in bundle_["link"] if one["relation"] == "next")
    path = link.removeprefix(service.url)
    absent = clinic.get(path.replace("_page=", "_page=x"))
    assert same(clinic.get(path), absent) and absent.status == 410
    narrow = Party(service, "hospital", HOSPITAL, "system/Patient.rs")
    assert "entry" not in narrow.get(path).json
    other_type = Party(service, "hospital", HOSPITAL, "system/Observation.rs")
    assert other_type.get(path).status == 403
    assert len(hospital.get(path).json["entry"]) == 1
