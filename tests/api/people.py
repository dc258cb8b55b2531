"""Resources that clients of the service create: no two tests have a person in common."""

from __future__ import annotations

from itertools import count
from typing import Any

NUMBERS = "urn:oid:1.2.392.100495.20.3.51.1310000001"
LOINC = "http://loinc.org"
_FRESH = count(1)


def fresh_number(prefix: str) -> str:
    return f"{prefix}{next(_FRESH)}"


def patient(number: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": NUMBERS, "value": number}],
        "name": [{"family": "佐藤", "given": ["花子"]}],
        "gender": "female",
        **more,
    }


def weight(who: str, value: float, day: int = 1, **more: Any) -> dict[str, Any]:
    """Of a person by a reference: ``Patient/id``, ``urn:uuid:…``."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
        "subject": {"reference": who},
        "effectiveDateTime": f"2026-01-{day:02}",
        "valueQuantity": {"value": value, "unit": "kg"},
        **more,
    }
