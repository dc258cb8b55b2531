"""The operator puts an entry into the log that should not be there, or not like this.

Tree, index and checkpoint are true to what the log holds: an audit must find the entry itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tests.forger.book import Answer, Book, Caught, Limit, Says, Tell, Teller
from tests.forger.hand import Hand
from tests.verifier import heads
from tests.verifier.evidencemaker import ENTRY, HISTORY, prove
from tests.verifier.evidenceworld import World
from tests.verifier.formats import (
    ACCESS,
    AMEND,
    OPEN,
    RECORD,
    ZERO,
    Signer,
    ed25519_key,
    kid,
    leaf,
    leaf_hash,
    sha256,
)

BOOK = Book(Teller.OPERATOR, "lets in entries that should not be there")
IN_LOG, IN_EVIDENCE = "log export", "evidence file.evidence"


def put(change: Callable[[World], object]) -> Tell:
    """Told by the whole log, and by the history of the person in it."""

    def tell(hand: Hand) -> None:
        log = World()
        change(log)
        heads.add_epoch(log)
        hand.believe(log)
        hand.export(log)
        hand.evidence(prove([log], HISTORY, log.person))

    return tell


def row(name: str, change: Callable[[World], object], *answers: Answer) -> None:
    BOOK.lie(name, *answers)(put(change))


def both(step: str) -> tuple[Answer, Answer]:
    return Caught(IN_LOG, step), Caught(IN_EVIDENCE, step)


def other_content(signed: bytes) -> bytes:
    """Another hash of sealed content in the claim, under the author's signature."""
    at = signed.index(sha256(b"blob"))
    return signed[:at] + sha256(b"other content") + signed[at + 32 :]


def copied(log: World) -> None:
    """The leaf's statement once more, as the chain's next leaf."""
    log.now += 1000
    seq, prev, prev_index, received = log.place(log.person, {})
    log.put(leaf(seq, prev, prev_index, received, log.leaves[log.record][57:]), log.person, seq)


def replayed_from_another_log(log: World) -> None:
    other = World("two", origin="log.example.com/two")
    signed = other.leaves[other.add(RECORD, log.person, log.clinic, entry_id=other.entry_id(4711))][
        57:
    ]
    seq, prev, prev_index, received = log.place(log.person, {})
    log.put(leaf(seq, prev, prev_index, received, signed), log.person, seq)


def moved_to_another_record(log: World) -> None:
    """A statement names its record: in another one's place its links are wrong."""
    signed = log.leaves.pop()[57:]
    log.hashes.pop()
    seq, prev, prev_index, received = log.place(log.other, {})
    log.put(leaf(seq, prev, prev_index, received, signed), log.other, seq)


def forked_chain(log: World) -> None:
    """Two entries follow the same one."""
    seq, prev, prev_index, _ = log.place(log.person, {})
    log.add(RECORD, log.person, log.clinic)
    log.add(ACCESS, log.person, log.nurse, seq=seq, prev=prev, prev_index=prev_index)


def linear_fake(log: World) -> None:
    """Follows a leaf that is rightly made, and not in the tree."""
    seq, prev, prev_index, received = log.place(log.person, {})
    claim = log.claim(ACCESS, log.person, log.nurse.id)
    hidden = leaf(seq, prev, prev_index, received, claim)
    log.add(RECORD, log.person, log.clinic, seq=seq + 1, prev=leaf_hash(hidden))


def by_the_operators_own_key(log: World) -> None:
    log.add(RECORD, log.person, Signer(log.clinic.id, ed25519_key("operator")))


def by_the_logs_key(log: World) -> None:
    log.add(RECORD, log.person, Signer(log.chain, log.log_key))


def enrolled_by_the_operator(log: World) -> None:
    log.enrol("accomplice", by=Signer(log.chain, log.log_key))


def hospital_without_governors(log: World) -> None:
    """An institution enrols another one."""
    log.enrol("accomplice", by=log.clinic)


def expired(log: World) -> None:
    log.add(RECORD, log.person, log.clinic, expires=log.now - 60_000)


def erasure_without_an_order(log: World) -> None:
    log.erase(log.person, log.clinic, {"op": "attest", "order": log.hashes[log.record]})


def batch_with(**change: Any) -> Callable[[World], object]:
    return lambda log: log.batch(log.clinic, [log.person, log.other, log.person], **change)


def last_missing(log: World) -> None:
    log.batch(log.clinic, [log.person, log.other], members=lambda claims: claims[:1])
    log.add(RECORD, log.person, log.clinic)


def foreign_member(log: World) -> None:
    other = log.claim(RECORD, log.person, log.clinic.id, entry_id=log.entry_id(99))
    log.batch(log.clinic, [log.person, log.other], members=lambda claims: [other, claims[1]])


def member_without_a_batch(log: World) -> None:
    log.now += 1000
    item = log.claim(RECORD, log.person, log.clinic.id)
    place = log.place(log.person, {})
    log.put(
        struct.pack(">BQ32sQQQI", 2, *place, log.members[0] - 1, 3) + item, log.person, place[0]
    )


def small_order_key(log: World) -> None:
    """With this key and the signature (identity, 0) OpenSSL verifies every message."""
    identity = bytes([1]) + bytes(31)
    log.enrol("accomplice", public=identity)


def non_canonical_key(log: World) -> None:
    log.enrol("accomplice", public=(2**255 - 18).to_bytes(32, "little"))


def other_form_of_signature(signed: bytes) -> bytes:
    """S + L in place of S: the same signature to a careless library, another leaf."""
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signed[-32:], "little") + order
    return signed[:-32] + s.to_bytes(32, "little")


row("An entry stands in the log twice", copied, *both("entry id"))
row(
    "What an author signed is changed afterwards",
    lambda log: log.add(RECORD, log.person, log.clinic, edit_statement=other_content),
    *both("signature"),
)
row(
    "An entry of an author, signed by the operator's own key",
    by_the_operators_own_key,
    *both("key"),
)
row("An entry of an author, signed by the log's key", by_the_logs_key, *both("key"))
row(
    "An entry under an author's name and key id, signed by another's key",
    lambda log: log.add(
        RECORD, log.person, log.clinic, key=log.pharmacy.key, kid=kid(log.clinic.public)
    ),
    *both("signature"),
)
row("An entry is replayed from another log", replayed_from_another_log, *both("log"))
row(
    "An entry is moved to another person's record", moved_to_another_record, Caught(IN_LOG, "chain")
)
row("A chain forks: two entries follow the same one", forked_chain, *both("chain"))
row("A chain goes through an entry that is not in the tree", linear_fake, *both("chain"))
row(
    "A record is opened a second time, its first half forgotten",
    lambda log: log.add(OPEN, log.person, log.clinic, seq=0, prev=ZERO, prev_index=0),
    *both("chain"),
)
row(
    "An entry says that it amends one that is not there",
    lambda log: log.add(AMEND, log.person, log.clinic, amended=sha256(b"nothing")),
    *both("amended"),
)
row("An erasure is attested that nobody ordered", erasure_without_an_order, *both("erasure"))
row("An author is enrolled by the operator", enrolled_by_the_operator, Caught(IN_LOG, "key"))
row(
    "An institution is enrolled by another, without governors",
    hospital_without_governors,
    Caught(IN_LOG, "actor"),
)
row("A write is accepted after it had expired", expired, *both("expiry"))
row(
    "A batch's last member is missing",
    last_missing,
    Caught(IN_LOG, "batch"),
    Caught(IN_EVIDENCE, "batch"),
)
row(
    "Two members of a batch change places",
    batch_with(members=lambda claims: claims[::-1]),
    *both("batch"),
)
row("A member of a batch is replaced by a foreign entry", foreign_member, *both("batch"))
row("An entry says it is in a batch, and no batch has it", member_without_a_batch, *both("batch"))
row(
    "A key of small order is enrolled, under which every signature holds",
    small_order_key,
    Caught(IN_LOG, "key"),
)
row(
    "A key in a second form of the same point is enrolled", non_canonical_key, Caught(IN_LOG, "key")
)
row(
    "A signature in its second form, S + L",
    lambda log: log.add(RECORD, log.person, log.clinic, edit_statement=other_form_of_signature),
    *both("signature"),
)


@BOOK.lie(
    "One entry is shown whose chain leads nowhere",
    Says(
        IN_EVIDENCE,
        "the entries before and after this one, what it amends, and that its id is used once",
    ),
    Caught("log export", "chain"),
    limit=Limit.VIEWS,
)
def entry_alone(hand: Hand) -> None:
    log = World()
    linear_fake(log)
    index = len(log.leaves) - 1
    heads.add_epoch(log)
    hand.believe(log)
    hand.export(log)
    hand.evidence(prove([log], ENTRY, log.person, index))


@BOOK.lie(
    "An entry is false that stands outside of the part that was checked",
    Caught(IN_LOG, "key"),
    Says(
        "log export --from 0 --to 5",
        "leaves but 0 to 4: only their place in the tree, and the registry",
    ),
)
def outside_of_the_part(hand: Hand) -> None:
    log = World()
    by_the_operators_own_key(log)
    hand.believe(log)
    hand.export(log)


@BOOK.lie(
    "A signature is false that nobody checked",
    Caught(IN_LOG, "signature"),
    Says("log export --structure-only", "the signatures of authors"),
)
def structure_only(hand: Hand) -> None:
    log = World()
    log.add(RECORD, log.person, log.clinic, edit_statement=other_content)
    hand.believe(log)
    hand.export(log)
