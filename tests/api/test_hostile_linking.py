"""Taking over identifiers and directories: who links a number, and who is led by it."""

from __future__ import annotations

from dataclasses import replace

from ledger.author import CBOR, Draft
from ledger.linkage.aliases import link_draft
from ledger.log import Appended
from ledger.record.contents import LinkedIdentifier, LinkedRecord
from ledger.wire import cbor
from ledger.wire.claim import Kind
from tests.api.hostile import (
    CLINIC,
    HOSPITAL,
    Party,
    alias,
    bundle,
    denials,
    logical,
    new_number,
    observation,
    patient,
    person_of,
    record_of,
    treats_too,
    unchanged,
    wait_for_denial,
)
from tests.api.running import Running
from tests.api.v1 import JSON, encoded, entry_body


def test_a_person_links_no_number(service: Running, hospital: Party) -> None:
    """Else the next patient of the hospital would get into the record of whoever guessed her
    number.
    """
    who, number = hospital.patient()
    attacker, following = person_of(service, who, "next-number"), new_number()
    both = patient((HOSPITAL, number), (HOSPITAL, following))
    with unchanged(service):
        for answer in (
            attacker.ask("POST", "/fhir/Patient", both),
            attacker.ask("POST", "/fhir", bundle(("POST", "Patient", both))),
        ):
            assert answer.status == 422
            assert "only institutions link one" in answer.text
        changed = attacker.ask("PUT", f"/fhir/Patient/{who}", both | {"id": who})
        assert changed.status == 403
    fresh = hospital.made(patient((HOSPITAL, following)))
    assert attacker.get(f"/fhir/Patient/{fresh}").status == 404


def test_nobody_is_led_by_a_number_that_another_linked(
    service: Running, hospital: Party, clinic: Party
) -> None:
    """A clinic that treats the same person links the number that the hospital gives out next, so
    that what the hospital sends under it would stand where the clinic reads.
    """
    who, number = hospital.patient()
    theirs, following = new_number(), new_number()
    treats_too(service, who, (CLINIC, theirs))
    clinic.made(patient((CLINIC, theirs), (HOSPITAL, following)))
    with unchanged(service):
        for body in (patient((HOSPITAL, following)), observation(logical(HOSPITAL, following))):
            answer = hospital.ask("POST", f"/fhir/{body['resourceType']}", body)
            assert answer.status == 422, answer.text
            assert "leads to no patient here" in answer.text
    for party, system, own in ((hospital, HOSPITAL, number), (clinic, CLINIC, theirs)):
        assert party.made(observation(logical(system, own)))
    # Beside a number of its own, one that another linked does no harm.
    assert clinic.made(patient((CLINIC, theirs), (HOSPITAL, number)))


def test_a_document_is_changed_by_who_wrote_it(
    service: Running, hospital: Party, clinic: Party
) -> None:
    who, _ = hospital.patient()
    theirs = new_number()
    treats_too(service, who, (CLINIC, theirs))
    person = person_of(service, who, "document-changer")
    identity = hospital.made(observation({"reference": f"Patient/{who}"}))
    path = f"/fhir/Observation/{identity}"
    struck = observation({"reference": f"Patient/{who}"}) | {"id": identity, "status": "cancelled"}
    for attacker in (clinic, person):
        assert attacker.get(path).status == 200
        with unchanged(service):
            assert attacker.ask("PUT", path, struck).status == 403
            assert attacker.ask("DELETE", path).status == 403
            put = bundle(("PUT", f"Observation/{identity}", struck))
            assert attacker.ask("POST", "/fhir", put).status == 403
    own = person.made(observation({"reference": f"Patient/{who}"}) | {"status": "preliminary"})
    assert person.ask("DELETE", f"/fhir/Observation/{own}").status == 204
    assert hospital.ask("PUT", path, struck).status == 200


def test_a_directory_is_changed_by_who_keeps_it(
    service: Running, hospital: Party, clinic: Party
) -> None:
    who, _ = hospital.patient()
    person = person_of(service, who, "directory-changer")
    doctor = {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:oid:1.2.3", "value": new_number()}],
    }
    identity = hospital.made(doctor)
    path, struck = f"/fhir/Practitioner/{identity}", doctor | {"id": identity, "active": False}
    with unchanged(service):
        for attacker in (clinic, person):
            put = bundle(("PUT", f"Practitioner/{identity}", struck))
            delete = bundle(("DELETE", f"Practitioner/{identity}", None))
            assert attacker.ask("PUT", path, struck).status == 403
            assert attacker.ask("DELETE", path).status == 403
            assert attacker.ask("POST", "/fhir", put).status == 403
            assert attacker.ask("POST", "/fhir", delete).status == 403
            assert attacker.get(path).status == 200
        assert person.ask("POST", "/fhir/Practitioner", doctor | {"active": True}).status == 422
    colleague = Party(service, "dr-mori", HOSPITAL)
    assert colleague.ask("PUT", path, struck).status == 200
    assert hospital.ask("DELETE", path).status == 204


def test_nobody_signs_for_another_institution(
    service: Running, hospital: Party, clinic: Party
) -> None:
    """In a link it would have the hospital led by it; in an access the hospital would seem to have
    read.
    """
    who, _ = hospital.patient()
    following, author = new_number(), service.members["clinic"].author
    treats_too(service, who, (CLINIC, new_number()))
    record, tag = record_of(service.log, who), bytes(32)
    said: dict[str, cbor.Value] = {"on-behalf-of": service.members["hospital"].actor}
    link = link_draft(record, LinkedIdentifier(HOSPITAL, following), tag)
    access = Draft(record, b"", CBOR, Kind.ACCESS, {**said, "purpose": "TREAT"})
    token = service.token("clinic", "ledger/append")
    with unchanged(service):
        for draft in (replace(link, header=said, tags=()), access):
            body = encoded(entry_body(author.entry(draft)), JSON)
            answer = service.ask("POST", "/v1/entries", body, {"Content-Type": JSON}, token)
            assert (answer.status, "does not act for" in answer.text) == (422, True), answer.text
    # Past the service, or as a member of a batch, it counts for nobody.
    forged = author.entry(replace(link, header=said, tags=(alias(service, following),)))
    assert isinstance(service.log.append([forged])[0], Appended)
    answer = hospital.ask("POST", "/fhir/Patient", patient((HOSPITAL, following)))
    assert answer.status == 422


def test_joined_records_are_one_persons_and_nobody_elses(
    service: Running, hospital: Party, clinic: Party
) -> None:
    """Whichever of them her enrolment names: what $everything shows can be read, and searching her
    own record is no denial in it. A join that only one of the records says joins nothing.
    """
    log, author = service.log, service.members["hospital"].author
    for _ in range(4):
        (one, _), (other, _) = hospital.patient(), clinic.patient()
        person = person_of(service, one, f"joined-{one}")
        records = record_of(log, one), record_of(log, other)
        half = author.entry(link_draft(records[0], LinkedRecord(records[1]), bytes(16)))
        assert isinstance(log.append([half])[0], Appended)
        assert person.get(f"/fhir/Patient/{other}").status == 404
        assert len(wait_for_denial(service, other)) == 1
        back = author.entry(link_draft(records[1], LinkedRecord(records[0]), bytes(16)))
        assert isinstance(log.append([back])[0], Appended)
        assert person.get(f"/fhir/Patient/{other}").status == 200
        for who in (one, other):
            found = person.get(f"/fhir/Patient?_id={who}").json
            assert [entry["resource"]["id"] for entry in found["entry"]] == [who]
        whole = person.get(f"/fhir/Patient/{one}/$everything").json
        assert {entry["resource"]["id"] for entry in whole["entry"]} == {one, other}
        assert len(denials(log, one)) == 0 and len(denials(log, other)) == 1
