"""Actor entries: who may sign, and from where on."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import Submission
from ledger.author import Author, Draft
from ledger.errors import BadRequest
from ledger.identity import ROLES, Enrol, NewKey, Revoke
from ledger.identity.roles import RECORD_ROLES, SCOPED_ROLES
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ActorId, ChainId, new_chain_id
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey
from tests.log.sample import Sample, contents, entry_with, placed, refused


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def _new() -> NewKey:
    return NewKey(raw_public(_key()))


def _enrolment(log: Log, name: str = "") -> tuple[Author, Submission]:
    key, chain = _key(), new_chain_id()
    entry = log.governor().actor(chain, Enrol("device", (NewKey(raw_public(key)),)).encode(), name)
    return Author(log.reader.registry.log, ActorId(chain), StatementKey.of(key)), entry


def test_enrolled_author_signs_in_the_next_call(log: Log, sample: Sample) -> None:
    author, entry = _enrolment(log, "Pump 3")
    index = placed(log.append([entry])[0]).index
    assert log.vault.use(index, "test").header["name"] == "Pump 3"
    placed(log.append([author.entry(Draft(sample.record, b"{}"))])[0])
    assert log.reader.registry.actors[author.id].enrolled_at == index


def test_author_that_was_not_yet_enrolled_may_sign_later(log: Log, sample: Sample) -> None:
    author, entry = _enrolment(log)
    early = author.entry(Draft(sample.record, b"{}"))
    assert "is not enrolled" in refused(log.append([early])[0]).message
    placed(log.append([entry])[0])
    placed(log.append([early])[0])


def test_several_actor_entries_in_one_request_need_one_commit_each(
    log: Log, sample: Sample
) -> None:
    """The first is taken, the others are told what to do, and can be handed in as they are."""
    waiting = [_enrolment(log)[1] for _ in range(3)]
    waiting.append(entry_with(sample.clinic, sample.record))
    indexes = []
    while waiting:
        outcomes = log.append(waiting)
        indexes.append(placed(outcomes[0]).index)
        waiting = waiting[1:]
        for outcome in outcomes[1:]:
            error = refused(outcome)
            assert "a change of actors or governors ends its commit" in error.message
            assert "afterwards" in error.hint
    assert indexes == [sample.size + at for at in range(4)]


def test_actor_entries_handed_in_at_once_are_each_committed(log: Log, sample: Sample) -> None:
    pairs = [_enrolment(log) for _ in range(12)]
    futures = [log.append_later([entry]) for _, entry in pairs]
    for future in futures:
        placed(future.result()[0])
    assert {author.id for author, _ in pairs} <= set(log.reader.registry.actors)
    entries = [author.entry(Draft(sample.record, b"{}")) for author, _ in pairs]
    assert all(isinstance(outcome, Appended) for outcome in log.append(entries))


def test_what_stands_before_an_actor_entry_in_a_request_is_taken(log: Log, sample: Sample) -> None:
    good = entry_with(sample.clinic, sample.record)
    outcomes = log.append([good, _enrolment(log)[1], entry_with(sample.clinic, sample.record)])
    assert [type(one) for one in outcomes] == [Appended, Appended, BadRequest]


def test_revoked_author_is_refused_from_there_on(log: Log, sample: Sample) -> None:
    before = entry_with(sample.clinic, sample.record)
    after = entry_with(sample.clinic, sample.record)
    placed(log.append([before])[0])
    index = log.revoke(sample.clinic.id, sample.clinic.key.kid).index
    error = refused(log.append([after])[0])
    assert isinstance(error, BadRequest)
    (key,) = log.reader.registry.actors[sample.clinic.id].keys
    assert key.ended_at == index
    assert log.reader.entry(index).leaf.seq == 1


def test_entries_admitted_before_a_revocation_and_sequenced_after_it(
    log: Log, sample: Sample
) -> None:
    """Admission saw a good key, the writer knows better: whoever is behind it is refused."""
    revocation = log.governor().actor(
        ChainId(sample.clinic.id), Revoke(sample.clinic.key.kid).encode()
    )
    entries = [entry_with(sample.clinic, sample.record) for _ in range(40)]
    first = log.append_later(entries[:20])
    revoked = log.append_later([revocation])
    second = log.append_later(entries[20:])
    index = placed(revoked.result()[0]).index
    for outcome in first.result() + second.result():
        if isinstance(outcome, Appended):
            assert outcome.index < index
        else:
            assert isinstance(outcome, BadRequest)
    assert len(list(log.reader.history(sample.record))) == 3 + sum(
        isinstance(one, Appended) for one in first.result() + second.result()
    )


def test_enrol_and_revoke_are_idempotent(log: Log) -> None:
    author, entry = _enrolment(log)
    first = placed(log.append([entry])[0])
    again = placed(log.append([entry])[0])
    assert again.known and again.index == first.index
    revocation = log.governor().actor(ChainId(author.id), Revoke(author.key.kid).encode())
    revoked = placed(log.append([revocation])[0])
    assert placed(log.append([revocation])[0]).index == revoked.index
    assert placed(log.append([entry])[0]).index == first.index


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_can_be_enrolled(log: Log, sample: Sample, role: str) -> None:
    record = sample.record if role in RECORD_ROLES else None
    scope = {"read", "link"} if role in SCOPED_ROLES else set()
    actor, _ = log.enrol("", role, [_new()], record=record, scope=scope)
    assert log.reader.registry.actors[actor].role == role


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda log, _: log.enrol("", "king", [_new()]),
            "role king is unknown",
        ),
        (lambda log, _: log.enrol("", "app", [NewKey(bytes(32))]), "prime-order"),
        (lambda log, _: log.enrol("", "app", [NewKey(b"short")]), "32 bytes"),
        (
            lambda log, sample: log.enrol("", "app", [NewKey(sample.clinic.key.public_key)]),
            "already registered",
        ),
        (
            lambda log, sample: log.revoke(sample.leaver.id, sample.leaver.key.kid),
            "no key of this actor that is valid now",
        ),
        (
            lambda log, sample: log.revoke(ActorId(os.urandom(16)), sample.leaver.key.kid),
            "chain of an enrolled actor",
        ),
    ],
    ids=["unknown role", "weak key", "short key", "used key", "revoked", "nobody"],
)
def test_refused_calls_raise_and_change_nothing(
    log: Log, sample: Sample, call: Callable[[Log, Sample], object], message: str
) -> None:
    before = contents(log)
    with pytest.raises(BadRequest, match=message):
        call(log, sample)
    assert contents(log) == before


def test_the_statement_key_of_the_log_cannot_be_enrolled(log: Log) -> None:
    with pytest.raises(BadRequest, match="already registered"):
        log.enrol("", "app", [NewKey(log.reader.registry.genesis.statement_key)])
