"""The CapabilityStatement says what the tables do, no more and no less."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhirclient.models.capabilitystatement import (  # type: ignore[import-untyped]
    CapabilityStatement,
)

from ledger.fhir import validate
from ledger.fhir.capability import Instance, capability_statement
from ledger.fhir.compartment import DIRECTORY
from ledger.fhir.interactions import interactions
from ledger.fhir.searching import DERIVED, TYPES, parameters, parse_query
from ledger.fhir.validate import CHANGED_BY_R4B, CONTAINERS

STATEMENT = capability_statement(
    Instance("https://ledger.example/fhir", "https://ledger.example/token", "0.1.0", 0)
)
REST = STATEMENT["rest"][0]
RESOURCES: dict[str, dict[str, Any]] = {item["type"]: item for item in REST["resource"]}


def test_it_is_valid_and_read_by_a_client() -> None:
    validate(json.dumps(STATEMENT).encode())
    read = CapabilityStatement(STATEMENT)
    assert read.fhirVersion == "4.0.1"
    assert read.rest[0].security.service[0].coding[0].code == "SMART-on-FHIR"


def test_every_type_that_is_taken_stands_in_it() -> None:
    assert set(RESOURCES) == TYPES
    assert not TYPES & (CHANGED_BY_R4B | CONTAINERS)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_what_it_says_of_a_type_is_what_a_search_takes(kind: str) -> None:
    said = RESOURCES[kind]
    codes = [item["code"] for item in said["interaction"]]
    assert codes == list(interactions(kind))
    if "search-type" not in codes:
        assert not {"searchParam", "searchInclude", "searchRevInclude"} & set(said)
        return
    assert {p["name"]: p["type"] for p in said["searchParam"]} == {
        name: parameter.kind for name, parameter in parameters(kind).items()
    }
    values = {"token": "x", "date": "2026", "reference": "Patient/1", "string": "x"}
    for item in said["searchParam"]:
        query = parse_query(kind, [(item["name"], values[item["type"]])])
        assert not query.unknown
        # Only what names the person is said to, a Patient's own id aside.
        if kind != "Patient":
            assert bool(query.person) == ("documentation" in item)
    pairs = [("_include", one) for one in said.get("searchInclude", ())]
    pairs += [("_revinclude", one) for one in said.get("searchRevInclude", ())]
    for pair in pairs:
        assert not parse_query(kind, [pair]).unknown


def test_nothing_is_taken_that_it_does_not_say() -> None:
    for kind in ("Observation", "Patient", "Practitioner", *DERIVED):
        said = RESOURCES[kind]
        for source in TYPES:
            for name in parameters(source):
                one = f"{source}:{name}"
                for control, key in (
                    ("_include", "searchInclude"),
                    ("_revinclude", "searchRevInclude"),
                ):
                    taken = not parse_query(kind, [(control, one)]).unknown
                    assert taken == (one in said.get(key, ()))


def test_what_can_be_done() -> None:
    assert interactions("Nonsense") == ()
    assert interactions("Bundle") == ()
    for kind in DERIVED:
        assert interactions(kind) == ("read", "search-type")
        assert not RESOURCES[kind]["readHistory"]
        assert not RESOURCES[kind]["conditionalCreate"]
    assert "search-type" not in interactions("Binary")
    for kind in ("Patient", "Observation", *DIRECTORY & TYPES):
        assert {"read", "create", "update", "delete", "search-type"} <= set(interactions(kind))
        assert RESOURCES[kind]["readHistory"]
        assert RESOURCES[kind]["conditionalCreate"]
        assert not RESOURCES[kind]["updateCreate"]


def test_operations_and_security() -> None:
    with_operations = [kind for kind, item in RESOURCES.items() if "operation" in item]
    assert with_operations == ["Patient"]
    assert [item["code"] for item in REST["interaction"]] == ["transaction", "batch"]
    (uris,) = REST["security"]["extension"]
    assert uris["extension"] == [{"url": "token", "valueUri": "https://ledger.example/token"}]
