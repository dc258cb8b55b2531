"""fhirclient (the SMART client library, its R4 models) against the service, by what it offers to
its users, and what that leaves in the record.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from fhirclient.client import FHIRClient  # type: ignore[import-untyped]
from fhirclient.models.bundle import (  # type: ignore[import-untyped]
    Bundle,
    BundleEntry,
    BundleEntryRequest,
)
from fhirclient.models.fhirdate import FHIRDate  # type: ignore[import-untyped]
from fhirclient.models.observation import Observation  # type: ignore[import-untyped]
from fhirclient.models.patient import Patient  # type: ignore[import-untyped]
from fhirclient.models.practitioner import Practitioner  # type: ignore[import-untyped]
from fhirclient.server import (  # type: ignore[import-untyped]
    FHIRNotFoundException,
    FHIRPermissionDeniedException,
    FHIRUnauthorizedException,
)

from tests.api.logins import assertion
from tests.api.people import LOINC, NUMBERS, fresh_number, patient, weight
from tests.api.running import Running
from tests.api.traces import Trace


def logged_in(service: Running, scope: str) -> Any:
    """By the backend flow: fhirclient finds the token URL in the CapabilityStatement."""
    member = service.members["hospital"]
    smart = FHIRClient(
        settings={
            "app_id": member.actor.hex(),
            "api_base": service.url + "/fhir",
            "jwt_token": assertion(service, member.actor, member.login),
            "scope": scope,
        }
    )
    # Else it asks for the scope launch/patient too, which is for apps that a person starts.
    smart.wants_patient = False
    assert not smart.prepare()
    smart.authorize()
    assert smart.ready
    return smart


@pytest.fixture(scope="module")
def smart(service: Running) -> Any:
    return logged_in(service, "system/*.cruds")


@pytest.fixture
def person(smart: Any) -> Any:
    return made(smart, Patient(patient(fresh_number("C"))))


def made(smart: Any, resource: Any) -> Any:
    """As it stands then: fhirclient leaves it to its user to take the answer."""
    found = type(resource)(resource.create(smart.server))
    found.origin_server = smart.server
    return found


def answer_of(error: requests.HTTPError) -> requests.Response:
    assert error.response is not None
    return error.response


def weigh(smart: Any, person: Any, value: float, day: int = 1) -> Any:
    return made(smart, Observation(weight(f"Patient/{person.id}", value, day)))


def test_a_token_that_is_there_already(service: Running, smart: Any, person: Any) -> None:
    again = FHIRClient(state=smart.state)
    assert again.ready
    assert Patient.read(person.id, again.server).id == person.id


def test_create_read_update_and_delete(service: Running, smart: Any, person: Any) -> None:
    trace = Trace(service, person.id)
    first = weigh(smart, person, 72.5)
    assert (first.meta.versionId, first.subject.reference) == ("1", f"Patient/{person.id}")
    assert trace.new() == []

    found = Observation.read(first.id, smart.server)
    assert found.as_json() == first.as_json()
    assert found.valueQuantity.value == 72.5
    assert trace.new() == [(1, None)]

    found.valueQuantity.value = 71
    found.issued = None
    changed = Observation(found.update())
    assert (changed.meta.versionId, changed.valueQuantity.value) == ("2", 71)
    old = Observation.read_from(f"Observation/{first.id}/_history/1", smart.server)
    assert (old.meta.versionId, old.valueQuantity.value) == ("1", 72.5)
    assert trace.new() == [(1, None)]

    assert found.delete() is None
    with pytest.raises(requests.HTTPError) as gone:
        Observation.read(first.id, smart.server)
    assert answer_of(gone.value).status_code == 410
    past = Bundle.read_from(f"Observation/{first.id}/_history", smart.server)
    assert [one.request.method for one in past.entry] == ["DELETE", "PUT", "POST"]
    assert trace.new() == [(2, f"Observation/{first.id}/_history")]


def test_the_person_of_a_client(service: Running, smart: Any, person: Any) -> None:
    state = {**smart.state, "patient_id": person.id}
    theirs = FHIRClient(state=state)
    trace = Trace(service, person.id)
    assert smart.human_name(theirs.patient.name[0]) == "花子 佐藤"
    assert trace.new() == [(1, None)]


def test_references_are_resolved(service: Running, smart: Any, person: Any) -> None:
    found = weigh(smart, person, 70)
    trace = Trace(service, person.id)
    resolved = found.subject.resolved(Patient)
    assert resolved.as_json() == person.as_json()
    # A second time it is at hand.
    assert found.subject.resolved(Patient) is resolved
    assert trace.new() == [(1, None)]


def test_search(service: Running, smart: Any, person: Any) -> None:
    weights = [weigh(smart, person, 60 + day, day) for day in range(1, 6)]
    trace = Trace(service, person.id)
    search = Observation.where(
        {
            "patient": person.id,
            "code": f"{LOINC}|29463-7",
            "date": {"$and": ["ge2026-01-02", "lt2026-01-05"]},
            "_sort": "-date",
        }
    )
    found = list(search.perform_resources_iter(smart.server))
    assert [one.id for one in found] == [one.id for one in weights[3:0:-1]]
    either = Observation.where(
        {"subject": f"Patient/{person.id}", "status": {"$or": ["final", "x"]}}
    )
    assert len(list(either.perform_resources_iter(smart.server))) == 5
    assert [released for released, _ in trace.new()] == [3, 5]


def test_pages(service: Running, smart: Any, person: Any) -> None:
    weights = [weigh(smart, person, 60 + day, day) for day in range(1, 6)]
    trace = Trace(service, person.id)
    search = Observation.where({"patient": person.id, "_count": "2", "_sort": "date"})
    pages = list(search.perform_iter(smart.server))
    assert [len(one.entry) for one in pages] == [2, 2, 1]
    assert {one.total for one in pages} == {5}
    assert [entry.resource.id for page in pages for entry in page.entry] == [
        one.id for one in weights
    ]
    assert [released for released, _ in trace.new()] == [2, 2, 1]


def test_a_person_is_found_by_number(smart: Any) -> None:
    number = fresh_number("C")
    person = made(smart, Patient(patient(number)))
    search = Patient.where({"identifier": f"{NUMBERS}|{number}"})
    (found,) = search.perform_resources_iter(smart.server)
    assert found.as_json() == person.as_json()
    weigh(smart, person, 70)
    by_number = Observation.where({"patient": {"identifier": f"{NUMBERS}|{number}"}})
    assert len(list(by_number.perform_resources_iter(smart.server))) == 1


def test_includes(service: Running, smart: Any, person: Any) -> None:
    found = weigh(smart, person, 70)
    trace = Trace(service, person.id)
    search = Observation.where({"patient": person.id}).include("subject")
    (bundle,) = search.perform_iter(smart.server)
    assert [one.search.mode for one in bundle.entry] == ["match", "include"]
    # What the Bundle brought is not asked for again.
    assert bundle.entry[0].resource.subject.resolved(Patient).id == person.id
    search = Patient.where({"_id": person.id}).include("subject", Observation, reverse=True)
    assert [one.id for one in search.perform_resources_iter(smart.server)] == [person.id, found.id]
    assert [released for released, _ in trace.new()] == [2, 2]


def test_everything(service: Running, smart: Any, person: Any) -> None:
    found = weigh(smart, person, 70)
    trace = Trace(service, person.id)
    bundle = Bundle.read_from(f"Patient/{person.id}/$everything", smart.server)
    assert [one.resource.id for one in bundle.entry] == [person.id, found.id]
    assert trace.new() == [(2, f"Patient/{person.id}/$everything")]


def posted(resource: Any, url: str, name: str | None = None, **more: str) -> Any:
    entry = BundleEntry()
    entry.fullUrl = name
    entry.resource = resource
    entry.request = BundleEntryRequest({"method": "POST", "url": url, **more})
    return entry


def test_a_transaction(service: Running, smart: Any) -> None:
    name, number = "urn:uuid:0198c7a4-2222-7000-8000-000000000001", fresh_number("C")
    bundle = Bundle({"type": "transaction"})
    condition = f"identifier={NUMBERS}|{number}"
    bundle.entry = [
        posted(Patient(patient(number)), "Patient", name, ifNoneExist=condition),
        posted(Observation(weight(name, 70)), "Observation"),
    ]
    answer = Bundle(bundle.create(smart.server))
    assert answer.type == "transaction-response"
    assert [one.response.status for one in answer.entry] == ["201", "201"]
    who, found = (one.resource for one in answer.entry)
    assert found.subject.reference == f"Patient/{who.id}"
    assert answer.entry[1].response.location.endswith(f"Observation/{found.id}/_history/1")
    # Conditional: the person is there.
    trace = Trace(service, who.id)
    bundle.entry[1].resource.valueQuantity.value = 71
    again = Bundle(bundle.create(smart.server))
    assert [one.response.status for one in again.entry] == ["200", "201"]
    assert again.entry[0].resource.id == who.id
    assert again.entry[1].resource.subject.reference == f"Patient/{who.id}"
    assert trace.new() == [(1, None)]


def test_a_batch(smart: Any, person: Any) -> None:
    bundle = Bundle({"type": "batch"})
    bundle.entry = [
        posted(Observation(weight(f"Patient/{person.id}", 70)), "Observation"),
        posted(Observation(weight("Patient/nobody", 70)), "Observation"),
    ]
    answer = Bundle(bundle.create(smart.server))
    assert [one.response.status for one in answer.entry] == ["201", "422"]
    assert "leads to no patient" in answer.entry[1].response.outcome.issue[0].details.text


def test_a_directory(service: Running, smart: Any) -> None:
    doctor = made(smart, Practitioner({"identifier": [{"system": "urn:oid:1.2", "value": "D7"}]}))
    (found,) = Practitioner.where({"identifier": "urn:oid:1.2|D7"}).perform_resources_iter(
        smart.server
    )
    assert found.as_json() == doctor.as_json()


def test_refusals_are_what_fhirclient_raises(service: Running, smart: Any, person: Any) -> None:
    with pytest.raises(FHIRNotFoundException) as absent:
        Patient.read("00000000-1", smart.server)
    assert absent.value.response.json()["issue"][0]["code"] == "not-found"
    with pytest.raises(requests.HTTPError) as refused:
        Observation(weight("Patient/nobody", 70)).create(smart.server)
    assert answer_of(refused.value).status_code == 422
    assert answer_of(refused.value).json()["resourceType"] == "OperationOutcome"
    with pytest.raises(requests.HTTPError) as refused:
        list(Observation.where({"code": "29463-7"}).perform_iter(smart.server))
    assert "names no person" in answer_of(refused.value).json()["issue"][0]["details"]["text"]
    narrow = logged_in(service, "system/Patient.r")
    with pytest.raises(FHIRPermissionDeniedException):
        list(Observation.where({"patient": person.id}).perform_iter(narrow.server))
    stranger = FHIRClient(settings={"app_id": "x", "api_base": service.url + "/fhir"})
    with pytest.raises(FHIRUnauthorizedException):
        Patient.read(person.id, stranger.server)


def test_dates_come_back_as_they_were(smart: Any) -> None:
    born = Patient(patient(fresh_number("C")))
    born.birthDate = FHIRDate("1984-05-06")
    assert made(smart, born).birthDate.isostring == "1984-05-06"


def test_the_capability_statement_is_read(smart: Any) -> None:
    statement = smart.server.capabilityStatement
    (rest,) = statement.rest
    of_patient = next(one for one in rest.resource if one.type == "Patient")
    assert of_patient.conditionalRead == "full-support"
    assert {one.code for one in of_patient.interaction} >= {"create", "search-type"}
