"""Access entries and writes as AuditEvents of BALP, entries as Provenance: both are valid R4."""

from __future__ import annotations

import dataclasses
import json
from base64 import b64decode
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.fhir import Resource, validate
from ledger.fhir.actors import SYSTEM, Actor
from ledger.fhir.auditing import PROFILES, Access, Interaction, Service, audit_event
from ledger.fhir.provenance import Signed, provenance
from ledger.fhir.searching import extract, matches, parse_query

SERVICE = Service("https://ledger.example/fhir", "ledger.example", "node-1")
DOCTOR = Actor("aa" * 16, "practitioner", "佐藤 花子", "Practitioner/m-5")
HOSPITAL = Actor("bb" * 16, "organisation", "hospital")
GATE = Actor("cc" * 16, "gateway")
READ = Access(
    "1a2b3c4d-9",
    1_795_222_800_123,
    "read",
    "Patient/m-1",
    DOCTOR,
    HOSPITAL,
    "TREAT",
    ("Observation/m-2/_history/1",),
    request="cc6d168e-5871",
)
QUERY = dataclasses.replace(
    READ, interaction="search", query="Observation?category=laboratory", resources=()
)
DCM = "http://dicom.nema.org/resources/ontology/DCM"


def valid(value: dict[str, Any]) -> Resource:
    return validate(json.dumps(value).encode())


def code(item: Any) -> str:
    return str(item["coding"][0]["code"])


@pytest.mark.parametrize(
    ("interaction", "profile", "action", "roles"),
    [
        ("read", "PatientRead", "R", ["110152", "110153", "IRCP"]),
        ("vread", "PatientRead", "R", ["110152", "110153", "IRCP"]),
        ("search", "PatientQuery", "E", ["110153", "110152", "IRCP"]),
        ("create", "PatientCreate", "C", ["110153", "110152", "AUT"]),
        ("update", "PatientUpdate", "U", ["110153", "110152", "AUT"]),
        ("delete", "PatientDelete", "D", ["110150", "custodian", "AUT"]),
    ],
)
def test_patterns(interaction: Interaction, profile: str, action: str, roles: list[str]) -> None:
    event = audit_event(
        dataclasses.replace(READ, interaction=interaction, query="Observation?x=1"), SERVICE
    )
    valid(event)
    assert event["meta"]["profile"] == [PROFILES + profile]
    assert event["subtype"][0]["code"] == interaction
    assert event["action"] == action
    assert event["outcome"] == "0"
    assert event["recorded"] == "2026-11-21T01:00:00.123Z"
    assert [code(agent["type"]) for agent in event["agent"]] == roles
    assert [agent["requestor"] for agent in event["agent"]] == [False, False, True]
    assert ["network" in agent for agent in event["agent"]] == [True, True, False]


def test_who_read_what_for_what() -> None:
    event = audit_event(READ, SERVICE)
    client, server, user = event["agent"]
    assert client["who"]["identifier"] == {"system": SYSTEM, "value": HOSPITAL.id}
    assert server["who"]["identifier"]["value"] == SERVICE.base
    assert user["who"]["reference"] == "Practitioner/m-5"
    assert user["who"]["identifier"]["value"] == DOCTOR.id
    assert user["name"] == "佐藤 花子"
    assert user["role"] == [{"text": "practitioner"}]
    assert code(user["purposeOfUse"][0]) == "TREAT"
    data, patient, request = event["entity"]
    assert data["what"] == {"reference": "Observation/m-2/_history/1"}
    assert data["type"]["code"] == "2"
    assert patient["what"] == {"reference": "Patient/m-1"}
    assert request["what"]["identifier"]["value"] == "cc6d168e-5871"


def test_a_query_has_its_text_and_what_it_released() -> None:
    released = ("Observation/m-2/_history/1", "Encounter/m-3")
    event = audit_event(dataclasses.replace(QUERY, resources=released), SERVICE)
    valid(event)
    query, first, second, patient, _ = event["entity"]
    assert b64decode(query["query"]).decode() == "Observation?category=laboratory"
    assert "what" not in query
    # BALP's slices go by type: System Object is the query's alone.
    assert [e["type"]["code"] for e in event["entity"]].count("2") == 1
    assert (first["type"]["code"], second["type"]["code"]) == ("Observation", "Encounter")
    assert [first["what"]["reference"], second["what"]["reference"]] == list(released)
    assert patient["role"]["code"] == "1"


def test_what_was_refused_claims_no_profile() -> None:
    event = audit_event(dataclasses.replace(QUERY, denied=True), SERVICE)
    valid(event)
    assert event["outcome"] == "8"
    assert event["outcomeDesc"]
    assert "profile" not in event["meta"]


@pytest.mark.parametrize(
    "access",
    [
        dataclasses.replace(QUERY, query=None),
        dataclasses.replace(READ, resources=()),
        dataclasses.replace(READ, resources=("Observation/m-2", "Observation/m-3")),
    ],
)
def test_what_no_profile_fits_claims_none(access: Access) -> None:
    event = audit_event(access, SERVICE)
    valid(event)
    assert "profile" not in event["meta"]


def test_a_user_without_client_is_both() -> None:
    event = audit_event(dataclasses.replace(READ, client=None, purpose=None), SERVICE)
    valid(event)
    assert event["agent"][0]["who"]["identifier"]["value"] == DOCTOR.id
    assert "purposeOfUse" not in event["agent"][2]


def test_an_event_is_found_by_what_it_says() -> None:
    values = extract("AuditEvent", audit_event(READ, SERVICE))
    for name, value in (
        ("patient", "m-1"),
        ("entity", "Observation/m-2"),
        ("agent", "Practitioner/m-5"),
        ("agent:identifier", f"{SYSTEM}|{HOSPITAL.id}"),
        ("date", "2026-11-21"),
        ("action", "R"),
        ("outcome", "0"),
        ("subtype", "read"),
    ):
        assert matches(parse_query("AuditEvent", [(name, value)]), values), name
    assert not matches(parse_query("AuditEvent", [("entity", "Observation/m-3")]), values)


ACTORS = st.builds(
    Actor,
    st.just("aa" * 16),
    st.sampled_from(["person", "practitioner", "auditor", "guardian"]),
    st.none() | st.text("a佐 ", min_size=1).filter(str.strip),
    st.none() | st.just("Practitioner/1"),
)
REFERENCES = st.lists(
    st.sampled_from(["Observation/1/_history/2", "Encounter/1", "https://l.example/fhir/Basic/1"])
)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(get_args(Interaction)),
    ACTORS,
    st.none() | ACTORS,
    REFERENCES,
    st.none() | st.text(),
    st.booleans(),
    st.none() | ACTORS,
)
def test_any_access_is_a_valid_event(
    interaction: Interaction,
    user: Actor,
    client: Actor | None,
    resources: list[str],
    query: str | None,
    denied: bool,
    institution: Actor | None,
) -> None:
    access = Access(
        "x",
        0,
        interaction,
        "Patient/1",
        user,
        client,
        "TREAT",
        tuple(resources),
        query,
        "r",
        denied,
        institution,
    )
    valid(audit_event(access, SERVICE))


SIGNED = Signed(
    "1a2b3c4d-10",
    "Observation/m-2/_history/2",
    "UPDATE",
    GATE,
    1_000,
    2_000,
    b"statement",
    b"receipt",
    "ledger.example/log",
    DOCTOR,
    "Observation/m-2/_history/1",
    "検体取り違え",
    "scribe 2.1",
)


def test_provenance() -> None:
    value = provenance(SIGNED)
    valid(value)
    assert value["target"] == [{"reference": "Observation/m-2/_history/2"}]
    assert value["occurredDateTime"] == "1970-01-01T00:00:01.000Z"
    assert value["recorded"] == "1970-01-01T00:00:02.000Z"
    assert code(value["activity"]) == "UPDATE"
    author, enterer, machine = value["agent"]
    assert (code(author["type"]), author["who"]["reference"]) == ("author", "Practitioner/m-5")
    assert enterer["who"]["identifier"]["value"] == GATE.id
    assert enterer["onBehalfOf"] == author["who"]
    assert machine["who"]["display"] == "scribe 2.1"
    assert value["entity"][0]["what"]["reference"] == "Observation/m-2/_history/1"
    statement, receipt = value["signature"]
    assert b64decode(statement["data"]) == b"statement"
    assert statement["sigFormat"] == "application/cose"
    assert statement["who"]["identifier"]["value"] == GATE.id
    assert b64decode(receipt["data"]) == b"receipt"


def test_provenance_of_an_author_that_signed_itself() -> None:
    value = provenance(
        Signed("x", "Basic/1/_history/1", "CREATE", DOCTOR, 0, 0, b"s", None, "ledger.example/log")
    )
    valid(value)
    assert [code(agent["type"]) for agent in value["agent"]] == ["author"]
    assert len(value["signature"]) == 1
    assert not {"entity", "reason"} & set(value)


def test_a_provenance_is_found_by_its_target() -> None:
    values = extract("Provenance", provenance(SIGNED))
    assert matches(parse_query("Provenance", [("target", "Observation/m-2")]), values)
    assert matches(
        parse_query("Provenance", [("signature-type", "1.2.840.10065.1.12.1.1")]), values
    )
    assert not matches(parse_query("Provenance", [("target", "Observation/m-3")]), values)
