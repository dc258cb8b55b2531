"""The operator writes history anew, shows two of them, or cuts one off."""

from __future__ import annotations

from functools import cache

from tests.forger.book import Book, Caught, Limit, Refused, Says, Teller
from tests.forger.hand import Hand
from tests.forger.rewriting import with_moved, without
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import GUARD, World
from tests.verifier.formats import ACCESS, RECORD
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Body

BOOK = Book(Teller.OPERATOR, "writes history anew")

GREW = "earlier checkpoints: that the log only grew, and that others see the same log"
CLOCK = "order and time are the log's word, bounded only by cosignatures"


@cache
def truth() -> World:
    return World()


def kept_by_the_victim(hand: Hand, log: World) -> None:
    """From before the lie: a checkpoint, a receipt of the last access, a history."""
    hand.believe(log)
    hand.keep("mine.checkpoint", log.checkpoint())
    hand.receipt(log, log.last_access)
    hand.evidence(prove([log], HISTORY, log.person), "mine.evidence")


def grown(log: World) -> World:
    """So that it is as large as before, and larger."""
    for _ in range(2):
        log.add(RECORD, log.other, log.pharmacy)
    log.epoch = add_epoch(log)
    return log


@BOOK.lie(
    "An access is dropped, and all behind it linked, indexed and signed anew",
    Caught("compare receipt export", "split view"),
    Caught("compare mine.evidence export", "split view"),
    Caught("watch export --state seen --once", "split view"),
    Caught("log export --state audited", "consistency"),
    Says("log export", GREW),
    limit=Limit.VIEWS,
)
def access_dropped(hand: Hand) -> None:
    kept_by_the_victim(hand, truth())
    hand.watched(truth())
    hand.audited(truth())
    hand.export(grown(without(truth(), truth().last_access)))


@BOOK.lie(
    "A record that a custodian signed for is dropped, its lines are kept",
    Caught("log export", "cosignature"),
)
def dropped_under_a_custodian(hand: Hand) -> None:
    log = without(truth(), truth().last_access)
    hand.believe(log, GUARD)
    line = GUARD.line("em", log.origin, len(truth().leaves), truth().root())
    hand.export(log, change={"checkpoint": log.checkpoint() + line})


@BOOK.lie(
    "Two entries of a record change places, all behind them is signed anew",
    Caught("compare mine.checkpoint export", "split view"),
    Says("log export", CLOCK),
    limit=Limit.TIME,
)
def reordered(hand: Hand) -> None:
    kept_by_the_victim(hand, truth())
    hand.export(grown(with_moved(truth(), truth().access, truth().access + 1)))


@BOOK.lie(
    "An entry written today is put among those of last year",
    Caught("compare mine.checkpoint export", "split view"),
    Says("log export", CLOCK),
    limit=Limit.TIME,
)
def backdated(hand: Hand) -> None:
    kept_by_the_victim(hand, truth())
    log = World()
    new = log.add(RECORD, log.person, log.clinic)
    hand.export(grown(with_moved(log, new, log.access)))


@BOOK.lie(
    "What a stolen key signed is put before its revocation",
    Caught("compare mine.checkpoint export", "split view"),
    Says("log export", CLOCK),
    limit=Limit.TIME,
)
def before_its_revocation(hand: Hand) -> None:
    log = World()
    revocation = log.revoke(log.nurse)
    kept_by_the_victim(hand, log)
    forged = World()
    forged.revoke(forged.nurse)
    stolen = forged.add(ACCESS, forged.person, forged.nurse)
    hand.export(grown(with_moved(forged, stolen, revocation)))


@BOOK.lie(
    "Two logs under one name and key: each is right, each is shown to some",
    Caught("compare export other", "split view"),
    Says("log export", GREW),
    Says("log other", GREW),
    limit=Limit.VIEWS,
)
def forked(hand: Hand) -> None:
    hand.believe(truth())
    for name, kind in (("export", RECORD), ("other", ACCESS)):
        log = World()
        log.add(kind, log.person, log.clinic)
        hand.export(grown(log), name)


@BOOK.lie(
    "The tail is cut off, and the shorter log is signed",
    Caught("watch export --state seen --once", "consistency"),
    Refused("log export --state audited", "fewer than the 22 that were audited before", 3),
    Says("log export", GREW),
    limit=Limit.VIEWS,
)
def truncated(hand: Hand) -> None:
    hand.believe(truth())
    hand.watched(truth())
    hand.audited(truth())
    hand.export(truth(), size=truth().last_access)


@BOOK.lie(
    "A monitor is stopped with garbage, and history is written anew meanwhile",
    Caught("watch garbage --state seen --once", "checkpoint signature"),
    Caught("watch export --state again --once", "split view"),
)
def monitor_stopped(hand: Hand) -> None:
    """It goes on with a copy of what it saw last, and not from nothing."""
    log = truth()
    hand.believe(log)
    hand.watched(log)
    note = log.keys.checkpoint(1, log.root(), "e") + log.keys.ml_line(2, log.root()).encode()
    hand.export(log, "garbage", change={"checkpoint": note})
    (hand.place / "again").mkdir()
    hand.keep("again/checkpoint", (hand.place / "seen/checkpoint").read_bytes())
    hand.export(grown(without(log, log.last_access)))


@BOOK.lie(
    "History was written anew before anybody kept anything",
    Says(
        "watch export --state fresh --once",
        "what others are shown, but for the states that are named here",
    ),
    Says("log export", GREW),
    limit=Limit.VIEWS,
)
def nobody_kept_anything(hand: Hand) -> None:
    hand.believe(truth())
    hand.export(grown(without(truth(), truth().last_access)))


@BOOK.lie(
    "The log goes on from an old backup: what was acknowledged since is given to others",
    Caught("watch export --state seen --once", "split view"),
    Caught("compare receipt export", "split view"),
)
def from_an_old_backup(hand: Hand) -> None:
    kept_by_the_victim(hand, truth())
    hand.watched(truth())
    restored = without(truth(), *range(truth().last_access, len(truth().leaves)))
    hand.export(grown(grown(restored)))


@BOOK.lie(
    "The ML-DSA-44 line is taken off the checkpoint",
    Caught("log export", "checkpoint signature"),
    Caught("evidence file.evidence", "checkpoint signature"),
)
def stripped(hand: Hand) -> None:
    log = truth()
    hand.believe(log)
    hand.export(log, change={"checkpoint": log.checkpoint(lines="e")})
    hand.evidence(prove([log], HISTORY, log.person, lines="e"))


@BOOK.lie(
    "The same entries under new keys of the log, without a succession",
    Caught("log export", "checkpoint signature"),
)
def under_new_keys(hand: Hand) -> None:
    hand.believe(truth())
    log = World()
    log.keys = type(log.keys)(log.origin, "other keys")
    hand.export(log)


@BOOK.lie(
    "A new log under the old keys and name, with a genesis of its own",
    Caught("compare mine.checkpoint export", "split view"),
    Says("log export", GREW),
    limit=Limit.VIEWS,
)
def new_genesis(hand: Hand) -> None:
    hand.believe(truth())
    hand.keep("mine.checkpoint", truth().checkpoint())
    hand.export(Refounded("two", origin=truth().origin))


class Refounded(World):
    """Founded by others, under the true log's keys."""

    def founding(self) -> Body:
        self.keys = truth().keys
        return super().founding()


@BOOK.lie(
    "A checkpoint is signed in the middle of a batch",
    Caught("log export", "batch"),
)
def inside_a_batch(hand: Hand) -> None:
    hand.believe(truth())
    hand.export(truth(), size=truth().members[1] + 1)


@BOOK.lie(
    "An entry is answered with a receipt, and left out of the log that all others see",
    Says(
        "proof receipt", "the chain: that the previous leaf is in the log and no leaf is left out"
    ),
    Caught("compare receipt export", "split view"),
    limit=Limit.VIEWS,
)
def receipt_for_one(hand: Hand) -> None:
    log = World()
    hand.receipt(log, log.behind)
    hand.believe(log)
    hand.export(grown(without(log, log.behind)))
