"""Authors, and thieves of their keys, with an operator who lets everything in."""

from __future__ import annotations

from collections.abc import Callable

from tests.forger.book import Answer, Book, Caught, Limit, Says, Teller
from tests.forger.hand import Hand
from tests.verifier import heads
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import World
from tests.verifier.formats import ACCESS, DAY_MS, RECORD, RETRACT, Signer, ed25519_key

BOOK = Book(Teller.AUTHOR)
IN_LOG, IN_EVIDENCE = "log export", "evidence file.evidence"


def row(
    name: str, change: Callable[[World], object], *answers: Answer, limit: Limit | None = None
) -> None:
    @BOOK.lie(name, *answers, limit=limit)
    def tell(hand: Hand) -> None:
        log = World()
        change(log)
        heads.add_epoch(log)
        hand.believe(log)
        hand.export(log)
        hand.evidence(prove([log], HISTORY, log.person))


def both(step: str) -> tuple[Answer, Answer]:
    return Caught(IN_LOG, step), Caught(IN_EVIDENCE, step)


def revoked(log: World) -> None:
    log.revoke(log.nurse)
    log.add(ACCESS, log.person, log.nurse)


def replaced(log: World) -> None:
    log.rotate(log.nurse, ed25519_key("the nurse's new key"))
    log.add(ACCESS, log.person, log.nurse)


def batch_with_a_revoked_key(log: World) -> None:
    log.revoke(log.clinic)
    log.batch(log.clinic, [log.person])


def one_id_twice(log: World) -> None:
    """Two contents under one id: each recipient believes theirs is the entry."""
    entry_id = log.entry_id(70, log.now)
    log.add(RECORD, log.person, log.clinic, entry_id=entry_id)
    log.add(RETRACT, log.person, log.clinic, entry_id=entry_id, amended=log.hashes[log.record])


def old_id(log: World) -> None:
    """So old that nobody remembers whether it was used."""
    at = log.now - 31 * DAY_MS
    log.add(RECORD, log.person, log.clinic, entry_id=log.entry_id(at=at))


def proxy_elsewhere(log: World) -> None:
    proxy = log.enrol(
        "proxy", "guardian", by=log.clinic, fields={"record": log.other, "scope": ["write"]}
    )
    log.add(RECORD, log.person, proxy)


def proxy_without_scope(log: World) -> None:
    proxy = log.enrol(
        "proxy", "guardian", by=log.clinic, fields={"record": log.person, "scope": ["read"]}
    )
    log.add(RECORD, log.person, proxy)


def guardian_too_late(log: World) -> None:
    fields = {"record": log.person, "scope": ["write"], "until": log.now + 2000}
    guardian = log.enrol("guardian", "guardian", by=log.clinic, fields=fields)
    log.now += 5000
    log.add(RECORD, log.person, guardian)


def auditor_writes(log: World) -> None:
    log.add(RECORD, log.person, log.enrol("auditor", "auditor"))


def enrolled_by_the_contested(log: World) -> None:
    """Who was enrolled with a stolen key has no rights."""
    ward = log.enrol("ward", "practitioner", by=log.clinic)
    log.contest(log.clinic, 0)
    log.add(ACCESS, log.person, ward)


def pharmacy_revokes(log: World) -> None:
    log.revoke(log.nurse, by=log.pharmacy)


def before_enrolment(log: World) -> None:
    key = ed25519_key("early")
    early = Signer(b"not enrolled yet", key)
    log.add(ACCESS, log.person, early)
    log.enrol("early", id=early.id, actor_key=key)


def true_of_nobody(log: World) -> None:
    log.add(RECORD, log.person, log.clinic)


def backdated_by_its_author(log: World) -> None:
    log.add(RECORD, log.person, log.clinic, authored=log.now - 365 * DAY_MS)


row("A key signs after it was revoked", revoked, *both("key"))
row("A key signs after another took its place", replaced, *both("key"))
row("A batch is signed by a key that was revoked", batch_with_a_revoked_key, *both("key"))
row("Somebody signs before they are enrolled", before_enrolment, *both("key"))
row("An author uses one entry id for two entries", one_id_twice, *both("entry id"))
row("An entry comes under an id of last month", old_id, *both("entry id"))
row("A guardian writes into another person's record", proxy_elsewhere, *both("role"))
row("A guardian who may read writes", proxy_without_scope, *both("role"))
row("A guardian writes after the right has ended", guardian_too_late, *both("role"))
row("An auditor writes into a record", auditor_writes, *both("role"))
row(
    "Somebody acts who was enrolled with a stolen key",
    enrolled_by_the_contested,
    *both("role"),
)
row("An institution revokes what another one enrolled", pharmacy_revokes, *both("actor"))
row(
    "An author says that an entry was written a year ago",
    backdated_by_its_author,
    Says(IN_LOG, "order and time are the log's word, bounded only by cosignatures"),
    limit=Limit.TIME,
)
row(
    "An author, or a gateway in a doctor's name, signs what is not so",
    true_of_nobody,
    Says(
        IN_LOG, "a signature shows a key, not a person; a gateway's is an assertion of the gateway"
    ),
    limit=Limit.KEYS,
)
row(
    "A stolen key signs before anybody notices",
    true_of_nobody,
    Says(
        IN_EVIDENCE,
        "a signature shows a key, not a person; a gateway's is an assertion of the gateway",
    ),
    limit=Limit.KEYS,
)
