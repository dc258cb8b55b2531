"""Governors who are too few, and the limit that a quorum of them is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.forger.book import Answer, Book, Caught, Limit, Says, Tell, Teller
from tests.forger.hand import Hand
from tests.verifier import heads
from tests.verifier.evidenceedits import flipped
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import World
from tests.verifier.formats import RECORD, sha256

BOOK = Book(Teller.GOVERNORS)
IN_LOG, IN_LINE = "log export", "log new --predecessor old"
IN_EVIDENCE = "evidence file.evidence"


def council() -> World:
    """Four governors, of whom three must agree."""
    return World(governors=4)


def put(change: Callable[[World], object]) -> Tell:
    def tell(hand: Hand) -> None:
        log = council()
        change(log)
        heads.add_epoch(log)
        hand.believe(log)
        hand.export(log)

    return tell


def row(name: str, change: Callable[[World], object], *answers: Answer) -> None:
    BOOK.lie(name, *answers)(put(change))


def by_two_of_four(log: World) -> None:
    log.enrol("accomplice", approvers=log.governors[1:2])


def taken_over(log: World) -> None:
    log.trust([log.governors[0]], approvers=log.governors[1:2])


def one_approval_twice(log: World) -> None:
    log.enrol("accomplice", approvals=lambda given: [given[0], given[0]])


def forged_approval(log: World) -> None:
    log.enrol("accomplice", approvals=lambda given: [flipped(given[0]), *given[1:]])


def approved_for_another_log(log: World) -> None:
    log.enrol("accomplice", approved={"log": sha256(b"another log")})


def approved_for_another_body(log: World) -> None:
    log.enrol("accomplice", approved={"body": {"op": "contest", "since": 1}})


def approved_once(log: World) -> None:
    """What was approved for one place is used again behind it."""
    log.contest(log.clinic, 0, until=2**50)
    place = {"prev": log.hashes[log.heads[log.clinic.id][2]], "expires": 2**50}
    log.contest(log.clinic, 0, until=2**50)
    log.contest(log.clinic, 0, until=2**50, approved=place)


def approved_last_year(log: World) -> None:
    log.enrol("accomplice", until=log.now - 1)


def dismissed(log: World) -> None:
    """A governor who is one no more approves."""
    former, log_governors = log.governors[3], log.governors[:3]
    log.trust(log_governors)
    log.enrol("accomplice", approvers=[former])


row("Two of four governors enrol an institution", by_two_of_four, Caught(IN_LOG, "approvals"))
row("Two of four governors make one of them the only one", taken_over, Caught(IN_LOG, "approvals"))
row("One governor's approval is counted twice", one_approval_twice, Caught(IN_LOG, "approvals"))
row("A governor's approval is forged", forged_approval, Caught(IN_LOG, "approvals"))
row("An approval for another log is used", approved_for_another_log, Caught(IN_LOG, "approvals"))
row(
    "An approval for another change is used", approved_for_another_body, Caught(IN_LOG, "approvals")
)
row("An approval is used a second time", approved_once, Caught(IN_LOG, "approvals"))
row("An approval is used after it expired", approved_last_year, Caught(IN_LOG, "approvals"))
row("A governor who was dismissed approves", dismissed, Caught(IN_LOG, "approvals"))


def ended() -> World:
    log = council()
    log.epoch = heads.add_epoch(log)
    return log


def succession(name: str, step: str, **change: Callable[[World], Any]) -> None:
    @BOOK.lie(name, Caught(IN_LINE, step))
    def tell(hand: Hand) -> None:
        old = ended()
        new = old.succeed("two", **{key: value(old) for key, value in change.items()})
        hand.believe(new)
        hand.export(old, "old")
        hand.export(new, "new")


def first_only(old: World) -> Callable[[list[bytes]], list[bytes]]:
    return lambda approvals: approvals[:1]


def other_root(old: World) -> dict[str, object]:
    size, root = len(old.leaves), sha256(b"another past")
    return {"root": root, "checkpoint": old.keys.checkpoint(size, root)}


succession(
    "A log takes over that too few of the old governors approved",
    "approvals",
    old_approvals=first_only,
)
succession("A log takes over another past than the old log's", "root", predecessor=other_root)
succession("A log takes over under the old log's name", "succession", origin=lambda old: old.origin)


@BOOK.lie(
    "Two logs take over from one, each approved by a quorum",
    Says("log export --predecessor old", 'log "log.example.com/one" behind its leaf 22'),
    Says("log other --predecessor old", 'log "log.example.com/one" behind its leaf 22'),
    Says("evidence file.evidence", 'that no other log took over from "log.example.com/one"'),
    limit=Limit.GOVERNORS,
)
def two_successors(hand: Hand) -> None:
    old = ended()
    for name, chain in (("export", old.person), ("other", old.other)):
        new = old.succeed("two")
        new.add(RECORD, chain, old.clinic)
        heads.add_epoch(new)
        hand.export(new, name)
        hand.evidence(prove([new, old], HISTORY, old.person))
    hand.believe(new)
    hand.export(old, "old")


@BOOK.lie(
    "The old log goes on after its end",
    Caught("proof receipt --succession new.succession", "succession"),
)
def goes_on(hand: Hand) -> None:
    """Its keys can; whoever asks the new log hears that this is not of the line."""
    old = ended()
    size, new = len(old.leaves), old.succeed("two")
    hand.keep("new.succession", new.succession_file(size, old))
    hand.receipt(old, old.add(RECORD, old.person, old.clinic))
    hand.believe(new)


@BOOK.lie(
    "The logs before are left out of a history",
    Caught(IN_EVIDENCE, "succession"),
)
def older_part_left_out(hand: Hand) -> None:
    old = ended()
    new = old.succeed("two")
    heads.add_epoch(new)
    file = prove([new, old], HISTORY, old.person)
    file.parts.pop()
    hand.believe(new)
    hand.evidence(file)


@BOOK.lie(
    "A quorum of governors enrols whom it likes",
    Says(
        IN_LOG, "a signature shows a key, not a person; a gateway's is an assertion of the gateway"
    ),
    limit=Limit.GOVERNORS,
)
def bad_quorum(hand: Hand) -> None:
    log = council()
    log.enrol("accomplice")
    hand.believe(log)
    hand.export(log)


@BOOK.lie(
    "A log takes over the old one's past but for its end, where the last access is",
    Says(IN_LINE, 'log "log.example.com/one" behind its leaf 18'),
    Caught("proof receipt --succession new.succession", "succession"),
    limit=Limit.GOVERNORS,
)
def cut(hand: Hand) -> None:
    """With a checkpoint that the old log did sign, then."""
    old = ended()
    size = old.last_access
    ends = {"size": size, "root": old.root(size), "checkpoint": old.checkpoint(size)}
    new = old.succeed("two", predecessor=ends)
    hand.believe(new)
    hand.export(old, "old", size=size)
    hand.export(new, "new")
    hand.receipt(old, old.last_access)
    hand.keep("new.succession", new.succession_file(size, old))
