"""A hospital, a clinic and persons who attack one another over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from ledger.author import Draft
from ledger.fhir import Identifier
from ledger.linkage import Linkage
from ledger.linkage.aliases import link_draft
from ledger.log import Appended, Log
from ledger.record.contents import LinkedIdentifier
from ledger.record.header import Header, decode_header
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId
from tests.api.running import Answer, Running

HOSPITAL: Final = "urn:oid:1.2.392.100495.20.3.51.11310000001"
CLINIC: Final = "urn:oid:1.2.392.100495.20.3.51.11310000002"
FHIR: Final = {"Content-Type": "application/fhir+json"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
NOBODY: Final = "00000000-1"
"""An id of the right form that is no resource's."""
_numbers = count(1)


def new_number() -> str:
    """Of one length: a test that appends to one does not make another's."""
    return f"H{next(_numbers):06}"


class Party:
    """Somebody with a token. ``system`` is that of the numbers that it gives to patients."""

    def __init__(self, service: Running, name: str, system: str, scopes: str = "") -> None:
        self.service, self.name, self.system = service, name, system
        self.token = service.token(name, scopes or "system/*.cruds")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = (FHIR if raw is not None else {}) | named
        return self.service.ask(method, path, raw, given, self.token)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def made(self, body: dict[str, Any]) -> str:
        """The id of a new resource."""
        answer = self.ask("POST", f"/fhir/{body['resourceType']}", body)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def patient(self, number: str = "") -> tuple[str, str]:
        """A new Patient with a number of this institution, and an entry in the record."""
        number = number or new_number()
        return self.made(patient((self.system, number))), number


def patient(*identifiers: tuple[str, str], **more: Any) -> dict[str, Any]:
    pairs = [{"system": system, "value": value} for system, value in identifiers]
    return {"resourceType": "Patient", "identifier": pairs, **more}


def observation(subject: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    if isinstance(subject, str):
        subject = {"reference": f"Patient/{subject}"}
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": subject,
        **more,
    }


def logical(system: str, number: str) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": number}}


def bundle(*parts: tuple[str, str, Any], kind: str = "transaction") -> dict[str, Any]:
    """Parts are method, url and resource."""
    entries = [
        {"request": {"method": method, "url": url}} | ({"resource": body} if body else {})
        for method, url, body in parts
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def record_of(log: Log, identity: str) -> ChainId:
    return ChainId(log.reader.entry(int(identity.partition("-")[2])).leaf.claim.chain)


def alias(service: Running, number: str, system: str = HOSPITAL) -> bytes:
    """The tag by which a number is found."""
    log = service.log
    return Linkage(log.reader, log.vault.tag).tag(Identifier(system, number))


def treats_too(service: Running, identity: str, number: tuple[str, str]) -> None:
    """Let the clinic have a number and an entry in a record of the hospital's."""
    log, clinic = service.log, service.members["clinic"].author
    record = record_of(log, identity)
    tag = alias(service, number[1], number[0])
    linked = clinic.entry(link_draft(record, LinkedIdentifier(*number), tag))
    text = json.dumps(observation(logical(*number))).encode()
    for outcome in log.append([linked, clinic.entry(Draft(record, text))]):
        assert isinstance(outcome, Appended), outcome


def person_of(service: Running, identity: str, name: str) -> Party:
    """The person whose record a resource stands in, logged in."""
    service.enrol(name, "person", by="hospital", record=record_of(service.log, identity))
    return Party(service, name, HOSPITAL, "patient/*.cruds")


def denials(log: Log, identity: str) -> list[Header]:
    """What callers were denied in the record that a resource stands in, oldest first."""
    entries = list(log.reader.history(record_of(log, identity)))[::-1]
    accesses = [one.index for one in entries if one.leaf.claim.kind is Kind.ACCESS]
    headers = [decode_header(log.vault.use(index, "test").header) for index in accesses]
    return [one for one in headers if one.denied]


def wait_for_denial(service: Running, identity: str, number: int = 1) -> list[Header]:
    """Denials are written behind the answer."""
    until = time.monotonic() + 5
    while len(found := denials(service.log, identity)) < number and time.monotonic() < until:
        time.sleep(0.01)
    return found


@contextmanager
def unchanged(service: Running) -> Iterator[None]:
    """What happens here appends nothing, not even behind the answers."""
    service.settle()
    before = service.log.reader.checkpoint.size
    yield
    service.settle()
    assert service.log.reader.checkpoint.size == before


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers tell the same, but for time and their own ids."""
    return _told(one) == _told(other)


def _told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    varying = {"Request-Id", "Date"}
    headers = {name: value for name, value in answer.headers.items() if name not in varying}
    body = answer.body.replace(answer.headers["Request-Id"].encode(), b"")
    return answer.status, headers, body
