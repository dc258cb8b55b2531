"""What the service keeps in memory is bounded, whatever it is asked."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

import pytest

from api.desk import DESK, Denials
from api.errors import Refused
from api.fhir.paging import PAGES, Pages, Rest
from ledger.author import Draft
from ledger.resources.index import ChainIndex
from ledger.resources.kept import Kept
from ledger.resources.library import Library
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash
from tests.api.hostile import (
    CLINIC,
    HOSPITAL,
    NOBODY,
    Party,
    bundle,
    denials,
    observation,
    patient,
    record_of,
    wait_for_denial,
)
from tests.api.running import Running
from tests.api.v1 import JSON, encoded, entry_body


def test_chains_that_are_not_there_are_not_kept(service: Running) -> None:
    token = service.token("clinic", "ledger/append ledger/read")
    author = service.members["clinic"].author
    assert service.app is not None
    index = service.app[DESK].library._index
    before = index.chains
    for _ in range(20):
        chain = ChainId(secrets.token_bytes(16))
        draft = Draft(chain, b"{}", kind=Kind.AMEND, amended=Hash(secrets.token_bytes(32)))
        body = encoded(entry_body(author.entry(draft)), JSON)
        assert service.ask("POST", "/v1/entries", body, {"Content-Type": JSON}, token).status == 404
        assert service.get(f"/v1/records/{chain.hex()}/entries", token).status == 404
        assert service.get(f"/fhir/Patient/{NOBODY}", token).status == 403
    assert index.chains == before


def test_what_is_kept_is_bounded_by_weight() -> None:
    kept: Kept[int, str] = Kept(3, 10)
    for number in range(5):
        kept.keep(number, "x", 1)
    assert (len(kept), kept.weight, kept.get(1), kept.get(2)) == (3, 3, None, "x")
    kept.keep(9, "heavy", 9)
    assert (len(kept), kept.weight, kept.get(2), kept.get(3)) == (2, 10, "x", None)
    kept.keep(9, "light", 1)
    assert (len(kept), kept.weight) == (2, 2)
    kept.keep(7, "too heavy for all", 99)
    assert (len(kept), kept.weight, kept.get(7)) == (1, 99, "too heavy for all")


def test_records_that_were_read_are_kept_by_their_entries(
    service: Running, hospital: Party
) -> None:
    library = Library(service.log, ChainIndex(service.log, 30), most_entries=30)
    for _ in range(8):
        who, _ = hospital.patient()
        for number in range(3):
            hospital.made(observation(who, issued=f"2026-01-0{number + 1}T00:00:00Z"))
        assert len(library.shelf(record_of(service.log, who)).resources) == 4
    for kept in (library._reads, library._shelves):
        assert 1 < len(kept) < 8 and kept.weight <= 30
    assert library._index.held <= 30


def test_a_caller_cannot_hide_its_denials_behind_others() -> None:
    memory = Denials()
    loud, quiet = ActorId(bytes(16)), ActorId(bytes(15) + b"\x01")
    records = [ChainId(number.to_bytes(16, "big")) for number in range(3_000)]
    assert sum(memory.is_first(loud, one) for one in records) == 2_000
    assert memory.is_first(quiet, records[0]) and not memory.is_first(quiet, records[0])
    memory.forget(loud, records[0])
    assert memory.is_first(loud, records[0])


def test_a_denial_that_could_not_be_written_is_written_the_next_time(
    service: Running, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, _ = hospital.patient()
    clinic = Party(service, "clinic", CLINIC)
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise Refused(503, "full")

        patch.setattr("api.denials.access_entries", full)
        assert clinic.get(f"/fhir/Patient/{who}").status == 404
        time.sleep(0.05)
    assert denials(service.log, who) == []
    assert clinic.get(f"/fhir/Patient/{who}").status == 404
    assert len(wait_for_denial(service, who)) == 1


def test_pages_are_bounded() -> None:
    pages, kept = Pages(), 0
    ids = tuple(("Observation", str(number)) for number in range(1_000))
    rest = Rest(ActorId(bytes(16)), None, "Observation", ids, 10, None, "")
    names = [pages.keep(rest) for _ in range(300)]
    assert (len(pages._rests), pages._ids) == (200, 200_000)
    assert pages.get(names[0], rest.caller) is None
    assert pages.get(names[-1], rest.caller) == rest
    callers = [ActorId(number.to_bytes(16, "big")) for number in range(1, 30)]
    for caller in callers:
        for _ in range(200):
            pages.keep(replace(rest, caller=caller, ids=ids[:10]))
            kept = max(kept, len(pages._rests))
    assert kept == 2_000 and pages._ids == 20_000
    assert sum(map(len, pages._names.values())) == len(pages._rests) == 2_000
    for caller in callers:
        pages.keep(replace(rest, caller=caller, ids=ids * 40))
    assert pages._ids <= 1_000_000 and len(pages._names) <= 29


def test_nobody_pushes_out_the_pages_of_others() -> None:
    pages, ids = Pages(), (("Observation", "1"),)
    quiet, loud = ActorId(bytes(16)), ActorId(bytes(15) + b"\x01")
    rest = Rest(quiet, None, "Observation", ids, 10, None, "")
    name = pages.keep(rest)
    for _ in range(5_000):
        pages.keep(replace(rest, caller=loud))
    assert pages.get(name, quiet) == rest and len(pages._rests) == 201


def test_nothing_is_left_of_requests(service: Running, hospital: Party) -> None:
    assert service.app is not None
    who, number = hospital.patient()
    same = patient((HOSPITAL, number))
    for body in (same, bundle(*[("POST", "Patient", same)] * 3), b"{"):
        hospital.ask("POST", "/fhir/Patient", body)
        hospital.ask("POST", "/fhir", body)
    hospital.ask("DELETE", f"/fhir/Observation/{NOBODY}")
    hospital.get(f"/fhir/Patient/{who}/$everything")
    desk = service.app[DESK]
    assert desk.locks._locks == {} and len(service.app[PAGES]._rests) == 0
