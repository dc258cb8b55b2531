"""fhirpy against the service, by what it offers to its users, and what that leaves in the record.

Its users log in with a header. What it cannot do here, it is told so: the last tests.
"""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import (
    AuthorizationError,
    ForbiddenError,
    MultipleResourcesFound,
    OperationOutcome,
    ResourceNotFound,
)

from tests.api.people import LOINC, NUMBERS, fresh_number, patient, weight
from tests.api.running import Running
from tests.api.traces import Trace


@pytest.fixture(scope="module")
def client(service: Running) -> SyncFHIRClient:
    token = service.token("hospital", "system/*.cruds")
    return SyncFHIRClient(service.url + "/fhir", authorization=f"Bearer {token}")


@pytest.fixture
def person(client: SyncFHIRClient) -> Any:
    return client.resource(**as_given(patient(fresh_number("P")))).create()


def as_given(resource: dict[str, Any]) -> dict[str, Any]:
    """As ``Client.resource`` is called."""
    return {"resource_type": resource["resourceType"], **resource}


def weigh(client: SyncFHIRClient, person: Any, value: float, day: int = 1, **more: Any) -> Any:
    given = weight(person.reference, value, day, **more)
    return client.resource(**as_given(given)).create()


def test_create_read_update_and_delete(
    service: Running, client: SyncFHIRClient, person: Any
) -> None:
    trace = Trace(service, person.id)
    made = weigh(client, person, 72.5)
    assert (made.meta.versionId, made.subject.reference) == ("1", person.reference)
    assert trace.new() == []

    found: Any = client.reference("Observation", made.id).to_resource()
    assert found.serialize() == made.serialize()
    assert client.get("Observation", made.id)["valueQuantity"] == {"value": 72.5, "unit": "kg"}
    assert trace.new() == [(1, None), (1, None)]

    found["valueQuantity"]["value"] = 71
    found.save()
    assert found.meta.versionId == "2"
    assert trace.new() == []

    assert client.delete(found) is None
    with pytest.raises(ResourceNotFound, match="retracted"):
        client.get("Observation", made.id)
    past = client.execute(f"Observation/{made.id}/_history", method="get")
    assert [one["request"]["method"] for one in past["entry"]] == ["DELETE", "PUT", "POST"]
    assert [one["response"]["status"] for one in past["entry"]] == ["204", "200", "201"]
    assert trace.new() == [(2, f"Observation/{made.id}/_history")]


def test_references_are_resolved(service: Running, client: SyncFHIRClient, person: Any) -> None:
    made = weigh(client, person, 70)
    trace = Trace(service, person.id)
    assert person.to_reference(display="x").serialize() == {
        "reference": person.reference,
        "display": "x",
    }
    assert made["subject"].to_resource().serialize() == person.serialize()
    assert made.subject.to_resource() == person
    assert trace.new() == [(1, None), (1, None)]


def test_refresh_reads_only_what_is_new(
    service: Running, client: SyncFHIRClient, person: Any
) -> None:
    mine = weigh(client, person, 70)
    theirs = client.reference("Observation", mine.id).to_resource()
    trace = Trace(service, person.id)
    assert mine.refresh().meta.versionId == "1"
    assert trace.new() == [(0, mine.reference)]
    theirs["status"] = "amended"
    theirs.update()
    assert (mine.refresh().status, mine.meta.versionId) == ("amended", "2")
    assert trace.new() == [(1, None)]


def test_search(service: Running, client: SyncFHIRClient, person: Any) -> None:
    made = [weigh(client, person, 60 + day, day) for day in range(1, 6)]
    trace = Trace(service, person.id)
    weights = client.resources("Observation").search(patient=person, code=f"{LOINC}|29463-7")
    assert weights.count() == 5
    assert weights.sort("-date").first() == made[-1]
    assert weights.search(date__ge=datetime.date(2026, 1, 4)).fetch() == made[:2:-1]
    assert weights.search(status__not="final").fetch() == []
    assert weights.search(status=["final"], date__lt="2026-01-02").get() == made[0]
    with pytest.raises(MultipleResourcesFound):
        weights.get()
    with pytest.raises(ResourceNotFound):
        weights.search(date="2025").get()
    assert [released for released, _ in trace.new()] == [0, 1, 2, 0, 1, 2, 0]


def test_pages(service: Running, client: SyncFHIRClient, person: Any) -> None:
    made = [weigh(client, person, 60 + day, day) for day in range(1, 6)]
    trace = Trace(service, person.id)
    all_of_them = client.resources("Observation").search(subject=person).sort("date").limit(2)
    assert all_of_them.fetch_all() == made
    assert [released for released, _ in trace.new()] == [2, 2, 1]
    assert [one.id for one in all_of_them.fetch()] == [one.id for one in made[:2]]
    first = next(iter(all_of_them))
    assert first == made[0]


def test_a_person_is_found_by_number(client: SyncFHIRClient) -> None:
    number = fresh_number("P")
    made = client.resource(**as_given(patient(number))).create()
    weigh(client, made, 70)
    assert client.resources("Patient").search(identifier=f"{NUMBERS}|{number}").get() == made
    assert client.resources("Patient").search(_id=made.id).first() == made
    by_number = {"patient:identifier": f"{NUMBERS}|{number}"}
    assert client.resources("Observation").search(**by_number).count() == 1
    assert client.resources("Observation").search(patient__identifier=f"{NUMBERS}|{number}").count()


def test_includes(service: Running, client: SyncFHIRClient, person: Any) -> None:
    made = weigh(client, person, 70)
    trace = Trace(service, person.id)
    bundle = (
        client.resources("Observation")
        .search(patient=person)
        .include("Observation", "patient")
        .fetch_raw()
    )
    assert [(one.resource, one.search.mode) for one in bundle.entry] == [
        (made, "match"),
        (person, "include"),
    ]
    bundle = (
        client.resources("Patient")
        .search(_id=person.id)
        .revinclude("Observation", "subject")
        .fetch_raw()
    )
    assert [one.resource for one in bundle.entry] == [person, made]
    assert [released for released, _ in trace.new()] == [2, 2]


def test_everything(service: Running, client: SyncFHIRClient, person: Any) -> None:
    made = weigh(client, person, 70)
    trace = Trace(service, person.id)
    for method in ("get", "post"):
        bundle = person.execute("$everything", method=method)
        assert [one["resource"]["id"] for one in bundle["entry"]] == [person.id, made.id]
    asked = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueString": "Observation"}],
    }
    (only,) = person.to_reference().execute("$everything", data=asked)["entry"]
    assert only["resource"]["id"] == made.id
    everything = f"{person.reference}/$everything"
    assert trace.new() == [(2, everything), (2, everything), (1, everything)]


def test_get_or_create(service: Running, client: SyncFHIRClient) -> None:
    number = fresh_number("P")
    known = client.resources("Patient").search(identifier=f"{NUMBERS}|{number}")
    given = client.resource(**as_given(patient(number)))
    made, is_new = known.get_or_create(given)
    assert is_new
    trace = Trace(service, made.id)
    again, is_new = known.get_or_create(client.resource(**as_given(patient(number, gender="male"))))
    assert (again, again.gender, is_new) == (made, "female", False)
    # What was there is shown, which is reading it.
    assert trace.new() == [(1, None)]
    other = client.resource(**as_given(patient(number, birthDate="1980-01-01")))
    assert other.create(identifier=f"{NUMBERS}|{number}") == made
    weigh(client, made, 70)
    weigh(client, made, 71)
    several = client.resources("Observation").search(patient=made)
    with pytest.raises(MultipleResourcesFound, match="several resources fit"):
        several.get_or_create(client.resource(**as_given(weight(made.reference, 72))))
    assert several.count() == 2


def test_what_a_search_finds_is_updated(service: Running, client: SyncFHIRClient) -> None:
    number = fresh_number("P")
    known = client.resources("Patient").search(identifier=f"{NUMBERS}|{number}")
    made, is_new = known.update(client.resource(**as_given(patient(number))))
    assert is_new
    trace = Trace(service, made.id)
    changed, is_new = known.update(client.resource(**as_given(patient(number, gender="male"))))
    assert (changed, changed.gender, changed.meta.versionId) == (made, "male", "2")
    assert not is_new
    assert trace.new() == []


def test_a_transaction(service: Running, client: SyncFHIRClient) -> None:
    name = "urn:uuid:0198c7a4-1111-7000-8000-000000000001"
    bundle: Any = client.resource(
        "Bundle",
        type="transaction",
        entry=[
            {"resource": weight(name, 70), "request": {"method": "POST", "url": "Observation"}},
            {
                "fullUrl": name,
                "resource": patient(fresh_number("P")),
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    )
    answer = client.execute("", data=bundle.serialize())
    assert [one.response.status for one in answer.entry] == ["201", "201"]
    made, person = (one.resource for one in answer.entry)
    assert made.subject.reference == f"Patient/{person.id}"
    assert client.resources("Observation").search(patient=person.id).get().id == made.id


def test_if_match(service: Running, client: SyncFHIRClient, person: Any) -> None:
    careful = SyncFHIRClient(
        client.url, authorization=client.authorization, extra_headers={"If-Match": 'W/"1"'}
    )
    mine = careful.resource(**as_given(weigh(client, person, 70)))
    mine["status"] = "amended"
    assert mine.save().meta.versionId == "2"
    # fhirpy takes every 412 for this.
    with pytest.raises(MultipleResourcesFound, match="changed meanwhile"):
        mine.save()


def test_refusals_are_what_fhirpy_raises(
    service: Running, client: SyncFHIRClient, person: Any
) -> None:
    with pytest.raises(OperationOutcome) as refused:
        client.resource(**as_given(patient("x", gender="bogus"))).create()
    assert refused.value.resource["issue"][0]["code"] == "invalid"
    with pytest.raises(OperationOutcome) as refused:
        client.resources("Observation").fetch()
    assert "names no person" in refused.value.resource["issue"][0]["details"]["text"]
    with pytest.raises(ResourceNotFound) as absent:
        client.get("Patient", "00000000-1")
    assert json.loads(str(absent.value))["issue"][0]["code"] == "not-found"
    with pytest.raises(ResourceNotFound):
        client.resource(**as_given(patient("x", id="of-my-own"))).save()
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(client.url).get("Patient", person.id)
    narrow = service.token("hospital", "system/Patient.r")
    with pytest.raises(ForbiddenError):
        SyncFHIRClient(client.url, authorization=f"Bearer {narrow}").resources(
            "Observation"
        ).search(patient=person.id).fetch()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, person: person.patch(gender="male"),
        lambda client, person: client.resources("Patient").search(_id=person.id).delete(),
    ],
    ids=["patch", "conditional delete"],
)
def test_what_is_not_done_is_said(
    client: SyncFHIRClient, person: Any, ask: Callable[[SyncFHIRClient, Any], Any]
) -> None:
    with pytest.raises(OperationOutcome) as refused:
        ask(client, person)
    issue = refused.value.resource["issue"][0]
    assert issue["code"] == "not-supported"
    assert "does not take that method" in issue["details"]["text"]


def test_validate_is_no_operation_here(client: SyncFHIRClient, person: Any) -> None:
    with pytest.raises(ResourceNotFound, match="no such operation"):
        person.is_valid()


def done(work: Callable[[AsyncFHIRClient], Awaitable[None]], sync: SyncFHIRClient) -> None:
    asyncio.run(work(AsyncFHIRClient(sync.url, authorization=sync.authorization)))  # type: ignore[arg-type]


def test_the_async_client(service: Running, client: SyncFHIRClient) -> None:
    async def work(asynchronous: AsyncFHIRClient) -> None:
        who = asynchronous.resource(**as_given(patient(fresh_number("P"))))
        await who.save()
        trace = Trace(service, who.id)
        given = [
            asynchronous.resource(**as_given(weight(who.reference, 60 + day, day)))
            for day in range(1, 4)
        ]
        await asyncio.gather(*(one.save() for one in given))
        weights = asynchronous.resources("Observation").search(patient=who).sort("date").limit(2)
        assert [one.id for one in await weights.fetch_all()] == [one.id for one in given]
        assert [one.id async for one in weights] == [one.id for one in given]
        assert await weights.count() == 3
        assert [released for released, _ in trace.new()] == [2, 1, 2, 1, 0]

        assert await given[0]["subject"].to_resource() == who
        given[0]["status"] = "amended"
        await given[0].update()
        assert (await given[0].refresh()).meta.versionId == "2"
        assert trace.new() == [(1, None), (0, given[0].reference)]

        bundle = await who.execute("$everything", method="get")
        assert bundle["total"] == 4
        await given[0].delete()
        with pytest.raises(ResourceNotFound, match="retracted"):
            await asynchronous.get("Observation", given[0].id)
        _, is_new = (
            await asynchronous.resources("Patient")
            .search(identifier=f"{NUMBERS}|{who.identifier[0].value}")
            .get_or_create(who)
        )
        assert not is_new

    done(work, client)
