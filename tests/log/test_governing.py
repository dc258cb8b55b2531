"""Several governors: what they do together, and approvals that are good for one place only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.appender import Outcome
from ledger.author import Author
from ledger.check import check_ledger
from ledger.errors import BadEvidence, BadRequest
from ledger.founding import draft_genesis, found_approved
from ledger.identity import Act, Contest, Enrol, Governors, Quorum, Revoke, with_quorum
from ledger.identity.approvals import sign_approval
from ledger.identity.requests import Proposal, approve
from ledger.keyfiles import Unlock
from ledger.log import Log
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ChainId, new_chain_id
from ledger.wire.statement import StatementKey
from tests.log.governed import (
    Governed,
    governor_of,
    make_governed,
    new_key,
    registered,
)
from tests.log.sample import memory_directory, now_ms, placed

HOUR = 3_600_000


@pytest.fixture
def governed() -> Iterator[Governed]:
    with memory_directory() as place:
        yield make_governed(place)


@pytest.fixture
def open_log(governed: Governed) -> Iterator[Log]:
    with Log.open(governed.directory) as log:
        yield log
    assert check_ledger(governed.directory).problems == []


def enrolment() -> Enrol:
    return Enrol("organisation", (registered(new_key()),))


def test_founded_with_approvals(governed: Governed, open_log: Log) -> None:
    registry = open_log.reader.registry
    assert registry.governors == governed.governors
    assert registry.threshold == 2


def test_enrolled_by_two_of_three(governed: Governed, open_log: Log) -> None:
    by = open_log.governor_with(governed.keys[1])
    actor, _ = open_log.enrol(
        "Clinic", "organisation", [registered(new_key())], by=by, approvers=[governed.keys[2]]
    )
    assert open_log.reader.registry.actors[actor].enroller is None


def test_nobody_enrols_alone(governed: Governed, open_log: Log) -> None:
    by = open_log.governor_with(governed.keys[0])
    with pytest.raises(BadRequest, match="0 governors approve, 1 to 2 are needed"):
        open_log.enrol("", "organisation", [registered(new_key())], by=by)
    with pytest.raises(BadRequest, match="not that of another governor"):
        open_log.enrol(
            "", "organisation", [registered(new_key())], by=by, approvers=[governed.keys[0]]
        )
    entry = by.change(Kind.ACTOR, new_chain_id(), enrolment().encode())
    (outcome,) = open_log.append([entry])
    assert isinstance(outcome, BadRequest) and "nobody approves this" in outcome.message


def test_proposal_goes_as_a_file_and_comes_back(governed: Governed, open_log: Log) -> None:
    proposal = open_log.propose(enrolment(), now_ms() + HOUR, note="the clinic at the river")
    again = Proposal.decode(proposal.encode())
    assert again == proposal
    assert again.summary[0].startswith("enrol a new organisation ")
    by = open_log.governor_with(governed.keys[0])
    files = [approve(again, governed.keys[1]), approve(again, governed.keys[1])]
    appended = open_log.enact(proposal, files, by=by, name="Clinic")
    assert appended.index == 1
    assert not appended.known


def test_edited_proposal_is_refused(open_log: Log) -> None:
    proposal = open_log.propose(enrolment(), now_ms() + HOUR)
    row = json.loads(proposal.encode())
    row["summary"][0] = "enrol a new person"
    with pytest.raises(BadRequest, match="not what its change says"):
        Proposal.decode(json.dumps(row).encode())
    for name, value in (("chain", "00" * 15), ("kind", "batch"), ("expires_ms", -1), ("note", 1)):
        bad = json.loads(proposal.encode()) | {name: value}
        with pytest.raises(BadRequest):
            Proposal.decode(json.dumps(bad).encode())
    with pytest.raises(BadRequest, match="no counterfoil proposal"):
        Proposal.decode(b"[]")


def test_stale_proposal_says_so(governed: Governed, open_log: Log) -> None:
    by = open_log.governor_with(governed.keys[0])
    key = new_key()
    actor, _ = open_log.enrol(
        "", "organisation", [registered(key)], by=by, approvers=[governed.keys[1]]
    )
    chain = ChainId(actor)
    proposal = open_log.propose(Revoke(key.kid), now_ms() + HOUR, chain=chain)
    files = [approve(proposal, governed.keys[1])]
    open_log.contest(actor, 0, by=by, approvers=[governed.keys[2]])
    with pytest.raises(BadRequest, match="stale: its chain has gone on to index 2"):
        open_log.enact(proposal, files, by=by)


def test_approval_of_another_proposal_is_refused(governed: Governed, open_log: Log) -> None:
    first, second = (open_log.propose(enrolment(), now_ms() + HOUR) for _ in range(2))
    by = open_log.governor_with(governed.keys[0])
    with pytest.raises(BadRequest, match="for another proposal"):
        open_log.enact(first, [approve(second, governed.keys[1])], by=by)


def _signed(
    log: Log, chain: ChainId, by: Author, approver: StatementKey, changed: Callable[[Act], Act]
) -> Outcome:
    """A contest whose approval is over an act with something changed."""
    proposal = log.propose(Contest(0), now_ms() + HOUR, chain=chain)
    approval = sign_approval(approver, changed(proposal.act).payload())
    body = with_quorum(Contest(0), Quorum(proposal.act.expires_ms, (approval,)))
    (outcome,) = log.append([by.change(Kind.ACTOR, chain, body.encode())])
    return outcome


def test_approval_is_good_for_one_act_only(governed: Governed, open_log: Log) -> None:
    """Whatever of the act is another one: the approval is false."""
    by = open_log.governor_with(governed.keys[0])
    actor, _ = open_log.enrol(
        "", "organisation", [registered(new_key())], by=by, approvers=[governed.keys[1]]
    )
    chain, other = ChainId(actor), governed.keys[1]
    changes: list[Callable[[Act], Act]] = [
        lambda act: act._replace(kind=Kind.TRUST),
        lambda act: act._replace(log=ZERO_HASH),
        lambda act: act._replace(chain=new_chain_id()),
        lambda act: act._replace(prev=ZERO_HASH),
        lambda act: act._replace(change=Contest(1).encode()),
        lambda act: act._replace(expires_ms=act.expires_ms + 1),
    ]
    for change in changes:
        outcome = _signed(open_log, chain, by, other, change)
        assert isinstance(outcome, BadEvidence)
        assert "one change at one place" in outcome.hint
    placed(_signed(open_log, chain, by, other, lambda act: act))


def test_one_false_approval_spoils_enough_good_ones(governed: Governed, open_log: Log) -> None:
    by = open_log.governor_with(governed.keys[0])
    chain = new_chain_id()
    proposal = open_log.propose(enrolment(), now_ms() + HOUR, chain=chain)
    good = {key.kid: sign_approval(key, proposal.act.payload()) for key in governed.keys[1:]}
    last = max(good)
    good[last] = good[last][:-1] + bytes([good[last][-1] ^ 1])
    body = proposal.body
    assert isinstance(body, Enrol)
    quorum = Quorum(proposal.act.expires_ms, tuple(good[kid] for kid in sorted(good)))
    entry = by.change(Kind.ACTOR, chain, with_quorum(body, quorum).encode())
    (outcome,) = open_log.append([entry])
    assert isinstance(outcome, BadEvidence)


def test_approvals_expire(governed: Governed) -> None:
    now = now_ms()
    with Log.open(governed.directory, clock=lambda: now) as log:
        proposal = log.propose(enrolment(), now + HOUR)
        files = [approve(proposal, governed.keys[1])]
    with Log.open(governed.directory, clock=lambda: now + HOUR + 1) as log:
        by = log.governor_with(governed.keys[0])
        with pytest.raises(BadRequest, match="approvals have expired"):
            log.enact(proposal, files, by=by)


def test_new_governors_take_over(governed: Governed, open_log: Log) -> None:
    """A former governor neither signs nor approves; what it approved before is worth nothing."""
    first, second, third = governed.keys
    fresh = new_key()
    before = open_log.propose(enrolment(), now_ms() + HOUR)
    old_approval = approve(before, second)
    by = open_log.governor_with(first)
    row = (governed.governors[0], governor_of(fresh), governed.governors[2])
    open_log.govern(row, approvers=[second], by=by)
    assert open_log.reader.registry.governors == row
    with pytest.raises(BadRequest, match="not that of another governor now"):
        open_log.enact(before, [old_approval], by=by)
    former = Author(open_log.reader.registry.log, governed.governors[1].id, second)
    with pytest.raises(BadRequest, match="no longer a governor"):
        open_log.enact(before, [approve(before, third)], by=former)
    with pytest.raises(BadRequest, match="not that of a governor now"):
        open_log.governor_with(second)
    open_log.enact(before, [approve(before, fresh)], by=by)


@pytest.mark.parametrize("case", ["old id", "old key", "changed key", "actor's key"])
def test_new_governors_are_new(governed: Governed, open_log: Log, case: str) -> None:
    first, second, third = governed.keys
    by = open_log.governor_with(first)
    key = new_key()
    open_log.enrol("", "organisation", [registered(key)], by=by, approvers=[second])
    one, two, three = governed.governors
    fresh = governor_of(new_key())
    open_log.govern((one, fresh, three), approvers=[second], by=by)
    bad = {
        "old id": replace(governor_of(new_key()), id=two.id),
        "old key": replace(two, id=governor_of(key).id),
        "changed key": replace(governor_of(new_key()), id=three.id),
        "actor's key": governor_of(key),
    }[case]
    row = (one, fresh, bad)
    with pytest.raises(BadRequest, match=r"used before|already registered"):
        open_log.govern(row, approvers=[third], by=by)


def test_one_governor_becomes_three_and_one_again(log: Log) -> None:
    own = log.reader.registry.governors[0]
    keys = [new_key(), new_key()]
    row = (own, *(governor_of(key) for key in keys))
    log.govern(row)
    with pytest.raises(BadRequest, match="0 governors approve"):
        log.enrol("", "organisation", [registered(new_key())])
    log.govern(row[:1], approvers=keys[:1])
    log.enrol("", "organisation", [registered(new_key())])
    with pytest.raises(BadRequest, match="nobody needs to approve"):
        log.enrol("", "organisation", [registered(new_key())], approvers=keys)


def test_wrong_threshold_is_refused(log: Log) -> None:
    own = log.reader.registry.governors[0]
    with pytest.raises(BadRequest, match="threshold of 2 governors is 2, not 1"):
        log.govern((own, governor_of(new_key())), 1)


def test_only_governors_change_governors(log: Log, governed: Governed) -> None:
    registry = log.reader.registry
    key = new_key()
    actor, _ = log.enrol("", "organisation", [registered(key)])
    body = Governors(governed.governors, 2)
    with pytest.raises(BadRequest, match="only a governor"):
        log.change(registry.log_chain, body, by=Author(registry.log, actor, key))


def test_founding_needs_its_approvals(place: Path) -> None:
    keys = (new_key(), new_key(), new_key())
    draft, directory = place / "draft", place / "ledger"
    proposal = draft_genesis(draft, "log.example.org", [governor_of(key) for key in keys])
    other = draft_genesis(place / "other", "log.example.org", [governor_of(key) for key in keys])
    refused: list[tuple[StatementKey, list[bytes], str]] = [
        (keys[0], [], "0 governors approve"),
        (keys[1], [approve(proposal, keys[0])], "not the key of the first governor"),
        (keys[0], [approve(proposal, keys[0])], "not that of another governor"),
        (keys[0], [approve(proposal, new_key())], "not that of another governor"),
        (keys[0], [approve(other, keys[1])], "for another proposal"),
    ]
    for founder, files, message in refused:
        with pytest.raises(BadRequest, match=message):
            found_approved(draft, directory, founder, files, unlock=Unlock())
        assert not directory.exists() and draft.exists()
    found_approved(draft, directory, keys[0], [approve(proposal, keys[2])], unlock=Unlock())
    assert not draft.exists()
    with pytest.raises(BadRequest, match="cannot make ledger"):
        draft_genesis(directory, "log.example.org", [governor_of(new_key())])
