"""Every lie of the book is told, and answered as the book says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forger.book import Caught, Lie, Limit, Says
from tests.forger.hand import Hand, Verdict
from tests.forger.suite import LIES
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, prove
from tests.verifier.evidenceworld import GUARD, SECOND, World
from tests.verifier.heads import add_epoch


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    return Hand(tmp_path)


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_a_lie(lie: Lie, hand: Hand) -> None:
    lie.tell(hand)
    for answer in lie.answers:
        verdict = hand.run(answer.command)
        if isinstance(answer, Caught):
            assert (verdict.code, verdict.steps) == (1, (answer.step, *answer.beside)), verdict
        elif isinstance(answer, Says):
            assert (verdict.code, verdict.steps) == (0, ()), verdict
            assert answer.sentence in verdict.said
            assert verdict.complete == answer.complete
        else:
            assert verdict.code == answer.code
            assert answer.words in verdict.complaint


def test_the_truth(hand: Hand) -> None:
    """What the lies are made of passes in every command that answers one."""
    old = World(governors=4)
    add_epoch(old)
    new = old.succeed("two")
    add_epoch(new)
    log = World()
    hand.believe(log, GUARD, SECOND)
    hand.watched(log)
    hand.keep("mine.checkpoint", log.checkpoint(log.epoch))
    hand.export(log, signed_by=(GUARD, SECOND))
    hand.receipt(log, log.last_access)
    signers, actors = (GUARD, SECOND), (log.guard.id, log.second.id)
    for what, chain, index in (
        (HISTORY, log.person, 0),
        (ABSENCE, bytes(16), 0),
        (ENTRY, log.person, log.last_access),
    ):
        hand.evidence(prove([log], what, chain, index, custodians=signers, custodian_actors=actors))
        assert passes(hand, "evidence file.evidence").complete
    assert passes(hand, "log export").complete
    passes(hand, "proof receipt")
    passes(hand, "compare receipt export")
    passes(hand, "compare mine.checkpoint export")
    passes(hand, "compare file.evidence export")
    passes(hand, "watch export --state seen --once")
    hand.believe(new)
    hand.export(old, "old")
    hand.export(new, "new")
    passes(hand, "log new --predecessor old")


def passes(hand: Hand, command: str) -> Verdict:
    verdict = hand.run(command)
    assert (verdict.code, verdict.steps) == (0, ()), (command, verdict)
    return verdict


def test_each_lie_is_told_once() -> None:
    names = [lie.name for lie in LIES]
    assert len(set(names)) == len(names)
    assert all(lie.answers for lie in LIES)


def test_what_is_not_caught_by_anything_falls_under_a_limit() -> None:
    """Or nothing is claimed: a list that nobody calls complete."""
    for lie in LIES:
        caught = any(not isinstance(answer, Says) for answer in lie.answers)
        claimed = any(isinstance(answer, Says) and answer.complete for answer in lie.answers)
        assert caught or lie.limit or not claimed, lie.name
    assert {lie.limit for lie in LIES if lie.limit} == set(Limit)
