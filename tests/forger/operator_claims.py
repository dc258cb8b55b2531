"""The operator's clock, and what never comes into the log: where proofs end."""

from __future__ import annotations

from tests.forger.book import Book, Caught, Limit, Says, Teller
from tests.forger.hand import Hand
from tests.forger.operator_history import CLOCK, GREW, kept_by_the_victim, truth
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import GUARD, SECOND, World
from tests.verifier.formats import ACCESS, RECORD
from tests.verifier.heads import add_epoch

BOOK = Book(Teller.OPERATOR, "dates it otherwise, or logs it elsewhere or not at all")
LOGGED = "only what was logged is proven: an operator can use a second record id, or not log at all"


@BOOK.lie(
    "Some are shown an old state, signed long ago",
    Caught("watch export --state fresh --once --max-age 1d", "age"),
    Caught("evidence mine.evidence --max-age 1d", "age"),
    Says("log export", GREW),
    limit=Limit.VIEWS,
)
def stale_checkpoint(hand: Hand) -> None:
    kept_by_the_victim(hand, truth())
    hand.export(truth())


@BOOK.lie(
    "A checkpoint is dated into the future once, and never grows old",
    Caught("watch export --state fresh --once --max-age 1d", "age"),
)
def dated_ahead(hand: Hand) -> None:
    log = truth()
    hand.believe(log)
    size, root = len(log.leaves), log.root()
    line = log.keys.ml_line(size, root, seconds=4_000_000_000)
    hand.export(log, change={"checkpoint": log.keys.checkpoint(size, root, "e") + line.encode()})


@BOOK.lie(
    "An epoch is dated into the future, and the history that goes by it never grows old",
    Caught("evidence file.evidence --max-age 1d", "age"),
    Caught("log export --max-age 1d", "age"),
)
def epoch_dated_ahead(hand: Hand) -> None:
    log = World()
    log.now += 70 * 365 * 86_400_000
    add_epoch(log)
    hand.believe(log)
    hand.export(log)
    hand.evidence(prove([log], HISTORY, log.person))


@BOOK.lie(
    "The log's clock runs a day ahead of its authors' clocks",
    Says("log export", CLOCK),
    limit=Limit.TIME,
)
def fast_clock(hand: Hand) -> None:
    log = World()
    authored = log.now
    log.now += 86_400_000
    log.add(RECORD, log.person, log.clinic, entry_id=log.entry_id(at=authored), authored=authored)
    hand.believe(log)
    hand.export(log)


@BOOK.lie(
    "The log's clock is ten minutes behind its authors' clocks",
    Caught("log export", "entry id"),
)
def slow_clock(hand: Hand) -> None:
    log = World()
    authored = log.now + 600_000
    log.add(RECORD, log.person, log.clinic, entry_id=log.entry_id(at=authored))
    hand.believe(log)
    hand.export(log)


@BOOK.lie("Time goes back from one entry to the next", Caught("log export", "time"))
def time_goes_back(hand: Hand) -> None:
    log = World()
    log.add(RECORD, log.person, log.clinic, received=log.now - 5000)
    hand.believe(log)
    hand.export(log)


@BOOK.lie(
    "Somebody's accesses are logged under a second record id",
    Says(
        "evidence file.evidence",
        LOGGED,
        complete=True,
    ),
    limit=Limit.LOGGED,
)
def second_record(hand: Hand) -> None:
    log = World()
    aside = log.open("the same person", log.clinic)
    log.add(ACCESS, aside, log.nurse)
    log.epoch = add_epoch(log)
    hand.believe(log, GUARD, SECOND)
    hand.evidence(
        prove([log], HISTORY, log.person, custodians=(GUARD, SECOND), custodian_actors=log.enrolled)
    )


@BOOK.lie(
    "Somebody reads, and it is never logged",
    Says(
        "evidence file.evidence",
        LOGGED,
        complete=True,
    ),
    limit=Limit.LOGGED,
)
def never_logged(hand: Hand) -> None:
    log = truth()
    hand.believe(log, GUARD, SECOND)
    hand.evidence(
        prove([log], HISTORY, log.person, custodians=(GUARD, SECOND), custodian_actors=log.enrolled)
    )


@BOOK.lie(
    "An access is logged, but what was released never went where it says",
    Says(
        "evidence file.evidence",
        "an access entry means that content was released, not that it was received or read",
    ),
    limit=Limit.ACCESS,
)
def released_elsewhere(hand: Hand) -> None:
    hand.believe(truth())
    hand.evidence(prove([truth()], HISTORY, truth().person))
