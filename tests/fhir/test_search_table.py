"""The table of search parameters: R4's names, and paths that resources have."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.fhir import jsontext
from ledger.fhir.compartment import DIRECTORY, OTHERS, OWNER
from ledger.fhir.searching import TYPES, extract, parameters, personal
from ledger.fhir.searching.values import MAX_VALUE, MAX_VALUES
from ledger.fhir.validate import _model


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Observation", "patient subject encounter category code date status identifier"),
        ("Condition", "clinical-status verification-status category code onset-date recorded-date"),
        ("AllergyIntolerance", "clinical-status verification-status code date type patient"),
        ("Encounter", "class type date status patient subject service-provider"),
        ("Immunization", "vaccine-code date status patient"),
        ("MedicationRequest", "intent authoredon status code medication patient subject"),
        ("MedicationAdministration", "effective-time status code context"),
        ("MedicationDispense", "whenhandedover prescription context type"),
        ("Procedure", "code date status category"),
        ("DiagnosticReport", "category code date issued result based-on"),
        ("ServiceRequest", "category code intent authored requisition status"),
        ("DocumentReference", "category type date period status facility setting"),
        ("Composition", "type date status category"),
        ("Goal", "lifecycle-status category target-date"),
        ("CarePlan", "category date status intent"),
        ("AuditEvent", "patient date agent entity action outcome type subtype"),
        ("Consent", "patient category date status scope"),
        ("Patient", "identifier birthdate gender active"),
        ("Practitioner", "identifier name active"),
        ("PractitionerRole", "identifier practitioner organization role specialty active"),
        ("Organization", "identifier name active type partof"),
        ("Location", "identifier name organization status type"),
        ("HealthcareService", "identifier name active"),
    ],
)
def test_what_clinicians_use(kind: str, names: str) -> None:
    assert {"_id", "_lastUpdated", *names.split()} <= set(parameters(kind))


def test_every_type_of_a_record_can_be_searched_by_person() -> None:
    without = {kind for kind in TYPES - DIRECTORY - {"Patient"} if not personal(kind)}
    # R4 has no such parameter for Binary.
    # Provenance is found by its target alone.
    assert without == {"Binary", "Provenance"}
    assert set(parameters("Provenance")) == {"target"}
    assert {"Patient", *OTHERS, *OWNER} <= TYPES


def fields(model: Any) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    "kind", ["Observation", "Encounter", "MedicationRequest", "DocumentReference", "AuditEvent"]
)
def test_first_steps_are_elements_of_the_type(kind: str) -> None:
    elements = fields(_model(kind))
    for name, parameter in parameters(kind).items():
        assert all(path.steps[0] in elements for path in parameter.paths), name


def test_kinds_and_targets() -> None:
    for kind in sorted(TYPES):
        for name, parameter in parameters(kind).items():
            assert parameter.name == name
            assert parameter.paths
            assert bool(parameter.targets) == (parameter.kind == "reference"), (kind, name)


def test_unknown_types_have_no_parameters() -> None:
    assert not parameters("Nonsense")
    assert extract("Nonsense", {"id": "x"}).found == ()


def test_values_are_bounded() -> None:
    codings = [{"code": str(number)} for number in range(MAX_VALUES + 10)]
    long = {"code": "x" * (MAX_VALUE + 1)}
    values = extract("Condition", {"code": {"coding": [long, *codings]}})
    assert len(values.of("code")) == MAX_VALUES
    assert "x" not in {getattr(token, "code", "")[:1] for token in values.of("code")}


def test_numbers_that_jsontext_gives_are_no_values() -> None:
    parsed = jsontext.parse(b'{"code":{"coding":[{"code":1.50}]},"recordedDate":2026}')
    assert extract("Condition", parsed).found == ()
