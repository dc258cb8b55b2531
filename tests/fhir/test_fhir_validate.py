"""Each refusal has its message, names the element and never a value; what is valid passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadRequest
from ledger.fhir import SourceItem, codes, read_file, validate
from ledger.fhir.validate import CHANGED_BY_R4B, CONTAINERS

DEMO = Path(__file__).parents[2] / "docs" / "demo"
WHO = {"reference": "Patient/1"}
CONDITION = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def observation(**more: Any) -> dict[str, Any]:
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": WHO}
    return {**base, **more}


def refusal(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(BadRequest) as caught:
        validate(raw)
    assert caught.value.hint
    return caught.value.message


def refused_or_none(raw: bytes) -> BadRequest | None:
    try:
        validate(raw)
    except BadRequest as error:
        return error if error.message and error.hint else pytest.fail("message or hint missing")
    return None


def demo() -> Iterator[bytes]:
    for path in sorted(DEMO.glob("*.ndjson")):
        yield from (item.raw for item in read_file(path) if isinstance(item, SourceItem))


def test_all_demo_resources_pass() -> None:
    resources = [validate(raw) for raw in demo()]
    assert len(resources) == 92
    assert len({resource.resource_type for resource in resources}) >= 20
    assert all(resource.id == resource.parsed["id"] for resource in resources)


def test_numbers_are_kept_exactly() -> None:
    raw = json.dumps(observation(valueQuantity={"value": 15})).encode().replace(b"15", b"1.50")
    value = validate(raw).parsed["valueQuantity"]["value"]
    assert isinstance(value, Decimal)
    assert str(value) == "1.50"


def test_resource_without_id() -> None:
    assert validate(json.dumps(observation()).encode()).id is None


def test_bogus_status_is_refused_for_every_type_of_the_demo() -> None:
    seen = set()
    for raw in demo():
        value = json.loads(raw)
        kind = value["resourceType"]
        if kind in seen or not isinstance(codes.table().types[kind].get("status"), int):
            continue
        seen.add(kind)
        value["status"] = "bogus"
        assert refusal(value) == f"{kind}.status is not a code that FHIR R4 allows here"
    assert len(seen) >= 12


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"identifier": [{"value": "1"}, {"use": "bogus", "value": "1"}]}, "identifier[1].use"),
        ({"text": {"status": "bogus", "div": "<div/>"}}, "text.status"),
        ({"valueQuantity": {"value": 1, "comparator": "=<"}}, "valueQuantity.comparator"),
        (
            {"component": [{"code": {"text": "x"}, "valueQuantity": {"comparator": "x"}}]},
            "component[0].valueQuantity.comparator",
        ),
        (
            {"effectiveTiming": {"repeat": {"dayOfWeek": ["mon", "someday"]}}},
            "effectiveTiming.repeat.dayOfWeek[1]",
        ),
        (
            {"_status": {"extension": [{"url": "u", "valueIdentifier": {"use": "x"}}]}},
            "_status.extension[0].valueIdentifier.use",
        ),
        ({"extension": [{"url": "u", "valueContactPoint": {"system": "x"}}]}, None),
        ({"contained": [{"resourceType": "Patient", "gender": "x"}]}, "contained[0].gender"),
        (
            {"contained": [{"resourceType": "Patient", "name": [{"use": "x"}]}]},
            "contained[0].name[0].use",
        ),
    ],
)
def test_codes_are_checked_at_any_depth(more: dict[str, Any], path: str | None) -> None:
    path = path or "extension[0].valueContactPoint.system"
    assert refusal(observation(**more)) == (
        f"Observation.{path} is not a code that FHIR R4 allows here"
    )


def test_required_codeable_concepts() -> None:
    def condition(system: str, code: str) -> dict[str, Any]:
        concept = {"coding": [{"system": system, "code": code}]}
        return {"resourceType": "Condition", "subject": WHO, "clinicalStatus": concept}

    validate(json.dumps(condition(CONDITION, "active")).encode())
    validate(json.dumps(condition("urn:other", "whatever")).encode())
    assert refusal(condition(CONDITION, "bogus")).startswith(
        "Condition.clinicalStatus.coding[0].code is not a code"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"", "ends in the middle of its JSON"),
        (b'{"resourceType":"Pat', "ends in the middle of its JSON"),
        (b'{"a":1}x', "has text after the end of its JSON"),
        (b"\xef\xbb\xbf{}", "starts with a byte order mark"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b'{"a":"\\ud800"}', "has half of a surrogate pair in a string"),
        (b'{"\\udc00":1}', "has half of a surrogate pair in a string"),
        (b'{"a":"\\u0000"}', "has a control character in a string"),
        (b'{"a":"\\b"}', "has a control character in a string"),
        (b'{"a":"\x00"}', "is not JSON at character 7"),
        (b'{"a":{"b":1,"b":1}}', "has the same name twice in one object"),
        (b'{"a":1,"\\u0061":1}', "has the same name twice in one object"),
        (b'{"a":NaN}', "has NaN or Infinity, which JSON does not know"),
        (b'{"a":-Infinity}', "has NaN or Infinity, which JSON does not know"),
        (b"[" * 65 + b"]" * 65, "is nested deeper than 64 levels"),
        (b"[" * 100000, "is nested deeper than 64 levels"),
        ({}, "resourceType is not a resource type of FHIR R4 (4.0.1)"),
        ({"resourceType": "Citation"}, "resourceType is not a resource type of FHIR R4 (4.0.1)"),
        ({"resourceType": {"a": 1}}, "resourceType is not a resource type of FHIR R4 (4.0.1)"),
        (observation(contained={}), "contained is not a list"),
        (observation(contained=[1]), "contained[0] is not a resource"),
        (
            observation(contained=[{"resourceType": 5}]),
            "contained[0].resourceType is not a resource type of FHIR R4 (4.0.1)",
        ),
        (
            observation(contained=[{"resourceType": "Patient", "contained": []}]),
            "contained[0] contains resources itself",
        ),
        (observation(bogus=1), "Observation has an element that FHIR R4 does not define"),
        (
            observation(code={"coding": [{"cod": "1"}]}),
            "Observation.code.coding[0] has an element that FHIR R4 does not define",
        ),
        (
            {"resourceType": "Observation", "code": {"text": "x"}},
            "Observation.status is required and missing",
        ),
        (
            observation(valueString="a", valueInteger=1),
            "Observation has a choice element of two types",
        ),
        (
            {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
            | {"subject": WHO},
            "MedicationRequest lacks a required choice element",
        ),
        (
            observation(effectiveDateTime="2020-13-45"),
            "Observation.effectiveDateTime does not have the form that FHIR R4 demands",
        ),
        (
            observation(subject="Patient/1"),
            "Observation.subject does not have the form that FHIR R4 demands",
        ),
        (observation(id="x" * 65), "Observation.id is longer than 64 characters"),
        (observation(id="a b"), "Observation.id does not have the form that FHIR R4 demands"),
        (observation(subject=None), "Observation.subject is null"),
        (observation(category=[]), "Observation.category is an empty list"),
        (observation(code={}), "Observation.code is an empty object"),
        (observation(valueBoolean="no"), "Observation.valueBoolean is not a JSON boolean"),
        (observation(valueInteger="5"), "Observation.valueInteger is not a JSON integer"),
        (
            observation(valueQuantity={"value": "7.5"}),
            "Observation.valueQuantity.value is not a JSON decimal",
        ),
        (
            {"resourceType": "Binary", "contentType": "a/b", "data": "!!!"},
            "Binary.data is not base64",
        ),
        (
            {"resourceType": "Encounter", "status": "finished", "class_fhir": {"code": "AMB"}},
            "Encounter.class_fhir is not how FHIR spells this element",
        ),
        (
            observation(status__ext={"id": "x"}),
            "Observation.status__ext is not how FHIR spells this element",
        ),
        (
            observation(extension=[{"url": "u", "valueRatioRange": {"id": "x"}}]),
            "Observation.extension[0].valueRatioRange is an element of FHIR R4B, not of R4",
        ),
    ],
)
def test_refusals(value: Any, message: str) -> None:
    assert refusal(value) == message


@pytest.mark.parametrize("kind", sorted(CHANGED_BY_R4B))
def test_types_without_a_model(kind: str) -> None:
    assert (
        refusal({"resourceType": kind}) == f"{kind} is a resource type that cannot be checked yet"
    )


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_containers(kind: str) -> None:
    assert refusal({"resourceType": kind}) == f"{kind} holds resources and is none of its own"


@pytest.mark.parametrize("number", ["1e1000", "1" * 65, "0." + "1" * 64, "1E-4000", "9" * 5000])
def test_numbers_that_would_unfold(number: str) -> None:
    raw = json.dumps(observation(valueQuantity={"value": 15})).replace("15", number).encode()
    assert refusal(raw).startswith("has a number of more than 64 characters or an exponent")


def test_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("ledger.fhir.validate", fromlist=["MAX_RESOURCE"])
    monkeypatch.setattr(module, "MAX_RESOURCE", 10)
    assert refusal(b" " * 11) == "is larger than 0 MiB"


def test_objects_are_counted() -> None:
    raw = b'{"resourceType":"Patient","name":[' + b"{}," * 100_000 + b"{}]}"
    assert refusal(raw) == "has more than 100000 objects"


def test_depth_counts_structure_and_not_strings() -> None:
    note = [{"text": "[" * 500 + '"{'}]
    validate(json.dumps(observation(note=note)).encode())


MARK = "Yamadacanary"


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one place after the other holding a mark that no message may repeat."""
    if isinstance(value, dict):
        yield {**value, MARK: MARK}
        for name, inner in value.items():
            for changed in (MARK, [MARK], {MARK: MARK}, *spoiled(inner)):
                yield {**value, name: changed}
            yield {**{k: v for k, v in value.items() if k != name}, name + MARK: inner}
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            for changed in (MARK, *spoiled(inner)):
                yield [*value[:number], changed, *value[number + 1 :]]


def test_no_message_repeats_content() -> None:
    refused = 0
    for raw in (next(demo()), json.dumps(observation(valueQuantity={"value": 1})).encode()):
        for changed in spoiled(json.loads(raw)):
            error = refused_or_none(json.dumps(changed).encode())
            if error is not None:
                refused += 1
                assert MARK not in error.message + error.hint
                # A traceback in a log must not show the library's error, which quotes values.
                assert error.__cause__ is None
                assert error.__suppress_context__ or error.__context__ is None
    assert refused > 200
