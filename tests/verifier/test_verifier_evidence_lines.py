"""Evidence of a line of logs: every log has its part, and each ends where the next one says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.verifier import heads
from tests.verifier.evidenceedits import Lie, again, drop, flipped, history, swap
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, Maker, prove, prove_part
from tests.verifier.evidenceworld import World, policy, step
from tests.verifier.formats import ACCESS
from tests.verifier.logmaker import Log, new_governor

OTHER = World()


def successors() -> tuple[Log, World]:
    old = World("old", origin="log.example.com/old")
    heads.add_epoch(old)
    new = old.succeed("new", [new_governor("new")])
    new.add(ACCESS, old.person, old.nurse)
    heads.add_epoch(new)
    return new, old


NEW, OLD = successors()


def line_history() -> Maker:
    return prove([NEW, OLD], HISTORY, OLD.person)


def test_a_line_is_whole() -> None:
    assert step(line_history(), policy(NEW)) == ""


def without_the_new(file: Maker) -> None:
    """What is left cannot stand under the new log's checkpoint."""
    file.parts.pop(0)


def older_epoch(file: Maker) -> None:
    part = file.parts[1]
    part.epoch = OLD.epoch
    below = [item for item in part.leaves if item[0] < OLD.epoch]
    part.leaves = [*below, (OLD.epoch, OLD.leaves[OLD.epoch])]
    prove_part(part, [OLD.chain, OLD.clinic.id, OLD.pharmacy.id, OLD.nurse.id, OLD.person])


@pytest.mark.parametrize(
    ("expected", "lie"),
    [
        ("succession", lambda file: file.parts.pop()),
        ("inclusion", without_the_new),
        ("succession", lambda file: file.parts.reverse()),
        ("succession", lambda file: file.parts.append(history(OTHER, OTHER.person).parts[0])),
        ("chain", lambda file: drop(file.parts[1], OLD.last_access)),
        ("look-up", lambda file: drop(file.parts[0], 1)),
        ("key", lambda file: drop(file.parts[1], 2)),
        ("root", lambda file: swap(file.parts[1].hashes, 0, flipped)),
        ("epoch", older_epoch),
    ],
    ids=[
        "without the old log",
        "without the new log",
        "in another order",
        "with a log that has nothing to do with it",
        "without the last entry of the old log",
        "without the entry in the new log",
        "without an enrolment in the old log",
        "another proof in the old log",
        "an older epoch of the old log",
    ],
)
def test_a_line_that_lies(expected: str, lie: Lie) -> None:
    file = line_history()
    lie(file)
    assert step(file, policy(NEW)) == expected


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        (
            "checkpoint signature",
            lambda old: {"predecessor": {"checkpoint": old.checkpoint(lines="e")}},
        ),
        ("succession", lambda old: {"predecessor": {"log": bytes(32)}}),
        ("succession", lambda old: {"predecessor": {"root": bytes(32)}}),
        ("approvals", lambda old: {"old_approvals": lambda approvals: [approvals[0][:-1] + b"x"]}),
        ("time", lambda old: {"received": old.now - 60_000, "authored": 0}),
    ],
    ids=["one key signed the end", "another log", "another root", "no approval", "time goes back"],
)
def test_a_false_succession(expected: str, change: Callable[[Log], dict[str, Any]]) -> None:
    old = World("old", origin="log.example.com/old")
    heads.add_epoch(old)
    new = old.succeed("new", [new_governor("new")], **change(old))
    heads.add_epoch(new)
    assert step(prove([new, old], HISTORY, old.person), policy(new)) == expected


def test_a_successor_that_ends_its_predecessor_elsewhere() -> None:
    """The old log's last leaf must be an epoch over all the others."""
    old = World("open end", origin="log.example.com/old")
    new = old.succeed("new", [new_governor("new")], closed=False)
    heads.add_epoch(new)
    file = prove([new, old], HISTORY, old.person)
    assert step(file, policy(new)) == "epoch"


CLAIMS = {
    "history": lambda: prove([NEW, OLD], HISTORY, OLD.person),
    "member": lambda: prove([NEW, OLD], ENTRY, OLD.person, OLD.members[0], back=1),
    "absence": lambda: prove([NEW, OLD], ABSENCE, bytes(16)),
}
PLACES = [(back, index) for back, log in enumerate((NEW, OLD)) for index in range(len(log.leaves))]


@pytest.mark.parametrize("name", CLAIMS)
def test_exactly_these_leaves(name: str) -> None:
    """Without any one leaf, and with any other one of the logs, under proofs that are right."""
    whole = {(back, at) for back, part in enumerate(CLAIMS[name]().parts) for at, _ in part.leaves}
    for back, index in PLACES:
        file = CLAIMS[name]()
        part = file.parts[back]
        if (back, index) in whole:
            drop(part, index)
        else:
            part.leaves = sorted([*part.leaves, (index, part.log.leaves[index])])
            again(part)
        assert step(file, policy(NEW)) != "", (back, index)


def lists_of(file: Maker) -> Iterator[list[Any]]:
    """All lists of hashes and pages."""
    for part in file.parts:
        yield part.hashes
        yield from part.batches
        for here in part.runs:
            yield from (here.pages, here.hashes)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_hash_and_page_is_needed(name: str) -> None:
    for number, whole in enumerate(lists_of(CLAIMS[name]())):
        for at in range(len(whole)):
            file = CLAIMS[name]()
            del list(lists_of(file))[number][at]
            assert step(file, policy(NEW)) != ""
