"""Resources over the log: ids, versions, references in a sender's space, relations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.author import FHIR_JSON, Draft
from ledger.erasing import order_entries
from ledger.errors import BadRequest
from ledger.fhir import Identifier
from ledger.importing import Importer
from ledger.linkage import Linkage
from ledger.linkage.joining import join
from ledger.log import Appended
from ledger.record.header import Header
from ledger.record.model import Viewer
from ledger.resources.naming import is_public_id, place_of, public_id
from ledger.wire.claim import Kind
from ledger.wire.ids import Position
from tests.resources.world import (
    CLINIC_NUMBERS,
    HOSPITAL_NUMBERS,
    World,
    observation,
    patient,
    world,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_a_patient_opens_a_record_and_is_found_by_its_id(place: World) -> None:
    identity, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    assert is_public_id(identity)
    assert place.library.chain_of(identity) == chain
    assert place.library.is_record(chain)
    linkage = Linkage(place.log.reader, place.log.vault.tag)
    assert linkage.find(Identifier(HOSPITAL_NUMBERS, "1")) == chain
    stored = place.stored(chain, identity)
    assert (stored.type, stored.current.number) == ("Patient", 1)
    assert stored.current.writer == place.hospital.id
    assert stored.current.author == place.gateway.id


def test_what_a_resource_refers_to_is_named_by_its_public_id(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1", id="7"))
    raw = json.dumps(observation({"reference": "Patient/7"})).encode()
    raw = raw.replace(b"72.5", b"72.50")
    identity, there = place.create(place.hospital, raw)
    assert there == chain
    text, _ = place.read(place.clinic, place.stored(chain, identity))
    assert b"72.50" in text
    seen = json.loads(text)
    assert seen["subject"] == {"reference": f"Patient/{who}"}
    assert (seen["id"], seen["meta"]["versionId"]) == (identity, "1")


def test_ids_of_two_institutions_do_not_meet(place: World) -> None:
    _, at_hospital = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1", id="7"))
    _, at_clinic = place.create(place.clinic, patient(CLINIC_NUMBERS, "1", id="7"))
    assert at_hospital != at_clinic
    for writer, chain in ((place.hospital, at_hospital), (place.clinic, at_clinic)):
        _, there = place.create(writer, observation({"reference": "Patient/7"}))
        assert there == chain


def test_a_public_id_is_good_in_every_space(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    _, there = place.create(place.clinic, observation({"reference": f"Patient/{who}"}))
    assert there == chain


def test_a_copy_under_a_public_id_does_not_take_its_name(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    other, _ = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "2", id=who))
    assert other != who
    _, there = place.create(place.hospital, observation({"reference": f"Patient/{who}"}))
    assert there == chain


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/nobody"},
        {"reference": "Patient/00000000-0"},
        {"reference": "urn:uuid:0198c7a4-1111-7000-8000-000000000000"},
        {"identifier": {"system": HOSPITAL_NUMBERS, "value": "9"}},
    ],
)
def test_nobody_is_made_up(place: World, subject: dict[str, Any]) -> None:
    place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    size = place.log.reader.checkpoint.size
    with pytest.raises(BadRequest, match="leads to no patient here"):
        place.create(place.hospital, observation(subject))
    assert place.log.reader.checkpoint.size == size


def test_two_ways_to_name_a_patient_must_agree(place: World) -> None:
    who, _ = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    place.create(place.hospital, patient(HOSPITAL_NUMBERS, "2"))
    other = {"system": HOSPITAL_NUMBERS, "value": "2"}
    with pytest.raises(BadRequest, match="two different patients"):
        place.create(
            place.hospital, observation({"reference": f"Patient/{who}", "identifier": other})
        )


def test_resources_of_one_plan_refer_to_each_other(place: World) -> None:
    plan = place.plan(place.hospital)
    names = ["urn:uuid:0198c7a4-1111-7000-8000-00000000000" + end for end in "12"]
    who = plan.create(json.dumps(patient(HOSPITAL_NUMBERS, "1")).encode(), names[0])
    weight = observation({"reference": names[0]}, hasMember=[{"reference": names[1]}])
    first = plan.create(json.dumps(weight).encode())
    second = plan.create(json.dumps(observation({"reference": names[0]})).encode(), names[1])
    assert who.opens and first.chain == second.chain == who.chain
    indexes = place.append(plan)
    text, _ = place.read(place.hospital, place.stored(who.chain, place.named(first, indexes)))
    seen = json.loads(text)
    assert seen["subject"]["reference"] == f"Patient/{place.named(who, indexes)}"
    assert seen["hasMember"] == [{"reference": f"Observation/{place.named(second, indexes)}"}]


def test_the_same_bytes_again_add_nothing(place: World) -> None:
    raw = json.dumps(patient(HOSPITAL_NUMBERS, "1")).encode()
    identity, chain = place.create(place.hospital, raw)
    size = place.log.reader.checkpoint.size
    again, _ = place.create(place.hospital, raw)
    assert (again, place.log.reader.checkpoint.size) == (identity, size)
    assert len(list(place.library.shelf(chain).of_type("Patient"))) == 1


def test_versions_retraction_and_return(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    identity, _ = place.create(place.hospital, observation({"reference": f"Patient/{who}"}))
    stored = place.stored(chain, identity)
    changed = observation({"reference": f"Patient/{who}"}, value="71.2", id=identity)
    place.amend(place.hospital, stored, changed)
    stored = place.stored(chain, identity)
    assert [one.number for one in stored.versions] == [1, 2]
    assert json.loads(place.read(place.hospital, stored)[0])["valueQuantity"]["value"] == 71.2
    plan = place.plan(place.hospital)
    plan.retract(stored, "entered twice")
    place.append(plan)
    stored = place.stored(chain, identity)
    assert [one.deleted for one in stored.versions] == [False, False, True]
    assert stored.content is None
    place.amend(place.hospital, stored, changed)
    stored = place.stored(chain, identity)
    assert stored.content is not None and stored.current.number == 4


def test_an_amendment_stays_with_its_person_and_its_type(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    other, _ = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "2"))
    identity, _ = place.create(place.hospital, observation({"reference": f"Patient/{who}"}))
    stored = place.stored(chain, identity)
    for changed in (
        observation({"reference": f"Patient/{other}"}, id=identity),
        observation({"reference": f"Patient/{who}"}, id="other"),
        observation({"reference": f"Patient/{who}"}),
        patient(HOSPITAL_NUMBERS, "1", id=identity),
    ):
        with pytest.raises(BadRequest):
            place.amend(place.hospital, stored, changed)


def test_relations_say_who_is_linked_and_wrote_last(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    assert place.library.relation(chain, place.clinic.id).linked is False
    place.create(place.clinic, observation({"reference": f"Patient/{who}"}))
    relation = place.library.relation(chain, place.clinic.id)
    assert (relation.linked, relation.last_activity_ms is not None) == (False, True)
    hospital = place.library.relation(chain, place.hospital.id)
    assert hospital.linked and hospital.last_activity_ms is not None
    linkage = Linkage(place.log.reader, place.log.vault.tag)
    unlink = linkage.unlink(Identifier(HOSPITAL_NUMBERS, "1"), "it was somebody else")
    (outcome,) = place.log.append([place.hospital.entry(unlink)])
    assert isinstance(outcome, Appended)
    assert place.library.relation(chain, place.hospital.id).linked is False


def test_accesses_do_not_make_a_record_be_read_anew(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    shelf = place.library.shelf(chain)
    _, access = place.read(place.clinic, place.stored(chain, who))
    assert place.library.shelf(chain) is shelf
    assert place.library.accesses(chain) == [Position(access)]


def test_joined_records_are_one_shelf(place: World) -> None:
    _, one = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    other_id, other = place.create(place.clinic, patient(CLINIC_NUMBERS, "8"))
    assert other_id not in place.library.shelf(one).resources
    join(place.log, place.hospital, one, other)
    assert place.library.shelf(one).resources.keys() == place.library.shelf(other).resources.keys()
    assert place.library.relation(one, place.clinic.id).linked


def test_what_was_ordered_to_be_erased_is_in_no_index(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    identity, _ = place.create(place.hospital, observation({"reference": f"Patient/{who}"}))
    stored = place.stored(chain, identity)
    order = order_entries(place.log.reader, [stored.current.place], "asked for")
    (outcome,) = place.log.append([place.hospital.entry(order)])
    assert isinstance(outcome, Appended)
    shelf = place.library.shelf(chain)
    assert identity not in shelf.resources
    assert who in shelf.resources


def test_a_person_is_not_shown_what_is_being_prepared(place: World) -> None:
    who, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    raw = json.dumps(observation({"reference": f"Patient/{who}"})).encode()
    header = Header(FHIR_JSON, state=None).encode() | {"state": "unapproved"}
    (outcome,) = place.log.append([place.hospital.entry(Draft(chain, raw, header=header))])
    assert isinstance(outcome, Appended)
    identity = public_id(place.log.reader, Position(outcome.index))
    assert identity in place.library.shelf(chain).resources
    assert identity not in place.library.shelf(chain, Viewer.PERSON).resources
    approval = Draft(
        chain,
        b"",
        FHIR_JSON,
        Kind.AMEND,
        {"state": "approved", "content": "kept"},
        amended=outcome.leaf_hash,
        amends=Position(outcome.index),
    )
    (approved,) = place.log.append([place.hospital.entry(approval)])
    assert isinstance(approved, Appended)
    assert identity in place.library.shelf(chain, Viewer.PERSON).resources


def test_imported_files_are_resources_too(place: World, tmp_path: Path) -> None:
    rows = [
        patient(CLINIC_NUMBERS, "1", id="1"),
        {"resourceType": "Practitioner", "id": "1", "name": [{"text": "Dr Mori"}]},
        observation({"reference": "Patient/1"}, performer=[{"reference": "Practitioner/1"}]),
    ]
    path = tmp_path / "clinic.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = Importer(place.log, place.clinic, create=True, refuse=lambda _: None).run([path])
    assert (summary.added, summary.refused) == (3, 0)
    chain = summary.opened[0][0]
    (stored,) = place.library.shelf(chain).of_type("Observation")
    seen = json.loads(place.read(place.clinic, stored)[0])
    (doctor,) = place.library.shelf(place.clinic.directory).resources.values()
    assert seen["performer"] == [{"reference": f"Practitioner/{doctor.identity}"}]
    assert stored.current.values is not None
    assert seen["subject"]["reference"] in {
        getattr(value, "target", "") for value in stored.current.values.of("subject")
    }


@pytest.mark.parametrize("text", ["", "x", "1a2b3c4d-", "1a2b3c4d-01", "1A2B3C4D-1", "1a2b3c4d--1"])
def test_what_is_no_public_id(place: World, text: str) -> None:
    assert not is_public_id(text)
    assert place_of(place.log.reader, text) is None


def test_ids_of_other_logs_and_of_what_is_not_there(place: World) -> None:
    own = public_id(place.log.reader, Position(0))
    prefix = own.partition("-")[0]
    assert place_of(place.log.reader, own) == Position(0)
    assert place_of(place.log.reader, f"{prefix}-999999") is None
    assert place_of(place.log.reader, "00000000-0") is None


@pytest.mark.parametrize("more", [{}, {"reference": "urn:uuid:1"}])
def test_a_patient_is_named_by_number_in_the_plan_that_brings_it(
    place: World, more: dict[str, str]
) -> None:
    number = {"system": HOSPITAL_NUMBERS, "value": "1"}
    plan = place.plan(place.hospital)
    who = plan.create(json.dumps(patient(HOSPITAL_NUMBERS, "1")).encode(), "urn:uuid:1")
    seen = plan.create(json.dumps(observation({"identifier": number, **more})).encode())
    assert seen.chain == who.chain
    place.append(plan)


def test_a_further_number_names_a_patient_in_the_plan_that_brings_it(place: World) -> None:
    _, chain = place.create(place.hospital, patient(HOSPITAL_NUMBERS, "1"))
    further = {"system": HOSPITAL_NUMBERS, "value": "2"}
    known = patient(HOSPITAL_NUMBERS, "1")
    known["identifier"].append(further)
    plan = place.plan(place.hospital)
    plan.create(json.dumps(known).encode())
    assert plan.create(json.dumps(observation({"identifier": further})).encode()).chain == chain


def test_a_number_that_another_one_linked_does_not_lead_a_plan(place: World) -> None:
    """Also where the same plan links one of its own: each resource names whom it is of."""
    place.create(place.clinic, patient(CLINIC_NUMBERS, "9"))
    plan = place.plan(place.hospital)
    plan.create(json.dumps(patient(HOSPITAL_NUMBERS, "1")).encode())
    foreign = {"system": CLINIC_NUMBERS, "value": "9"}
    with pytest.raises(BadRequest, match="leads to no patient"):
        plan.create(json.dumps(observation({"identifier": foreign})).encode())
