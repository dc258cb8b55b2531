"""Evidence of logs that are false, under proofs that are right."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier import heads
from tests.verifier.evidenceedits import without
from tests.verifier.evidencemaker import ENTRY, HISTORY, Maker, multi_proof, prove
from tests.verifier.evidenceworld import World, policy, step
from tests.verifier.formats import ACCESS, AMEND, ERASURE, RECORD, Signer, ed25519_key
from tests.verifier.logmaker import Log, Sample, new_governor

Made = tuple[Maker, Log]


def access(**change: Any) -> Callable[[], Made]:
    """The person's newest entry is an access that breaks a rule; callables are given the log."""

    def make() -> Made:
        log = Sample()
        given = {key: value(log) if callable(value) else value for key, value in change.items()}
        by = given.pop("by", log.clinic)
        log.add(given.pop("kind", ACCESS), log.person, by, **given)
        return proven(log)

    return make


def built(build: Callable[[Sample], object]) -> Callable[[], Made]:
    def make() -> Made:
        log = Sample()
        build(log)
        return proven(log)

    return make


def proven(log: Log, **change: Any) -> Made:
    heads.add_epoch(log, **change)
    return prove([log], HISTORY, log.person), log  # type: ignore[attr-defined]


def epoch(**change: Any) -> Callable[[], Made]:
    def make() -> Made:
        log = Sample()
        return proven(log, **{key: value(log) for key, value in change.items()})

    return make


def epoch_body(body: bytes) -> Callable[[], Made]:
    """An epoch with a body of which no pages can be made: those of a true one are shown."""

    def make() -> Made:
        file, _ = proven(Sample())
        log, part = Sample(), file.parts[0]
        heads.add_epoch(log, body=body)
        part.leaves = [(at, log.leaves[at]) for at, _ in part.leaves]
        part.hashes = multi_proof([at for at, _ in part.leaves], log.hashes)
        file.checkpoint = log.checkpoint()
        return file, log

    return make


def revoked(log: Sample) -> None:
    log.revoke(log.pharmacy)
    log.add(ACCESS, log.person, log.pharmacy)


def wrong_role(log: Sample) -> None:
    log.add(RECORD, log.person, log.enrol("auditor", "auditor"))


def member_of_another(log: Sample) -> None:
    def change(claims: list[bytes]) -> list[bytes]:
        return [claims[0], claims[1][:66] + log.entry_id(9) + claims[1][82:]]

    log.batch(log.clinic, [log.other, log.person], members=change)


def twice(log: Sample) -> None:
    entry_id = log.entry_id(70, log.now)
    for _ in range(2):
        log.add(ACCESS, log.person, log.clinic, entry_id=entry_id)


def run(to: int, rows: int) -> bytes:
    return struct.pack(">QQ32s", to, rows, bytes(32))


ROWS = len(heads.run(Sample(), 0, len(Sample().leaves)).rows)
FALSE_LOGS: dict[str, tuple[str, Callable[[], Made]]] = {
    "a key that was revoked before": ("key", built(revoked)),
    "an author that was never enrolled": ("key", access(by=Signer(bytes(16), ed25519_key("x")))),
    "another's key": ("key", access(kid=lambda log: log.pharmacy.kid)),
    "a signature by somebody else": (
        "signature",
        access(key=lambda log: log.pharmacy.key, kid=lambda log: log.clinic.kid),
    ),
    "a role that may not": ("role", built(wrong_role)),
    "a member that is not in the batch": ("batch", built(member_of_another)),
    "a seq left out": ("chain", access(seq=9)),
    "another previous leaf": ("chain", access(prev=lambda log: log.hashes[4])),
    "a previous leaf elsewhere": ("chain", access(prev_index=4)),
    "an entry of another log": ("log", access(log=bytes(32))),
    "time that goes back": ("time", access(received=lambda log: log.now - 5000)),
    "an entry id twice": ("entry id", built(twice)),
    "an entry id of another year": ("entry id", access(entry_id=lambda log: log.entry_id(1, 1))),
    "an amendment of nothing": ("amended", access(kind=AMEND, amended=bytes(31) + b"1")),
    "an entry that came too late": ("expiry", access(expires=1)),
    "an epoch by an actor": ("key", epoch(by=lambda log: log.clinic)),
    "an epoch by a governor": ("key", epoch(by=lambda log: log.governor)),
    "an epoch on another chain": (
        "chain",
        epoch(chain=lambda log: log.derived("batch", log.clinic.id)),
    ),
    "an epoch over leaves behind itself": ("epoch", epoch_body(run(17, ROWS))),
    "an epoch with a run that is not aligned": ("epoch", epoch_body(run(5, 1) + run(9, 1))),
    "an epoch with runs that go back": ("epoch", epoch_body(run(4096, 1) + run(4096, 1))),
    "an epoch with more rows than leaves": ("epoch", epoch_body(run(5, 6))),
    "an epoch without rows": ("epoch", epoch_body(run(5, 0))),
    "an epoch of half a run": ("epoch", epoch_body(bytes(24))),
    "an epoch of too many runs": (
        "epoch",
        epoch_body(b"".join(run(4096 * number, 1) for number in range(1, 257))),
    ),
}


@pytest.mark.parametrize("name", FALSE_LOGS)
def test_a_false_log_is_caught(name: str) -> None:
    expected, make = FALSE_LOGS[name]
    file, log = make()
    assert step(file, policy(log)) == expected


def test_bodies_of_entries_that_stand_alone() -> None:
    """An erasure and an older epoch that are claimed, with bodies that say nothing."""
    log = Sample()
    erasure = log.add(ERASURE, log.person, log.clinic, body=b"\xa0")
    old_epoch = heads.add_epoch(log, body=run(2**20, ROWS))
    heads.add_epoch(log)
    file = prove([log], ENTRY, log.person, erasure)
    assert step(file, policy(log)) == "erasure"
    file = prove([log], ENTRY, log.derived("epoch", log.chain), old_epoch)
    assert step(file, policy(log)) == "epoch"


def test_an_actor_chain_cut_short() -> None:
    """A key was revoked, and the file does not say so: the head of that chain does."""
    log = World("cut")
    revocation = log.revoke(log.nurse)
    heads.add_epoch(log)
    file = prove([log], HISTORY, log.person)
    assert step(file, policy(log)) == ""
    without(revocation)(file)
    assert step(file, policy(log)) == "look-up"


def test_a_log_chain_cut_short() -> None:
    """New governors are left out: what the old ones sign afterwards would look right."""
    log = World("governed")
    change = len(log.leaves)
    log.trust([new_governor("other")])
    heads.add_epoch(log)
    file = prove([log], HISTORY, log.person)
    assert step(file, policy(log)) == ""
    without(change)(file)
    assert step(file, policy(log)) == "look-up"


def test_a_foreign_actor() -> None:
    """The enrolment of somebody who has nothing to do with it, and its look-up."""
    log = World("stranger")
    stranger = log.enrol("stranger")
    heads.add_epoch(log)
    file = prove([log], HISTORY, log.person, custodian_actors=(stranger.id,))
    assert step(file, policy(log)) == "leaves"
    file = prove([log], HISTORY, log.person, custodian_actors=(log.guard.id,))
    assert step(file, policy(log)) == "leaves"
