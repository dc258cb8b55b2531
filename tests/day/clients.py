"""Clients: they do what the script says, many at once, and write down what they saw."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.author import Author
from tests.api.logins import FORM, assertion, form_of
from tests.api.v1 import CBOR, encoded, entry_body, link_to
from tests.day.ground import JSON, Ground, number, system
from tests.day.script import CODES, Script, Step

_TOKEN_S: Final = 240.0
_BUSY: Final = frozenset({429, 503})
_SCOPES: Final = {"person": "patient/*.rs", "practitioner": "user/*.cruds ledger/read"}
_OTHERS: Final = "system/*.cruds ledger/append ledger/read"
Version = tuple[str, int]
"""Public id and versionId of a resource."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one step."""

    step: Step
    status: int
    request: str
    accesses: tuple[int, ...]
    released: frozenset[Version]
    """Every resource of the answer whose content the log released for it."""
    ms: float
    busy: int
    """How often it was told to come again."""
    complaint: str = ""


@dataclass
class Clients:
    """``advance`` is called with each step that is done."""

    ground: Ground
    script: Script
    advance: Callable[[Seen], None] = lambda _: None
    seen: list[Seen] = field(default_factory=list)
    tokens: int = 0
    places: dict[Version, int] = field(default_factory=dict)
    """Entry of every version that a client wrote, as its writer was told."""

    def __post_init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._bodies: dict[int, bytes] = {}
        self._done = [asyncio.Event() for _ in self.script.steps]
        self._tokens: dict[str, tuple[float, str]] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        for one in self.ground.patients:
            self.places[one.id, 1] = one.entry

    async def run(self) -> None:
        """The whole script."""
        steps = iter(self.script.steps)
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(
            self.ground.service.url, connector=connector, timeout=timeout
        ) as session:
            self._session = session
            async with asyncio.TaskGroup() as group:
                for _ in range(self.script.size.clients):
                    group.create_task(self._work(steps))

    async def _work(self, steps: Iterator[Step]) -> None:
        for step in steps:
            for one in step.after:
                await self._done[one].wait()
            seen = await self._do(step)
            self.seen.append(seen)
            self._done[step.number].set()
            self.advance(seen)

    async def _do(self, step: Step) -> Seen:
        method, path, body, headers = self._request(step)
        busy = 0
        while True:
            headers["Authorization"] = f"Bearer {await self._token(step.who)}"
            began = time.perf_counter()
            async with self._session.request(method, path, data=body, headers=headers) as answer:
                raw = await answer.read()
            ms = (time.perf_counter() - began) * 1000
            if answer.status not in _BUSY:
                break
            busy += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        accesses = answer.headers.get("Access-Entry", "")
        complaint = "" if answer.status == step.status else raw.decode(errors="replace")[:300]
        released: frozenset[Version] = frozenset()
        if answer.status in (200, 201) and not complaint:
            complaint = self._learn(step, answer, raw)
            if accesses:
                released = self._released(step, raw)
        return Seen(
            step,
            answer.status,
            answer.headers["Request-Id"],
            tuple(int(one) for one in accesses.split(", ") if one),
            released,
            ms,
            busy,
            complaint,
        )

    def _learn(self, step: Step, answer: aiohttp.ClientResponse, raw: bytes) -> str:
        """What later steps need; what is wrong with the answer."""
        if step.kind == "create" or (step.kind == "conditional" and answer.status == 201):
            made = json.loads(raw)
            self._ids[step.number] = made["id"]
            self.places[made["id"], 1] = int(answer.headers["Entry"])
        elif step.kind == "transaction":
            parts = json.loads(raw)["entry"]
            for part in parts:
                identity = part["resource"]["id"]
                self.places[identity, 1] = int(identity.partition("-")[2])
            self._ids[step.number] = parts[0]["resource"]["id"]
        elif step.kind == "update":
            made = json.loads(raw)
            self.places[made["id"], int(made["meta"]["versionId"])] = int(answer.headers["Entry"])
        elif step.kind == "retry" and json.loads(raw)["id"] != self._ids[step.about]:
            return "the same bytes again are another resource"
        elif step.kind == "denied_search" and (json.loads(raw)["total"] or "entry" in raw.decode()):
            return "a stranger's search found something"
        return ""

    def _released(self, step: Step, raw: bytes) -> frozenset[Version]:
        if step.kind == "content":
            return frozenset({(self._ids[step.about], 1)})
        return frozenset(_versions(json.loads(raw)))

    def _request(self, step: Step) -> tuple[str, str, bytes | None, dict[str, str]]:
        patient = self.ground.patients[step.patient].id
        identity = self._ids.get(step.about, patient)
        one = f"/fhir/Observation/{identity}"
        match step.kind:
            case "create":
                self._bodies[step.number] = _observation(patient, step)
                return "POST", "/fhir/Observation", self._bodies[step.number], {**JSON}
            case "retry":
                return "POST", "/fhir/Observation", self._bodies[step.about], {**JSON}
            case "link":
                return "POST", "/v1/entries", self._link(step), {"Content-Type": CBOR}
            case "conditional":
                condition = f"_id={identity}&patient=Patient/{patient}"
                body = _observation(patient, step)
                return "POST", "/fhir/Observation", body, {**JSON, "If-None-Exist": condition}
            case "transaction":
                return "POST", "/fhir", _transaction(patient, step), {**JSON}
            case "update" | "stale_update" | "meddling":
                body = _observation(patient, step, identity)
                return "PUT", one, body, {**JSON, "If-Match": f'W/"{step.version}"'}
            case "delete":
                return "DELETE", one, None, {}
            case "read" | "own_read":
                return "GET", one, None, {}
            case "vread":
                return "GET", f"{one}/_history/{step.version}", None, {}
            case "history":
                return "GET", f"{one}/_history", None, {}
            case "content":
                place = identity.partition("-")[2]
                return "GET", f"/v1/entries/{place}/content", None, {}
            case "everything":
                return "GET", f"/fhir/Patient/{patient}/$everything", None, {}
            case "denied_read":
                return "GET", f"/fhir/Patient/{patient}", None, {}
            case "own_audit":
                return "GET", f"/fhir/AuditEvent?patient=Patient/{patient}&_count=20", None, {}
            case "post_search":
                return "POST", "/fhir/Observation/_search", self._form(step), {**FORM}
            case "search" | "own_search" | "denied_search":
                query = f"patient=Patient/{patient}&code={CODES[step.number % len(CODES)]}"
                return "GET", f"/fhir/Observation?{query}", None, {}
        raise ValueError(step.kind)

    def _form(self, step: Step) -> bytes:
        first = self.script.first_of(step.patient)
        who = f"{system(first)}|{number(step.patient)}"
        return urlencode({"patient.identifier": who}, quote_via=quote).encode()

    def _link(self, step: Step) -> bytes:
        """The institution signs its own number for a person whom another one registered."""
        author: Author = self.ground.service.members[step.who].author
        where = int(step.who.rpartition("-")[2])
        record = self.ground.patients[step.patient].record
        draft = link_to(record, system(where), number(step.patient))
        return encoded(entry_body(author.entry(draft)), CBOR)

    async def _token(self, who: str) -> str:
        async with self._asking.setdefault(who, asyncio.Lock()):
            until, token = self._tokens.get(who, (0.0, ""))
            if time.monotonic() < until:
                return token
            service = self.ground.service
            member = service.members[who]
            assert isinstance(member.login, Ed25519PrivateKey)
            form = form_of(
                assertion(service, member.actor, member.login),
                scope=_SCOPES.get(member.role, _OTHERS),
            )
            async with self._session.post("/auth/token", data=form) as answer:
                found = await answer.json()
                assert answer.status == 200, found
            self.tokens += 1
            self._tokens[who] = (time.monotonic() + _TOKEN_S, found["access_token"])
            return str(found["access_token"])


def _versions(found: dict[str, Any]) -> Iterator[Version]:
    """Of every resource in an answer."""
    if found["resourceType"] != "Bundle":
        yield found["id"], int(found.get("meta", {}).get("versionId", 1))
        return
    for one in found.get("entry", ()):
        if "resource" in one:
            yield from _versions(one["resource"])


def _observation(patient: str, step: Step, identity: str = "", part: int = 0) -> bytes:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": CODES[step.number % 4]}]},
        "subject": {"reference": f"Patient/{patient}"},
        "valueQuantity": {"value": step.number, "unit": f"part {part}"},
    }
    if identity:
        resource["id"] = identity
    return json.dumps(resource).encode()


def _transaction(patient: str, step: Step) -> bytes:
    parts = [
        {
            "resource": json.loads(_observation(patient, step, part=part)),
            "request": {"method": "POST", "url": "Observation"},
        }
        for part in range(3)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": parts}).encode()
