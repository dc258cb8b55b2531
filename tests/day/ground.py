"""The ground: the ledger as it is before the day. Who there is, and whom they know."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger.wire.ids import ChainId
from tests.api.apart import Apart
from tests.api.running import Running
from tests.day.script import Script, institution, person, practitioner

AUDITOR: Final = "auditor"
JSON: Final = {"Content-Type": "application/fhir+json"}


@dataclass(frozen=True, slots=True)
class Patient:
    """As it was registered."""

    id: str
    record: ChainId
    entry: int


@dataclass(frozen=True, slots=True)
class Ground:
    service: Apart
    patients: tuple[Patient, ...]


def system(institution_number: int) -> str:
    """Of an institution's patient numbers."""
    return f"urn:oid:1.2.392.100495.20.3.51.131000000{institution_number}"


def number(patient: int) -> str:
    return f"P{patient:05}"


def lay(directory: Path, script: Script, workers: int = 0) -> Ground:
    """Make the ledger; the service is not started."""
    made, size = Running.made(directory), script.size
    for one in range(size.institutions):
        made.enrol(institution(one), "organisation")
    for one in range(size.practitioners):
        made.enrol(practitioner(one), "practitioner", by=institution(one % size.institutions))
    made.enrol(AUDITOR, "auditor")
    patients = []
    with made:
        tokens = [
            made.token(institution(one), "system/*.cruds") for one in range(size.institutions)
        ]
        for patient in range(size.patients):
            where = script.first_of(patient)
            body = json.dumps(_patient(where, patient)).encode()
            answer = made.ask("POST", "/fhir/Patient", body, JSON, tokens[where])
            assert answer.status == 201, answer.text
            entry = int(answer.headers["Entry"])
            record = made.log.reader.entry(entry).leaf.claim.chain
            made.enrol(person(patient), "person", by=institution(where), record=record)
            patients.append(Patient(answer.json["id"], record, entry))
    return Ground(Apart.of(made, workers=workers), tuple(patients))


def _patient(where: int, patient: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": system(where), "value": number(patient)}],
        "name": [{"text": f"患者 {patient}"}],
    }
