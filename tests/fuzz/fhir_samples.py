"""FHIR that the fuzzer begins with: resources, Bundles and queries, all of them good."""

from __future__ import annotations

import json
from typing import Any, Final

SYSTEM: Final = "urn:oid:1.2.392.100495.20.3.51.11310000001"


def resources(who: str = "1", number: str = "1") -> list[dict[str, Any]]:
    """Resources about a patient, with values of every kind that is looked at."""
    subject = {"reference": f"Patient/{who}"}
    return [
        {
            "resourceType": "Patient",
            "id": "own-1",
            "meta": {"tag": [{"system": "urn:t", "code": "x"}]},
            "identifier": [{"use": "usual", "system": SYSTEM, "value": number}],
            "name": [{"text": "森 はな", "family": "森", "given": ["はな"]}],
            "birthDate": "1980-02-29",
            "contained": [{"resourceType": "Organization", "id": "o"}],
            "managingOrganization": {"reference": "#o"},
        },
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": subject,
            "effectivePeriod": {"start": "2026-01-01T00:00:00+09:00", "end": "2026-01-02"},
            "valueQuantity": {"value": 72.500, "unit": "kg"},
            "hasMember": [{"reference": "Observation/2/_history/1"}],
        },
        {
            "resourceType": "Condition",
            "subject": {"identifier": {"system": SYSTEM, "value": number}},
            "recordedDate": "2026-11-28T09:30:00.123Z",
            "note": [{"text": 'line\nand\ttab \\ " é'}],
        },
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": "urn:c", "code": "AMB"},
            "subject": subject,
            "period": {"start": "2026"},
        },
        {"resourceType": "Practitioner", "identifier": [{"system": "urn:p", "value": "D1"}]},
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": subject},
    ]


def bundles(who: str = "1", number: str = "1") -> list[dict[str, Any]]:
    patient, *others = resources(who, number)
    parts = [
        {
            "fullUrl": "urn:uuid:0198c7a4-1111-7000-8000-000000000001",
            "resource": patient,
            "request": {
                "method": "POST",
                "url": "Patient",
                "ifNoneExist": f"identifier={SYSTEM}|{number}",
            },
        },
        *({"resource": one, "request": _post(one["resourceType"])} for one in others),
        {"request": {"method": "GET", "url": f"Observation?patient={who}&_count=2"}},
        {"request": {"method": "GET", "url": f"Patient/{who}"}},
        {"request": {"method": "DELETE", "url": "Observation/x-1", "ifMatch": 'W/"1"'}},
    ]
    return [
        {"resourceType": "Bundle", "type": "batch", "entry": parts},
        {"resourceType": "Bundle", "type": "transaction", "entry": parts[:-1]},
    ]


def _post(type_: str) -> dict[str, str]:
    return {"method": "POST", "url": type_}


def queries(who: str = "1", number: str = "1") -> list[str]:
    """As they stand behind the question mark."""
    return [
        f"patient=Patient/{who}&code=http://loinc.org|29463-7,x&_sort=-date,code&_count=10",
        f"subject:Patient={who}&date=ge2026-01-01&date=lt2026-12-31T00:00:00%2B09:00",
        f"patient:identifier={SYSTEM}%7C{number}&status:not=final&_total=accurate",
        f"patient.identifier={SYSTEM}|{number}&code:missing=false&_summary=count",
        f"patient={who}&_include=Observation:patient&_revinclude=Provenance:target&_format=json",
        f"_id={who}&name:contains=%E6%A3%AE&_lastUpdated=gt2020&birthdate=eq1980-02",
        f"identifier={SYSTEM}|{number}&_revinclude=Observation:subject&given:exact=a%5C,b",
        "_page=AAAAAAAAAAAAAAAAAAAAAAAA",
        "target=Observation/x-1",
    ]


def as_bytes() -> list[bytes]:
    """All of them; resources with the spaces that an author might write."""
    found = [json.dumps(one, ensure_ascii=False) for one in (*resources(), *bundles())]
    found += [json.dumps(one, indent=1) for one in resources()]
    return [one.encode() for one in (*found, *queries())]
