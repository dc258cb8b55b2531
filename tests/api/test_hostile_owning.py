"""What an institution may change, unlink and have erased in a record where others write too."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from api.bridge import Bridge
from ledger.admission import Submission
from ledger.author import CBOR, FHIR_JSON, Draft
from ledger.linkage.aliases import newest, unlink_draft
from ledger.linkage.joining import join, part
from ledger.log import Outcome
from ledger.merkle import leaf_hash
from ledger.record.contents import LinkedIdentifier
from ledger.record.header import Header
from ledger.vault.door import Vault
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries, EraseRecord
from ledger.wire.ids import Hash, Position
from tests.api.hostile import (
    CLINIC,
    HOSPITAL,
    Party,
    alias,
    logical,
    new_number,
    observation,
    person_of,
    record_of,
    treats_too,
    unchanged,
)
from tests.api.running import Answer, Running
from tests.api.v1 import Client, link_to


class Case:
    """A record of the hospital's, with an observation, in which the clinic writes too."""

    def __init__(self, service: Running, hospital: Party) -> None:
        self.service, self.hospital = service, hospital
        self.keeper, self.attacker = Client(service, "hospital"), Client(service, "clinic")
        self.who, self.number = hospital.patient()
        self.record = record_of(service.log, self.who)
        treats_too(service, self.who, (CLINIC, new_number()))
        self.identity = hospital.made(observation(self.who))
        self.path = f"/fhir/Observation/{self.identity}"
        self.at = int(self.identity.partition("-")[2])

    def hash(self, at: int) -> Hash:
        return Hash(leaf_hash(self.service.log.reader.entry(at).raw))

    def change(self, at: int, kind: Kind, header: Header, content: bytes = b"") -> Draft:
        place, named = Position(at), self.hash(at)
        media, fields = header.media_type, header.encode()
        return Draft(self.record, content, media, kind, fields, amended=named, amends=place)

    def text(self, status: str) -> bytes:
        return json.dumps(observation(logical(HOSPITAL, self.number)) | {"status": status}).encode()

    def order(self, *at: int) -> Draft:
        """To erase these entries, or the whole record."""
        ordered = sorted(at, key=self.hash)
        body = EraseEntries(tuple(map(self.hash, ordered))) if at else EraseRecord()
        draft = Draft(self.record, b"", CBOR, Kind.ERASURE, {"reason": "x"}, body=body.encode())
        return replace(draft, erases=tuple(map(Position, ordered)))

    def refuses(self, draft: Draft, why: str) -> None:
        with unchanged(self.service):
            answer = self.attacker.append(draft)
            assert (answer.status, why in answer.text) == (422, True), answer.text

    def stands(self) -> bool:
        answer = self.hospital.get(self.path)
        return answer.status == 200 and answer.json["status"] == "final"


@pytest.fixture
def case(service: Running, hospital: Party) -> Case:
    return Case(service, hospital)


def taken(answer: Answer) -> int:
    assert answer.status == 201, answer.text
    return int(answer.headers["Entry"])


@pytest.mark.parametrize("away", [False, True])
def test_a_retraction_that_says_it_keeps_content(case: Case, away: bool) -> None:
    """Else it would pass for an approval, and hide the document from the person too."""
    header = Header(CBOR, reason="x", keeps_content=True, moved_away=away)
    case.refuses(case.change(case.at, Kind.RETRACT, header), "only an amendment keeps content")
    assert case.stands()


@pytest.mark.parametrize("kind", [Kind.AMEND, Kind.RETRACT])
def test_behind_an_approval_of_its_own_nothing_is_changed(case: Case, kind: Kind) -> None:
    """The approval stands for the hospital's version, whoever gave it."""
    kept = Header(FHIR_JSON, reason="seen", keeps_content=True)
    at = taken(case.attacker.append(case.change(case.at, Kind.AMEND, kept)))
    changes = kind is Kind.AMEND
    header = Header(FHIR_JSON if changes else CBOR, reason="x")
    text = case.text("cancelled") if changes else b""
    case.refuses(case.change(at, kind, header, text), "keeps another one's content")
    assert case.stands()


def test_an_approval_with_a_content_of_any_type(case: Case) -> None:
    header = Header("text/plain", reason="x", keeps_content=True)
    case.refuses(case.change(case.at, Kind.AMEND, header, b"lost"), "has none of its own")


def test_nobody_has_erased_what_another_one_wrote(case: Case) -> None:
    own = taken(case.attacker.append(Draft(case.record, b"hi", "text/plain")))
    case.refuses(case.order(), "a whole record")
    case.refuses(case.order(case.at), "somebody else wrote")
    case.refuses(case.order(own, case.at), "somebody else wrote")
    case.refuses(replace(case.order(case.at), erases=(Position(own),)), "not the one")
    case.refuses(replace(case.order(case.at), erases=()), "0 places came with it")
    assert case.stands()
    taken(case.attacker.append(case.order(own)))


def test_nobody_has_erased_by_a_link_alone(case: Case) -> None:
    case.who, _ = case.hospital.patient()
    case.record = record_of(case.service.log, case.who)
    taken(case.attacker.append(link_to(case.record, CLINIC, new_number())))
    case.refuses(case.order(), "a whole record")
    case.refuses(case.order(int(case.who.partition("-")[2])), "somebody else wrote")


def test_a_reader_erases_no_trace_of_itself(case: Case, clinic: Party) -> None:
    """Neither the one that the service wrote for it, nor one that it signed itself."""
    noted = int(clinic.get(case.path).headers["Access-Entry"])
    case.refuses(case.order(noted), "who read a record stays in it")
    access = Draft(case.record, b"", CBOR, Kind.ACCESS, Header(CBOR, purpose="TREAT").encode())
    signed = taken(case.attacker.append(access))
    case.refuses(case.order(signed), "who read a record stays in it")


def test_nobody_unlinks_the_number_of_another_one(case: Case) -> None:
    standing = newest(case.service.log.reader, alias(case.service, case.number))
    assert standing is not None
    draft = unlink_draft(standing, LinkedIdentifier(HOSPITAL, case.number), b"", "x")
    case.refuses(replace(draft, tags=()), "somebody else wrote")
    assert case.stands()
    taken(case.keeper.append(replace(draft, tags=())))


def test_the_vault_opens_nothing_of_another_record(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, _ = case.hospital.patient()
    victim = Position(int(case.hospital.made(observation(who)).partition("-")[2]))
    own = taken(case.attacker.append(Draft(case.record, b"hi", "text/plain")))
    opened: list[Position] = []
    real = Vault.use_all

    def seen(self: Vault, places: list[Position], purpose: str) -> object:
        opened.extend(places)
        return real(self, places, purpose)

    monkeypatch.setattr(Vault, "use_all", seen)
    draft = case.change(own, Kind.AMEND, Header("text/plain", reason="x"), b"ho")
    case.refuses(replace(draft, amends=victim), "not the one that the claim names")
    assert victim not in opened


def test_a_page_of_events_ends_where_records_part(case: Case) -> None:
    log, author = case.service.log, case.service.members["hospital"].author
    other, _ = case.hospital.patient()
    theirs, person = record_of(log, other), person_of(case.service, case.who, "parted")
    for _ in range(3):
        case.hospital.get(f"/fhir/Patient/{other}")
    join(log, author, case.record, theirs)
    page = person.get("/fhir/AuditEvent?_count=1").json
    part(log, author, case.record, theirs, "wrong")
    places = {one.index for one in log.reader.history(theirs) if one.leaf.claim.kind is Kind.ACCESS}
    told = set()
    while url := next((one["url"] for one in page["link"] if one["relation"] == "next"), None):
        page = person.get(url.removeprefix(case.service.url)).json
        told |= {int(one["resource"]["id"].partition("-")[2]) for one in page.get("entry", [])}
    assert len(places) >= 3 and not places & told


def test_a_reason_that_tells_of_somebody_else_is_not_the_persons(case: Case) -> None:
    person = person_of(case.service, case.who, "reasons")
    gone = Header(CBOR, reason="belongs to the next bed", moved_away=True)
    taken(case.keeper.append(case.change(case.at, Kind.RETRACT, gone)))
    right = Header(FHIR_JSON, reason="the right one")
    taken(case.keeper.append(case.change(case.at, Kind.AMEND, right, case.text("corrected"))))
    path = f"/fhir/Provenance?target=Observation/{case.identity}"
    assert "the next bed" in case.hospital.get(path).text
    told = person.get(path).text
    assert "the next bed" not in told and "the right one" in told


@pytest.mark.parametrize("kind", [Kind.AMEND, Kind.RETRACT])
def test_a_reason_goes_with_what_was_ordered_to_be_erased(case: Case, kind: Kind) -> None:
    changes = kind is Kind.AMEND
    header = Header(FHIR_JSON if changes else CBOR, reason="a secret")
    text = case.text("corrected") if changes else b""
    at = taken(case.keeper.append(case.change(case.at, kind, header, text)))
    path = f"/fhir/Provenance?target=Observation/{case.identity}"
    assert "a secret" in case.hospital.get(path).text
    taken(case.keeper.append(case.order(at)))
    assert "a secret" not in case.hospital.get(path).text


def test_a_change_under_v1_waits_for_one_that_looked_at_the_version(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else If-Match would be of a version that is not the newest, and the answer of another one."""
    draft = case.change(case.at, Kind.AMEND, Header(FHIR_JSON, reason="v1"), case.text("corrected"))
    real, answers = Bridge.append, list[Answer]()
    beside = threading.Thread(target=lambda: answers.append(case.keeper.append(draft)))

    async def slowly(self: Bridge, submissions: Sequence[Submission]) -> list[Outcome]:
        if not beside.ident:
            beside.start()
            await asyncio.sleep(0.5)
        return await real(self, submissions)

    monkeypatch.setattr(Bridge, "append", slowly)
    body = observation(case.who) | {"id": case.identity, "status": "amended"}
    answer = case.hospital.ask("PUT", case.path, body, If_Match='W/"1"')
    beside.join()
    assert (answer.status, answer.headers["ETag"], answers[0].status) == (200, 'W/"2"', 201)
    said = [case.hospital.get(f"{case.path}/_history/{one}").json["status"] for one in (2, 3)]
    assert said == ["amended", "corrected"]


def test_a_gateway_of_an_institution_acts_for_it_and_for_no_other(
    service: Running, hospital: Party, clinic: Party
) -> None:
    """So an institution that has no login key gets in; what it wrote stays its own."""
    who, _ = hospital.patient()
    mine = hospital.made(observation(who))
    service.enrol("hospital-client", "gateway", by="hospital")
    ours = Party(service, "hospital-client", HOSPITAL)
    assert ours.ask("GET", f"/fhir/Observation/{mine}").status == 200
    changed = observation(who, id=mine, status="amended")
    assert ours.ask("PUT", f"/fhir/Observation/{mine}", changed).status == 200
    service.enrol("clinic-client", "gateway", by="clinic")
    theirs = Party(service, "clinic-client", clinic.system)
    assert theirs.ask("GET", f"/fhir/Observation/{mine}").status == 404
