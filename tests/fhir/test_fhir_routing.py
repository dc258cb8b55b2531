"""Whose is it: three institutions, the stranger, colliding ids, and everything ambiguous."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadRequest
from ledger.fhir import (
    Directory,
    Identifier,
    IsPatient,
    PatientRef,
    PatientSpace,
    Resource,
    SourceItem,
    Subject,
    codes,
    patient_identifiers,
    read_document,
    read_file,
    route,
    validate,
)
from ledger.fhir.compartment import DIRECTORY, OTHERS, OWNER

DEMO = Path(__file__).parents[2] / "docs" / "demo"
NUMBER = "urn:oid:1.2.392.100495.20.3.51."


def routed(kind: str, **elements: Any) -> Subject:
    return route(Resource(kind, None, {"resourceType": kind, **elements}))


def refused(kind: str, **elements: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        routed(kind, **elements)
    assert caught.value.hint
    return caught.value.message


def ref(reference: str, **more: Any) -> dict[str, Any]:
    return {"reference": reference, **more}


def patient(identity: str, *numbers: tuple[str, str]) -> dict[str, Any]:
    identifiers = [{"system": system, "value": value} for system, value in numbers]
    return {"resourceType": "Patient", "id": identity, "identifier": identifiers}


def space_of(*resources: dict[str, Any]) -> PatientSpace:
    entries = [
        {"fullUrl": f"urn:uuid:{number}", "resource": resource}
        for number, resource in enumerate(resources)
    ]
    data = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    space = PatientSpace()
    space.collect(read_document(json.dumps(data).encode(), "x"))
    return space


@pytest.mark.parametrize(
    ("name", "system", "numbers"),
    [
        ("hospital_a", "1310000001", {"POP-00261", "POP-00107", "POP-00042"}),
        ("clinic_b", "1310000002", {"C07002", "C07015", "C07028", "C09999"}),
        ("pharmacy_c", "1340000003", {"P07003", "P07016", "P07029"}),
    ],
)
def test_demo_files_route_to_their_persons(name: str, system: str, numbers: set[str]) -> None:
    path, space = DEMO / f"{name}.ndjson", PatientSpace()
    space.collect(read_file(path))
    found: Counter[tuple[Identifier, ...]] = Counter()
    directory = 0
    for item in read_file(path):
        assert isinstance(item, SourceItem)
        match route(validate(item.raw)):
            case Directory():
                directory += 1
            case subject:
                found[space.resolve(subject)] += 1
    assert set(found) == {(Identifier(NUMBER + system, number),) for number in numbers}
    assert min(found.values()) >= 2
    assert directory >= 4


def test_the_stranger_stays_apart() -> None:
    space = PatientSpace()
    space.collect(read_file(DEMO / "clinic_b.ndjson"))
    one, stranger = space.find("Patient/1"), space.find("Patient/99")
    assert one is not None
    assert stranger is not None
    assert not set(one) & set(stranger)


def test_equal_ids_of_two_institutions_do_not_meet() -> None:
    spaces = []
    for name in ("clinic_b", "pharmacy_c"):
        space = PatientSpace()
        space.collect(read_file(DEMO / f"{name}.ndjson"))
        spaces.append(space.find("Patient/1"))
    assert spaces[0] != spaces[1]


def test_two_patients_with_one_id_in_a_space_are_ambiguous() -> None:
    one, other = patient("1", ("a", "1")), patient("1", ("a", "2"))
    assert space_of(one, one).find("Patient/1") == (("a", "1"),)
    with pytest.raises(BadRequest, match="two Patients with the same id"):
        space_of(one, other).find("Patient/1")
    assert space_of(one, other).find("urn:uuid:1") == (("a", "2"),)


def test_damaged_patients_are_left_to_the_second_pass() -> None:
    odd: list[Any] = [None, 5, ["x"], {"system": "a"}, [[]]]
    space = space_of(*({"resourceType": "Patient", "id": "1", "identifier": x} for x in odd))
    space.add(next(i for i in read_document(b'{"resourceType":"Patient"}', "x") if i.raw))  # type: ignore[arg-type]
    assert len(space) == 0


def test_an_escaped_type_is_a_patient_too() -> None:
    space = PatientSpace()
    raw = b'{"resourceType":"\\u0050atient","id":"7","identifier":[{"system":"a","value":"b"}]}'
    space.collect(read_document(raw, "x"))
    assert space.find("Patient/7") == (("a", "b"),)


def test_patient_identifiers() -> None:
    number, other = (NUMBER + "1310000001", "A1"), ("urn:insurer", "9")
    assert patient_identifiers(patient("1", other, number)) == (number,)
    assert patient_identifiers(patient("1", other, ("urn:b", "2"))) == (other, ("urn:b", "2"))
    second = (NUMBER + "1310000002", "A1")
    assert patient_identifiers(patient("1", second, number, second)) == (second, number)
    old = {"use": "old", "system": NUMBER + "1310000001", "value": "A0"}
    assert patient_identifiers({"identifier": [old, {"value": "1"}, {"system": "x"}]}) == ()
    assert patient_identifiers({}) == ()


def test_patient_is_itself() -> None:
    resource = patient("1", ("a", "1"))
    subject = route(Resource("Patient", "1", resource))
    assert subject == IsPatient("1", (Identifier("a", "1"),))
    assert space_of().resolve(subject) == (("a", "1"),)
    with pytest.raises(BadRequest, match=r"^Patient\.identifier leads to no identifier"):
        space_of().resolve(IsPatient("1", ()))


@pytest.mark.parametrize(
    ("reference", "kind", "kept"),
    [
        ("Patient/2", "literal", "Patient/2"),
        ("Patient/2/_history/3", "literal", "Patient/2"),
        ("https://a.example/fhir/Patient/2", "literal", "https://a.example/fhir/Patient/2"),
        ("urn:uuid:6d367230-21b3-5816-8d8c-5239028c388f", "urn", None),
    ],
)
def test_references(reference: str, kind: str, kept: str | None) -> None:
    subject = routed("Observation", subject=ref(reference))
    assert isinstance(subject, PatientRef)
    assert (subject.reference, subject.kind) == (kept or reference, kind)


def test_logical_and_contained() -> None:
    logical = {"type": "Patient", "identifier": {"system": "a", "value": "1"}}
    subject = routed("Observation", subject=logical)
    assert isinstance(subject, PatientRef)
    assert subject.kind == "identifier"
    assert space_of().resolve(subject) == (("a", "1"),)
    contained = [patient("p", ("a", "2"))]
    subject = routed("Observation", subject=ref("#p"), contained=contained)
    assert isinstance(subject, PatientRef)
    assert space_of().resolve(subject) == (("a", "2"),)


def test_resolve_prefers_the_senders_patient_and_refuses_contradictions() -> None:
    space = space_of(patient("2", ("a", "1")))

    def resolve(**more: Any) -> tuple[Identifier, ...]:
        subject = routed("Observation", subject=ref("Patient/2", **more))
        assert isinstance(subject, PatientRef)
        return space.resolve(subject)

    assert resolve() == (("a", "1"),)
    assert resolve(identifier={"system": "b", "value": "9"}) == (("a", "1"),)
    with pytest.raises(BadRequest, match="of two different patients"):
        resolve(identifier={"system": "a", "value": "9"})
    unknown = PatientRef("Patient/3", (), "Observation.subject")
    with pytest.raises(BadRequest, match=r"^Observation\.subject refers to a Patient that is not"):
        space.resolve(unknown)
    assert space.resolve(PatientRef("Patient/3", (Identifier("a", "3"),), "x")) == (("a", "3"),)


def test_the_owner_counts_before_the_others() -> None:
    child, mother = ref("Patient/1"), ref("Patient/2")
    given: dict[str, dict[str, Any]] = {
        "Coverage": {"beneficiary": child, "subscriber": mother, "payor": [mother]},
        "Observation": {"subject": child, "performer": [mother]},
        "QuestionnaireResponse": {"subject": child, "author": mother},
        "Task": {"for": child, "focus": mother},
    }
    for kind, elements in given.items():
        subject = routed(kind, **elements)
        assert isinstance(subject, PatientRef)
        assert subject.reference == "Patient/1"


def test_without_an_owner_the_others_decide() -> None:
    actors = [{"actor": ref("Practitioner/1")}, {"actor": ref("Patient/2")}]
    subject = routed("Appointment", participant=actors)
    assert subject == PatientRef("Patient/2", (), "Appointment.participant.actor")
    assert routed("Schedule", actor=[ref("Practitioner/1")]) == Directory()
    assert isinstance(routed("Schedule", actor=[ref("Patient/1")]), PatientRef)


def test_ambiguous_and_nobodys() -> None:
    two = [{"actor": ref("Patient/1")}, {"actor": ref("Patient/2")}]
    assert refused("Appointment", participant=two) == (
        "Appointment is about two different patients "
        "(Appointment.participant.actor and Appointment.participant.actor)"
    )
    assert refused("Account", subject=[ref("Patient/1"), ref("Patient/2")]).startswith(
        "Account is about two different patients"
    )
    assert refused("Observation", subject=ref("Group/1")) == "Observation.subject is a Group"
    assert refused("Observation", subject=ref("https://x.example/Group/1")) == (
        "Observation.subject is a Group"
    )
    assert (
        refused("Observation", subject=ref("Location/1")) == "Observation.subject is not a patient"
    )
    assert refused("Observation") == "Observation names no patient (subject or performer)"
    assert refused("Provenance", target=[ref("Observation/1")]) == (
        "Provenance names no patient (target)"
    )
    assert refused("OperationOutcome") == "OperationOutcome names no patient"
    assert refused("Group", member=[{"entity": ref("Patient/1")}]) == "Group names no patient"
    nothing = "Observation.subject has neither a reference nor an identifier with a system"
    assert refused("Observation", subject={"display": "somebody"}) == nothing
    assert refused("Observation", subject={"identifier": {"value": "1"}}) == nothing
    assert refused("Observation", subject=ref("#p")) == nothing


def test_directory_types() -> None:
    for kind in ("Practitioner", "PractitionerRole", "Organization", "Location", "Endpoint"):
        assert routed(kind) == Directory()
    assert routed("Device", deviceName=[]) == Directory()
    assert isinstance(routed("Device", patient=ref("Patient/1")), PatientRef)


def test_every_named_type_is_one_of_r4_and_checks_an_element() -> None:
    table = codes.table()
    assert table.resources >= DIRECTORY | set(OWNER) | set(OTHERS)
    for where in (OWNER, OTHERS):
        for kind, paths in where.items():
            for path in paths:
                node = kind
                for name in path.split("."):
                    target = table.types[node][name]
                    assert isinstance(target, str)
                    node = target
                assert node == "Reference", (kind, path)
