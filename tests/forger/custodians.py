"""Custodians and witnesses that sign what they should not, and what they are counted for."""

from __future__ import annotations

from tests.forger.book import Book, Caught, Limit, Says, Teller
from tests.forger.hand import Hand, cosigned
from tests.forger.operator_history import GREW
from tests.forger.operator_index import hidden_access, shown
from tests.verifier import heads
from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import GUARD, SECOND, STRANGER, World, enrol_custodian
from tests.verifier.formats import ACCESS, RECORD, kid
from tests.verifier.heads import add_epoch

BOOK = Book(Teller.CUSTODIAN)
HISTORY_FILE = "evidence file.evidence"
ASSERTED = "completeness asserted by the operator"


@BOOK.lie(
    "A custodian signs an index that it did not compute, which leaves out the last access",
    Says(
        HISTORY_FILE,
        "custodians' independence of the operator is a matter of organisations, not of bytes",
        complete=True,
    ),
    Caught("log export", "epoch"),
    limit=Limit.CUSTODIANS,
)
def signs_unchecked(hand: Hand) -> None:
    """All custodians of the policy, with the operator: whoever reads all leaves sees it."""
    log = World()
    access, edit = hidden_access(log)
    runs = edit(heads.runs(log, [len(log.leaves)]))
    add_epoch(log, edit=edit)
    file = prove(
        [log], HISTORY, log.person, custodians=(GUARD, SECOND), custodian_actors=log.enrolled
    )
    hand.believe(log, GUARD, SECOND)
    hand.keep("file.evidence", shown(log, file, runs, access))
    hand.export(log, signed_by=(GUARD, SECOND))


@BOOK.lie(
    "One of two custodians signs an index that is wrong, the other does not",
    Says(HISTORY_FILE, ASSERTED),
)
def one_of_two(hand: Hand) -> None:
    log = World()
    access, edit = hidden_access(log)
    runs = edit(heads.runs(log, [len(log.leaves)]))
    add_epoch(log, edit=edit)
    file = prove([log], HISTORY, log.person, custodians=(GUARD,), custodian_actors=(log.guard.id,))
    hand.believe(log, GUARD, SECOND)
    hand.keep("file.evidence", shown(log, file, runs, access))


@BOOK.lie(
    "Operator and all custodians leave out an access that somebody has a receipt of",
    Says(
        HISTORY_FILE,
        "custodians' independence of the operator is a matter of organisations, not of bytes",
        complete=True,
    ),
    Says("log export", GREW, complete=True),
    Caught("compare receipt export", "split view"),
    limit=Limit.CUSTODIANS,
)
def colluding(hand: Hand) -> None:
    """The access is not in their log at all; the receipt is of the other one."""
    true = World()
    hand.receipt(true, true.add(ACCESS, true.person, true.nurse))
    log = World()
    log.add(RECORD, log.other, log.clinic)
    add_epoch(log)
    hand.believe(log, GUARD, SECOND)
    hand.evidence(
        prove([log], HISTORY, log.person, custodians=(GUARD, SECOND), custodian_actors=log.enrolled)
    )
    hand.export(log, signed_by=(GUARD, SECOND))


@BOOK.lie(
    "A custodian signs both sides of a fork",
    Caught("compare export other", "split view"),
)
def signs_both(hand: Hand) -> None:
    for name, kind in (("export", RECORD), ("other", ACCESS)):
        log = World()
        log.add(kind, log.person, log.clinic)
        hand.believe(log, GUARD)
        hand.export(log, name, signed_by=(GUARD,))


DOES_NOT_COUNT = 'custodian "alias.example.org" does not count: it is custodian "one.example.org"'


@BOOK.lie(
    "One custodian signs under two names, with its two keys",
    Says(HISTORY_FILE, DOES_NOT_COUNT),
    Says("log export", DOES_NOT_COUNT),
)
def two_that_are_one(hand: Hand) -> None:
    under_two_names(hand, registered=True)


@BOOK.lie(
    "One custodian signs under two names, and the file leaves its registration out",
    Says(
        HISTORY_FILE,
        'custodian "alias.example.org" does not count: its enrolment is not in the file',
    ),
    Says("log export", DOES_NOT_COUNT),
)
def two_that_are_one_unregistered(hand: Hand) -> None:
    under_two_names(hand, registered=False)


def under_two_names(hand: Hand, registered: bool) -> None:
    log, one = World(), Cosigner("one.example.org")
    alias = Cosigner("alias.example.org", one.name)
    actors = (enrol_custodian(log, one).id,)
    add_epoch(log)
    file = prove([log], HISTORY, log.person, custodian_actors=actors if registered else ())
    size, root = len(log.leaves), log.root()
    lines = one.line("e", log.origin, size, root) + alias.line("m", log.origin, size, root)
    file.checkpoint += lines
    hand.believe(log, lines=(f"custodian {one.ed_vkey}", f"custodian {alias.ml_vkey}"))
    hand.evidence(file)
    hand.export(log, change={"checkpoint": log.checkpoint() + lines})


@BOOK.lie(
    "Two custodians belong to one organisation, with a registration each",
    Says(
        HISTORY_FILE,
        "custodians' independence of the operator is a matter of organisations, not of bytes",
        complete=True,
    ),
    limit=Limit.CUSTODIANS,
)
def of_one_house(hand: Hand) -> None:
    log = World()
    hand.believe(log, GUARD, SECOND)
    both = (log.guard.id, log.second.id)
    signers = (GUARD, SECOND)
    hand.evidence(prove([log], HISTORY, log.person, custodians=signers, custodian_actors=both))


@BOOK.lie(
    "A witness's key, which says only that the log grew, signs in a custodian's place",
    Says(
        HISTORY_FILE,
        'custodian "stranger.example.org" does not count: its key is registered for use cosign',
    ),
)
def witness_as_custodian(hand: Hand) -> None:
    log = World()
    witness = enrol_custodian(log, STRANGER, "cosign")
    log.add(ACCESS, log.person, witness)
    add_epoch(log)
    hand.believe(log, STRANGER)
    hand.evidence(prove([log], HISTORY, log.person, custodians=(STRANGER,)))


@BOOK.lie(
    "A custodian's key signs after it was revoked",
    Says(
        HISTORY_FILE,
        'custodian "guard.example.org" does not count: its key ended at leaf 22',
    ),
)
def revoked(hand: Hand) -> None:
    log = World()
    log.revoke(log.guard, revoked=kid(GUARD.ed_public))
    add_epoch(log)
    hand.believe(log, GUARD)
    actors = (log.guard.id,)
    hand.evidence(prove([log], HISTORY, log.person, custodians=(GUARD,), custodian_actors=actors))


@BOOK.lie(
    "A custodian's stolen key signs after it was revoked, and the file leaves the revocation out",
    Says(
        HISTORY_FILE,
        'custodian "guard.example.org" does not count: its enrolment is not in the file',
    ),
    Says("log export", 'custodian "guard.example.org" does not count: its key ended at leaf 22'),
)
def revocation_left_out(hand: Hand) -> None:
    log = World()
    log.revoke(log.guard, revoked=kid(GUARD.ed_public))
    add_epoch(log)
    hand.believe(log, GUARD)
    hand.evidence(prove([log], HISTORY, log.person, custodians=(GUARD,)))
    hand.export(log, signed_by=(GUARD,))


@BOOK.lie(
    "Somebody signs whom the log's governors never registered as a custodian",
    Says(
        HISTORY_FILE,
        'custodian "stranger.example.org" does not count: its enrolment is not in the file',
    ),
    Says(
        "log export", 'custodian "stranger.example.org" does not count: its key is not registered'
    ),
)
def unregistered(hand: Hand) -> None:
    """Pinned by the victim all the same."""
    log = World()
    hand.believe(log, STRANGER)
    hand.evidence(prove([log], HISTORY, log.person, custodians=(STRANGER,)))
    hand.export(log, signed_by=(STRANGER,))


@BOOK.lie(
    "A custodian's line is signed for another time than it shows",
    Caught("evidence file.evidence", "cosignature"),
)
def other_time(hand: Hand) -> None:
    log = World()
    hand.believe(log, GUARD)
    file = prove([log], HISTORY, log.person)
    line = GUARD.line("em", log.origin, len(log.leaves), log.root(), signed_seconds=1)
    file.checkpoint = cosigned(log) + line
    hand.evidence(file)


@BOOK.lie(
    "A custodian signs an old state only, and the log is shown grown",
    Caught("log export", "cosignature"),
)
def signature_of_an_older_state(hand: Hand) -> None:
    log = World()
    hand.believe(log, GUARD)
    line = GUARD.line("em", log.origin, log.epoch, log.root(log.epoch))
    hand.export(log, change={"checkpoint": log.checkpoint() + line})
