"""/v1 asked for everything by strangers: other institutions, persons, auditors, revoked clients."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from ledger.author import Draft
from ledger.linkage.aliases import link_draft
from ledger.record.contents import LinkedIdentifier
from ledger.wire.ids import ChainId
from tests.api.hostile import (
    CLINIC,
    HOSPITAL,
    Party,
    logical,
    observation,
    person_of,
    record_of,
    same,
    wait_for_denial,
)
from tests.api.running import Running
from tests.api.v1 import JSON, encoded, entry_body

ENDS = ("", "/content", "/receipt", "/evidence")
OF_RECORDS = ("entries", "accesses", "evidence", "absence")


@pytest.fixture(scope="module")
def victim(service: Running, hospital: Party) -> tuple[str, ChainId]:
    """Id of a Patient, and the record: with an observation, a person, a phone, and accesses."""
    who, _ = hospital.patient()
    hospital.made(observation(who))
    assert hospital.get(f"/fhir/Patient/{who}").status == 200
    record = record_of(service.log, who)
    person_of(service, who, "森 はな")
    service.enrol("phone", "app", by="hospital", record=record)
    return who, record


@pytest.fixture(scope="module")
def strangers(service: Running, hospital: Party, victim: object) -> dict[str, str]:
    """Tokens of others."""
    other, _ = hospital.patient()
    person_of(service, other, "stranger")
    service.enrol("auditor", "auditor")
    return {
        "clinic": service.token("clinic", "ledger/read ledger/append"),
        "stranger": service.token("stranger", "ledger/read"),
    }


def told(data: bytes) -> bytes:
    """The bytes, and whatever stands in them as base64 or hexadecimal."""
    found = [data]
    for word in data.replace(b'"', b" ").split():
        for decode in (base64.b64decode, lambda text: bytes.fromhex(text.decode())):
            try:
                found.append(decode(word))
            except ValueError:
                continue
    return b"\0".join(found)


def test_every_index_of_the_log(
    service: Running, victim: tuple[str, ChainId], strangers: dict[str, str]
) -> None:
    """Whoever goes through all entries finds nothing of a record: not that an entry is one's, and
    not the record's id in the enrolment of who acts in it.
    """
    who, record = victim
    service.log.publish()
    size = service.log.reader.checkpoint.size
    for name, token in strangers.items():
        absent = {end: service.get(f"/v1/entries/{10**9}{end}", token) for end in ENDS}
        shown = 0
        for index in range(size):
            leaf = service.log.reader.entry(index).leaf
            for end in ENDS:
                answer = service.get(f"/v1/entries/{index}{end}", token)
                shown += answer.status == 200
                assert told(answer.body).find(record) < 0, (name, index, end)
                assert "はな" not in answer.body.decode(errors="ignore")
                if leaf.claim.chain == record:
                    assert same(answer, absent[end]), (name, index, end)
        assert shown > 10
    (denied, *more) = wait_for_denial(service, who, 2)
    assert {denied.on_behalf_of, *(one.on_behalf_of for one in more)} == {
        service.members[name].actor for name in strangers
    }


def test_records_by_their_ids(
    service: Running, victim: tuple[str, ChainId], strangers: dict[str, str]
) -> None:
    _, record = victim
    nothing = bytes(15) + b"\x01"
    for token in strangers.values():
        for what in OF_RECORDS:
            there = service.get(f"/v1/records/{record.hex()}/{what}", token)
            absent = service.get(f"/v1/records/{nothing.hex()}/{what}", token)
            assert same(there, absent) and there.status in (403, 404), what


def test_auditors_see_leaves_and_nothing_sealed(
    service: Running, victim: tuple[str, ChainId], strangers: object
) -> None:
    _, record = victim
    token = service.token("auditor", "ledger/read log/entries")
    for index in range(service.log.reader.checkpoint.size):
        if service.log.reader.entry(index).leaf.claim.chain == record:
            assert service.get(f"/v1/entries/{index}", token).status == 200
            assert service.get(f"/v1/entries/{index}/content", token).status == 404
    assert service.get(f"/v1/records/{record.hex()}/accesses", token).status == 404
    assert service.get("/fhir/Patient/x", token).status == 403


def test_the_owner_sees_her_own_enrolment(
    service: Running, victim: tuple[str, ChainId], hospital: Party
) -> None:
    own = service.token("森 はな", "ledger/read")
    treating = service.token("hospital", "ledger/read")
    actors = {ChainId(service.members[name].actor) for name in ("森 はな", "phone")}
    found = 0
    for index in range(service.log.reader.checkpoint.size):
        if service.log.reader.entry(index).leaf.claim.chain in actors:
            found += 1
            assert service.get(f"/v1/entries/{index}/receipt", own).status == 200
            assert service.get(f"/v1/entries/{index}/receipt", treating).status == 200
    assert found == 2


@pytest.mark.parametrize("what", ["link", "resource"])
def test_a_number_that_is_taken_is_noted(service: Running, hospital: Party, what: str) -> None:
    """That it is taken cannot be hidden from who links it; the record tells who tried."""
    who, number = hospital.patient()
    own, _ = Party(service, "clinic", CLINIC).patient()
    record, author = record_of(service.log, own), service.members["clinic"].author
    linked = link_draft(record, LinkedIdentifier(HOSPITAL, number), b"")
    text = json.dumps(observation(logical(HOSPITAL, number))).encode()
    draft = replace(linked, tags=()) if what == "link" else Draft(record, text)
    body = encoded(entry_body(author.entry(draft)), JSON)
    token = service.token("clinic", "ledger/append")
    answer = service.ask("POST", "/v1/entries", body, {"Content-Type": JSON}, token)
    assert answer.status == 422, answer.text
    assert record_of(service.log, who).hex() not in answer.text
    (denied,) = wait_for_denial(service, who)
    assert denied.on_behalf_of == author.id
