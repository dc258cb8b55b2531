"""A true log, and an evidence file about it that somebody without any key has cut to fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tests.forger.book import Answer, Book, Caught, Limit, Says, Tell, Teller
from tests.forger.hand import Hand
from tests.verifier import heads
from tests.verifier.evidenceedits import beside, first_run, flipped, set_to, swap_page, without
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, Maker, prove
from tests.verifier.evidenceworld import GUARD, SECOND, World, seal
from tests.verifier.formats import ACCESS, RECORD, sha256
from tests.verifier.logmaker import Sample

BOOK = Book(Teller.HOLDER)
COMMAND = "evidence file.evidence"


@cache
def truth() -> World:
    return World()


def cut(edit: Callable[[Maker], object], what: int = HISTORY, index: int = 0) -> Tell:
    """The person's history, with both custodians' signatures, and one thing changed."""

    def tell(hand: Hand) -> None:
        log = truth()
        hand.believe(log, GUARD, SECOND)
        file = prove(
            [log],
            what,
            log.person,
            index,
            custodians=(GUARD, SECOND),
            custodian_actors=log.enrolled,
        )
        edit(file)
        hand.evidence(file)

    return tell


def row(name: str, edit: Callable[[Maker], object], *answers: Answer) -> None:
    BOOK.lie(name, *answers)(cut(edit))


BATCH_AT = truth().members[0] - 1
NURSE_AT = truth().old_epoch - 1
"""Who was enrolled for the last access, and for nothing else."""

row(
    "The last access is left out of the history",
    without(truth().last_access, NURSE_AT),
    Caught(COMMAND, "look-up"),
)
row("An access between two entries is left out", without(truth().access), Caught(COMMAND, "chain"))
row("The first entry is left out", without(3), Caught(COMMAND, "chain"))
row("Somebody else's entry is put into the history", beside(4), Caught(COMMAND, "leaves"))
row(
    "An entry behind the epoch is put into the history",
    beside(truth().behind),
    Caught(COMMAND, "leaves"),
)
row(
    "A record that exists is said to have no entry",
    set_to("what", ABSENCE),
    Caught(COMMAND, "claim"),
)
row(
    "A row of the index is changed to another head",
    first_run(lambda run: swap_page(run, 0, flipped)),
    Caught(COMMAND, "look-up"),
)
row(
    "The pages of the index are left out",
    first_run(lambda run: run.pages.clear() or run.hashes.clear()),
    Caught(COMMAND, "look-up"),
)
row(
    "The enrolment of an access's author is left out",
    without(NURSE_AT),
    Caught(COMMAND, "key"),
)
row(
    "The batch that an entry was signed in is left out", without(BATCH_AT), Caught(COMMAND, "batch")
)
row(
    "A custodian's signature on another state is put on the checkpoint",
    lambda file: setattr(
        file,
        "checkpoint",
        truth().checkpoint()
        + GUARD.line("em", truth().origin, truth().epoch, truth().root(truth().epoch)),
    ),
    Caught(COMMAND, "cosignature"),
)
row(
    "A history is shown under an older checkpoint",
    set_to("checkpoint", truth().checkpoint(truth().epoch)),
    Caught(COMMAND, "inclusion"),
)


@BOOK.lie("The revocation of an author's key is left out", Caught(COMMAND, "look-up"))
def revocation_left_out(hand: Hand) -> None:
    log = World()
    revocation = log.revoke(log.nurse)
    heads.add_epoch(log)
    file = prove([log], HISTORY, log.person)
    without(revocation)(file)
    hand.believe(log)
    hand.evidence(file)


@BOOK.lie(
    "The empty record of nobody is claimed to be the person's",
    Says(
        COMMAND,
        "only what was logged is proven: an operator can use a second record id, or not log at all",
        complete=True,
    ),
    limit=Limit.LOGGED,
)
def absence_of_nobody(hand: Hand) -> None:
    """True, and beside the point: the verdict names the record that it is about."""
    log = truth()
    hand.believe(log, GUARD, SECOND)
    file = prove(
        [log], ABSENCE, bytes(16), custodians=(GUARD, SECOND), custodian_actors=log.enrolled
    )
    hand.evidence(file)


@BOOK.lie(
    "Other content is shown under an entry, with its right key", Caught(COMMAND, "disclosure")
)
def other_content(hand: Hand) -> None:
    log = Sample("content")
    key, entry_id = bytes(range(32)), log.entry_id(4711)
    blob = seal(log.id + log.person + entry_id, b"as the author wrote it", key)
    index = log.add(
        RECORD, log.person, log.clinic, entry_id=entry_id, blob=sha256(blob), size=len(blob)
    )
    heads.add_epoch(log)
    other = seal(log.id + log.person + entry_id, b"as somebody else did it", key)
    file = prove([log], ENTRY, log.person, index)
    file.disclosure = b"\x01" + key + len(other).to_bytes(4, "big") + other
    hand.believe(log)
    hand.evidence(file)


@BOOK.lie(
    "An access behind the epoch is simply not in the history",
    Caught("evidence file.evidence --max-age 1d", "age"),
    Says(COMMAND, "entries from 20 on: the epoch says nothing of them", complete=True),
    limit=Limit.EPOCH,
)
def behind_the_epoch(hand: Hand) -> None:
    log = World()
    log.add(ACCESS, log.person, log.nurse)
    hand.believe(log, GUARD, SECOND)
    hand.evidence(
        prove([log], HISTORY, log.person, custodians=(GUARD, SECOND), custodian_actors=log.enrolled)
    )
