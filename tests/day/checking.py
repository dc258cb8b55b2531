"""Checking: what clients saw against the log, the log against itself and against the verifier.

Everything raises AssertionError; what is counted comes back for the table.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.check import check_ledger
from ledger.export import export_tiles
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.reader import open_reader
from ledger.record.header import Header, decode_header
from ledger.vault.door import MOST
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId
from tests.day.clients import Clients, Seen
from tests.day.ground import AUDITOR, Ground
from tests.day.script import READS
from verifier.audit import Options, audit_log
from verifier.evidence.check import check_evidence
from verifier.fetch import open_source
from verifier.formats.claim import ACCESS
from verifier.formats.policy import Policy, parse_policy

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Logged:
    """An access entry, opened."""

    index: int
    chain: ChainId
    author: ActorId
    header: Header


@dataclass(frozen=True, slots=True)
class Found:
    """What the check counted."""

    entries: int
    accesses: int
    denials: int
    evidence: int
    """Files, one for each patient, each verified."""
    evidence_s: float
    audit_s: float
    check_s: float


def check_answers(clients: Clients) -> None:
    """Every step was answered, once, and as the script says."""
    assert sorted(one.step.number for one in clients.seen) == list(range(len(clients._done)))
    complaints = [
        f"step {one.step.number}, {one.step.kind}: {one.status}: {one.complaint}"
        for one in clients.seen
        if one.complaint
    ]
    assert not complaints, "\n".join(complaints[:20])


def check_day(
    ground: Ground, clients: Clients, place: Path, advance: Advance = lambda: None
) -> Found:
    """All of it. The service has stopped; ``place`` takes an export."""
    check_answers(clients)
    service = ground.service
    with Log.open(service.directory) as log:
        size = log.reader.checkpoint.size
        opened = accesses(log)
        check_accesses(ground, clients, opened, log)
        denials = check_denials(ground, clients.seen, opened.values())
    began = time.monotonic()
    files = check_evidence_of_all(ground, opened, advance)
    evidence_s, began = time.monotonic() - began, time.monotonic()
    audit(ground, place)
    audit_s, began = time.monotonic() - began, time.monotonic()
    report = check_ledger(service.directory)
    assert report.problems == [], report.problems[:5]
    return Found(size, len(opened), denials, files, evidence_s, audit_s, time.monotonic() - began)


def accesses(log: Log) -> dict[int, Logged]:
    """Every access entry of the log."""
    reader = log.reader
    entries = [reader.entry(index) for index in range(reader.checkpoint.size)]
    entries = [one for one in entries if one.leaf.claim.kind is Kind.ACCESS]
    found = {}
    for at in range(0, len(entries), MOST):
        group = entries[at : at + MOST]
        streams = log.vault.use_all([one.position for one in group], "check of a day")
        for entry, stream in zip(group, streams, strict=True):
            assert not isinstance(stream, Exception), stream
            claim = entry.leaf.claim
            header = decode_header(stream.header)
            found[entry.index] = Logged(entry.index, claim.chain, claim.author, header)
    return found


def check_accesses(
    ground: Ground, clients: Clients, logged: Mapping[int, Logged], log: Log
) -> None:
    """Every answer with content has its entry, which says whose record, who, for which request, and
    exactly what was in the answer; no entry is of no answer, and none of two.
    """
    told: Counter[int] = Counter()
    for seen in clients.seen:
        step = seen.step
        reads = step.kind in READS and seen.status == 200
        assert bool(seen.accesses) == reads, f"step {step.number}, {step.kind}: {seen.accesses}"
        told.update(seen.accesses)
        if not reads:
            continue
        names: list[bytes] = []
        for index in seen.accesses:
            one = logged[index]
            assert one.chain == ground.patients[step.patient].record, "another record's entry"
            assert one.author == ground.service.gateway.id
            assert one.header.on_behalf_of == ground.service.members[step.who].actor
            assert one.header.request == seen.request
            assert one.header.purpose and not one.header.denied
            names += one.header.entries
        shown = {leaf_hash(log.reader.entry(_place(clients, one)).raw) for one in seen.released}
        assert sorted(names) == sorted(shown), f"step {step.number}, {step.kind}"
    assert set(told.values()) <= {1}, "one entry for two answers"
    unseen = {index for index, one in logged.items() if not one.header.denied} - told.keys()
    assert not unseen, f"entries that no client was told of: {sorted(unseen)[:10]}"


def _place(clients: Clients, version: tuple[str, int]) -> int:
    """Where it stands: what its writer was told, or for an AuditEvent its own place."""
    identity, number = version
    if version in clients.places:
        return clients.places[version]
    assert number == 1
    return int(identity.partition("-")[2])


def check_denials(ground: Ground, seen: Iterable[Seen], logged: Iterable[Logged]) -> int:
    """Every stranger's first attempt at a record is an entry in it, and there are no others."""
    tried = {
        (ground.service.members[one.step.who].actor, ground.patients[one.step.patient].record)
        for one in seen
        if one.step.is_denied
    }
    entries = [one for one in logged if one.header.denied]
    noted = {(one.header.on_behalf_of, one.chain) for one in entries}
    assert noted == tried, f"{len(tried)} tried, {len(noted)} noted"
    assert not any(one.header.entries for one in entries)
    return len(entries)


def policy_of(ground: Ground) -> Policy:
    """The log's keys, and nobody else's."""
    return parse_policy("".join(f"log {vkey}\n" for vkey in ground.service.vkeys).encode())


def check_evidence_of_all(
    ground: Ground, logged: Mapping[int, Logged], advance: Advance = lambda: None
) -> int:
    """For each patient an evidence file from the service, checked by the verifier: these are all
    entries of the record, and its accesses are those that clients were told of, and the denials.
    """
    policy = policy_of(ground)
    by_record: dict[ChainId, list[int]] = defaultdict(list)
    for one in logged.values():
        by_record[one.chain].append(one.index)
    service = ground.service
    service.start()
    try:
        token = [service.token(AUDITOR, "ledger/read")]
        got = time.monotonic()
        for patient in ground.patients:
            if time.monotonic() - got > 200:
                token, got = [service.token(AUDITOR, "ledger/read")], time.monotonic()
            path = f"/v1/records/{patient.record.hex()}/evidence"
            answer = service.get(path, token[0])
            assert answer.status == 200, answer.text
            assert answer.headers["Evidence-Newer"] == "0"
            report = check_evidence(answer.body, policy, time.time_ns() // 1_000_000)
            assert report.verified, report.problems
            entries = [one.leaf_index for one in report.entries if one.leaf.claim.kind == ACCESS]
            assert entries == sorted(by_record[patient.record])
            assert [one.leaf.seq for one in report.entries] == list(range(len(report.entries)))
            advance()
    finally:
        service.stop()
    return len(ground.patients)


def audit(ground: Ground, place: Path) -> None:
    """The whole log, exported with its entries, by the verifier."""
    reader = open_reader(ground.service.directory)
    try:
        export_tiles(reader, place / "export", with_entries=True)
    finally:
        reader.close()
    result = audit_log(
        open_source(str(place / "export")),
        policy_of(ground),
        (),
        Options(now_ms=time.time_ns() // 1_000_000),
    )
    assert result.verified, result
