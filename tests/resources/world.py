"""A small ledger for resources: a gateway that signs for a hospital and a clinic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.author import Author
from ledger.errors import CounterfoilError
from ledger.founding import found
from ledger.identity import NewKey
from ledger.log import Appended, Log
from ledger.resources.library import Library
from ledger.resources.naming import public_id
from ledger.resources.reading import AskedBy, access_entries, released
from ledger.resources.rendering import rendered
from ledger.resources.shelf import Stored
from ledger.resources.writing import Plan, Planned
from ledger.wire.ids import ChainId, Position
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey

HOSPITAL_NUMBERS = "urn:oid:1.2.392.100495.20.3.51.1310000001"
CLINIC_NUMBERS = "urn:oid:1.2.392.100495.20.3.51.1310000002"


def patient(system: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": value}],
        **more,
    }


def observation(subject: dict[str, Any], value: str = "72.50", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": subject,
        "valueQuantity": {"value": float(value), "unit": "kg"},
        **more,
    }


class World:
    """An open log with its library; ``create`` and the like append at once."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.gateway = self._enrolled("gateway")
        self.hospital = self._enrolled("organisation")
        self.clinic = self._enrolled("organisation")
        self.library = Library(log)

    def _enrolled(self, role: str) -> Author:
        key = Ed25519PrivateKey.generate()
        actor, _ = self.log.enrol(role, role, [NewKey(raw_public(key))])
        registry = self.log.reader.registry
        return Author(registry.log, actor, StatementKey.of(key), registry.first_log)

    def plan(self, writer: Author) -> Plan:
        return Plan(self.log, self.library, self.gateway, writer.id)

    def append(self, plan: Plan) -> list[int]:
        indexes: list[int] = []
        for outcome in self.log.append(plan.submissions):
            if isinstance(outcome, CounterfoilError):
                raise outcome
            indexes.append(outcome.index)
        return indexes

    def create(self, writer: Author, resource: dict[str, Any] | bytes) -> tuple[str, ChainId]:
        """The id and the chain of a new resource."""
        raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        plan = self.plan(writer)
        planned = plan.create(raw)
        return self.named(planned, self.append(plan)), planned.chain

    def named(self, planned: Planned, indexes: list[int]) -> str:
        place = planned.known or Position(indexes[planned.at])
        return public_id(self.log.reader, place)

    def stored(self, chain: ChainId, identity: str) -> Stored:
        stored = self.library.shelf(chain).resources[identity]
        assert stored.identity == identity
        return stored

    def amend(self, writer: Author, stored: Stored, resource: dict[str, Any]) -> None:
        plan = self.plan(writer)
        plan.amend(stored, json.dumps(resource).encode())
        self.append(plan)

    def read(self, reader: Author, stored: Stored) -> tuple[bytes, int]:
        """The view of the current version, and the index of the access entry."""
        asked = AskedBy(reader.id, "TREAT", "request-1")
        entry = self.log.reader.entry(*stored.current.place)
        accesses = access_entries(self.gateway, {stored.chain: [entry]}, asked)
        (outcome,) = self.log.append([one.submission for one in accesses])
        assert isinstance(outcome, Appended)
        contents = released(self.log, accesses, [outcome.index])
        leads = self.library.leads(self.library.shelf(stored.chain).records)
        content = contents[stored.current.place].content
        return rendered(leads, stored, stored.current, content), outcome.index


@contextmanager
def world(directory: Path) -> Iterator[World]:
    found(directory / "ledger", "resources.example/log")
    with Log.open(directory / "ledger") as log:
        yield World(log)
