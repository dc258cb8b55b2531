"""What may and what must not follow the small log, each with its checkpoint rightly made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger.merkle import leaf_hash, subtree_root
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import DIRECTORY_CHAIN, ZERO_HASH, ChainId, Hash
from ledger.wire.leaf import MEMBER_HEADER, encode_leaf
from tests.vectors.entries_changes import enrol_body, revoke_body
from tests.vectors.entries_epoch_lies import false_epochs, true_epochs
from tests.vectors.entries_identity_lies import false_identities, true_identities
from tests.vectors.entries_log import SmallLog, leaf_claim
from tests.vectors.entries_registry import genesis_body
from tests.vectors.entries_world import (
    CHECKPOINT_KEY,
    CLINIC,
    DAY_MS,
    GOVERNOR,
    LOG_CHAIN,
    LOG_STATEMENT,
    MINUTE_MS,
    ORIGIN_HASH,
    OTHER_PERSON,
    PERSON,
    PHARMACY,
    STRANGER,
    Signer,
    entry_id,
    flipped,
)
from tests.vectors.tree_keys import seed

Change = Callable[[SmallLog], object]
NEW: Final = ChainId(seed("new chain")[:16])
RECORD_AT: Final = 5
"""The person's record in the small log."""
DIRECTORY_AT: Final = 7
ACCESS_AT: Final = 12


def continuations(log: SmallLog) -> list[tuple[str, SmallLog, bool]]:
    """Name, the longer log, and whether it is a true one."""
    found = []
    true, false = _true() | true_epochs(), _false() | false_epochs()
    for changes, valid in ((true, True), (false, False)):
        for name, change in changes.items():
            longer = log.copy()
            change(longer)
            found.append((name, longer, valid))
    return found


def _entry(kind: Kind, chain: ChainId, author: Signer = CLINIC, **change: object) -> Change:
    """An entry whose claim has some fields replaced."""

    def append(log: SmallLog) -> None:
        log.add(_changed(log.claim(kind, chain, author), change), author)

    return append


def _changed(claim: Claim, change: dict[str, object]) -> Claim:
    return replace(claim, **change)  # type: ignore[arg-type]


def _signed_by(kind: Kind, chain: ChainId, author: Signer, signer: Signer) -> Change:
    return lambda log: log.add(log.claim(kind, chain, author), signer)


def _actor(chain: bytes, body: bytes, signer: Signer = GOVERNOR) -> Change:
    def append(log: SmallLog) -> None:
        log.add(replace(log.actor(chain, body), author=signer.id), signer)

    return append


def _amends(kind: Kind, at: int, chain: ChainId = PERSON) -> Change:
    return lambda log: log.add(log.amending(kind, chain, at), CLINIC)


def _directory(kind: Kind, owner: Signer, author: Signer) -> Change:
    return lambda log: log.entry(kind, log.derived(DIRECTORY_CHAIN, owner), author)


def _at(born: int = 0, authored: int = 0, expires: int | None = None) -> Change:
    """A record whose times lie so far from the time of arrival."""

    def append(log: SmallLog) -> None:
        arrival = log.now + 1000
        claim = replace(
            log.claim(Kind.RECORD, PERSON, CLINIC),
            entry_id=entry_id(arrival + born, "times"),
            authored_ms=arrival + authored,
            expires_ms=0 if expires is None else arrival + expires,
        )
        log.add(claim, CLINIC)

    return append


def _header(seq: int = 0, prev: int | None = None, at: int = 0, ms: int = 0) -> Change:
    """A record whose header is off by so much; ``prev`` is the leaf whose hash it names."""

    def append(log: SmallLog) -> None:
        claim = log.claim(Kind.RECORD, PERSON, CLINIC)
        right_seq, hash_, index = log.place(PERSON)
        if prev is not None:
            hash_ = leaf_hash(log.leaves[prev])
        log.now += 1000
        statement = CLINIC.key.sign(claim)
        leaf = encode_leaf(right_seq + seq, hash_, index + at, log.now + ms, statement)
        log.put(leaf, PERSON, right_seq + seq)

    return append


def _repeat(log: SmallLog) -> None:
    """The person's record once more, as it is, behind the newest entry."""
    seq, prev, at = log.place(PERSON)
    log.put(encode_leaf(seq, prev, at, log.now, log.leaves[RECORD_AT][57:]), PERSON, seq)


def _same_id(author: Signer) -> Change:
    def append(log: SmallLog) -> None:
        used = log.leaves[RECORD_AT]
        claim = log.claim(Kind.RECORD, PERSON, author)
        log.add(_changed(claim, {"entry_id": leaf_claim(used)[66:82]}), author)

    return append


def _bad_signature(log: SmallLog) -> None:
    log.entry(Kind.RECORD, PERSON, CLINIC)
    log.put(flipped(log.leaves.pop(), -1), PERSON, log.heads[PERSON][0])


def _genesis_again(log: SmallLog) -> None:
    claim = replace(log.claim(Kind.BATCH, LOG_CHAIN, GOVERNOR), kind=Kind.GENESIS)
    log.add(replace(claim, log=ORIGIN_HASH, body=genesis_body()), GOVERNOR)


def _enrol_then_sign(log: SmallLog) -> None:
    _actor(STRANGER.id, enrol_body("practitioner", STRANGER.public))(log)
    log.entry(Kind.RECORD, PERSON, STRANGER)


def _revoke_then_sign(log: SmallLog) -> None:
    _actor(CLINIC.id, revoke_body(CLINIC.public))(log)
    log.entry(Kind.RECORD, PERSON, CLINIC)


def _batch(**change: object) -> Change:
    """The clinic's batch of three, with something about it changed."""

    def append(log: SmallLog) -> None:
        members = log.members()
        root = subtree_root(member_hashes(member.encode() for member in members))
        body = replace(
            BatchBody(Kind.RECORD, 3, root),
            **{k: v for k, v in change.items() if k in ("member_kind", "count", "root")},  # type: ignore[arg-type]
        )
        edit = change.get("edit")
        if callable(edit):
            members = edit(log, members)
        log.batch(CLINIC, members, body)
        after = change.get("after")
        if callable(after):
            after(log)

    return append


def _swapped(log: SmallLog, members: list[Claim]) -> list[Claim]:
    return [members[1], members[0], members[2]]


def _of_another_author(log: SmallLog) -> None:
    members = [replace(one, author=GOVERNOR.id) for one in log.members()]
    log.batch(CLINIC, members)


def _of_another_kind(log: SmallLog) -> None:
    members = [log.claim(Kind.ACCESS, PERSON, CLINIC, b"access")]
    root = subtree_root(member_hashes(member.encode() for member in members))
    log.batch(CLINIC, members, BatchBody(Kind.RECORD, 1, root))


def _id_twice(log: SmallLog) -> None:
    first = log.members()[0]
    log.batch(CLINIC, [first, replace(first, authored_ms=1)])


def _repositioned(batch: int, position: int) -> Change:
    """A batch of one member that names another batch index, or another position."""

    def append(log: SmallLog) -> None:
        log.batch(CLINIC, log.members()[:1])
        leaf = log.leaves.pop()
        fields = MEMBER_HEADER.unpack_from(leaf)
        head = MEMBER_HEADER.pack(*fields[:5], fields[5] + batch, fields[6] + position)
        log.put(head + leaf[69:], PERSON, fields[1])

    return append


def _between(log: SmallLog) -> None:
    """A record stands between a batch and its members."""
    members = [member.encode() for member in log.members()]
    log.batch(CLINIC, log.members())
    del log.leaves[-3:]
    batch = log.index - 1
    log.heads[PERSON] = _head_of(log, PERSON)
    log.heads[log.derived(DIRECTORY_CHAIN, CLINIC)] = _head_of(
        log, log.derived(DIRECTORY_CHAIN, CLINIC)
    )
    log.entry(Kind.ACCESS, PERSON, CLINIC)
    for position, claim in enumerate(members):
        log.member(claim, batch, position)


def _head_of(log: SmallLog, chain: bytes) -> tuple[int, Hash, int]:
    at = max(i for i, leaf in enumerate(log.leaves) if leaf_claim(leaf)[34:50] == chain)
    return int.from_bytes(log.leaves[at][1:9], "big"), leaf_hash(log.leaves[at]), at


def _lone_member(log: SmallLog) -> None:
    log.member(log.members()[0].encode(), log.index - 1, 0)


def _true() -> dict[str, Change]:
    return true_identities() | {
        "record": _entry(Kind.RECORD, PERSON),
        "record-of-an-author-just-enrolled": _enrol_then_sign,
        "enrolment-by-the-clinic": _actor(
            STRANGER.id, enrol_body("practitioner", STRANGER.public), CLINIC
        ),
        "revocation-by-its-owner": _actor(CLINIC.id, revoke_body(CLINIC.public), CLINIC),
        "open": _entry(Kind.OPEN, NEW),
        "amend-an-amendment": _amends(Kind.AMEND, RECORD_AT + 1),
        "retract-the-amended-record": _amends(Kind.RETRACT, RECORD_AT),
        "amend-in-the-directory": lambda log: log.add(
            log.amending(Kind.AMEND, log.derived(DIRECTORY_CHAIN, CLINIC), DIRECTORY_AT), CLINIC
        ),
        "same-entry-id-of-another-author": _id_of_another_author,
        "entry-id-30-days-old": _at(born=-30 * DAY_MS),
        "entry-id-5-minutes-ahead": _at(born=5 * MINUTE_MS),
        "authored-5-minutes-ahead": _at(authored=5 * MINUTE_MS),
        "authored-long-ago": _at(authored=-1_000_000_000_000),
        "expires-on-arrival": _at(expires=0),
        "received-at-the-same-time": _header(ms=-1000),
        "batch": _batch(),
        "batch-then-record": _batch(after=lambda log: log.entry(Kind.RECORD, PERSON, CLINIC)),
    }


def _id_of_another_author(log: SmallLog) -> None:
    _actor(STRANGER.id, enrol_body("practitioner", STRANGER.public))(log)
    _same_id(STRANGER)(log)


def _false() -> dict[str, Change]:
    return {
        **_false_signers(),
        **_false_actors(),
        **_false_chains(),
        **_false_headers(),
        **_false_batches(),
        **false_identities(),
    }


def _false_signers() -> dict[str, Change]:
    return {
        "signature-bit-flipped": _bad_signature,
        "record-of-a-stranger": _entry(Kind.RECORD, PERSON, STRANGER),
        "record-with-a-stranger's-key": _signed_by(Kind.RECORD, PERSON, CLINIC, STRANGER),
        "record-with-another-author's-key": _signed_by(Kind.RECORD, PERSON, PHARMACY, CLINIC),
        "record-with-a-revoked-key": _entry(Kind.RECORD, PERSON, PHARMACY),
        "record-after-the-revocation": _revoke_then_sign,
        "record-of-the-governor": _entry(Kind.RECORD, PERSON, GOVERNOR),
        "enrolment-of-an-organisation-by-the-clinic": _actor(
            STRANGER.id, enrol_body("organisation", STRANGER.public), CLINIC
        ),
        "revocation-by-somebody-else": lambda log: (
            _actor(STRANGER.id, enrol_body("practitioner", STRANGER.public))(log),
            _actor(STRANGER.id, revoke_body(STRANGER.public), CLINIC)(log),
        ),
        "log-of-another": _entry(Kind.RECORD, PERSON, log=Hash(seed("another log"))),
        "log-of-the-origin": _entry(Kind.RECORD, PERSON, log=ORIGIN_HASH),
    }


def _false_actors() -> dict[str, Change]:
    new = STRANGER.id
    return {
        "genesis-again": _genesis_again,
        "enrol-a-key-again": _actor(new, enrol_body()),
        "enrol-a-revoked-key": _actor(new, enrol_body(key=PHARMACY.public)),
        "enrol-the-governor's-key": _actor(new, enrol_body(key=GOVERNOR.public)),
        "enrol-the-log's-statement-key": _actor(new, enrol_body(key=LOG_STATEMENT)),
        "enrol-the-log's-checkpoint-key": _actor(
            new, enrol_body(key=CHECKPOINT_KEY.vkey.public_key)
        ),
        "enrol-an-actor-again": _actor(CLINIC.id, enrol_body(key=STRANGER.public)),
        "enrol-the-governor": _actor(GOVERNOR.id, enrol_body(key=STRANGER.public)),
        "enrol-on-a-person's-chain": _actor(PERSON, enrol_body(key=STRANGER.public)),
        "enrol-whose-directory-was-opened": lambda log: (
            _directory(Kind.OPEN, STRANGER, CLINIC)(log),
            _actor(STRANGER.id, enrol_body(key=STRANGER.public))(log),
        ),
        "revoke-again": _actor(PHARMACY.id, revoke_body()),
        "revoke-another-actor's-key": _actor(PHARMACY.id, revoke_body(CLINIC.public)),
        "revoke-the-governor's-key": _actor(CLINIC.id, revoke_body(GOVERNOR.public)),
        "revoke-an-unknown-key": _actor(CLINIC.id, revoke_body(STRANGER.public)),
        "revoke-first-on-a-chain": _actor(new, revoke_body(CLINIC.public)),
    }


def _false_chains() -> dict[str, Change]:
    return {
        "open-again": _entry(Kind.OPEN, PERSON),
        "open-an-actor's-directory": _directory(Kind.OPEN, PHARMACY, CLINIC),
        "record-on-an-unknown-chain": _entry(Kind.RECORD, NEW),
        "access-first-on-a-chain": _entry(Kind.ACCESS, NEW),
        "record-on-an-actor's-chain": _entry(Kind.RECORD, ChainId(CLINIC.id)),
        "record-on-the-log's-chain": _entry(Kind.RECORD, LOG_CHAIN),
        "record-on-another's-directory": _directory(Kind.RECORD, PHARMACY, CLINIC),
        "record-on-another's-open-directory": lambda log: (
            _actor(STRANGER.id, enrol_body("practitioner", STRANGER.public))(log),
            _directory(Kind.RECORD, CLINIC, STRANGER)(log),
        ),
        "access-on-a-directory": _directory(Kind.ACCESS, CLINIC, CLINIC),
        "link-on-a-directory": _directory(Kind.LINK, CLINIC, CLINIC),
        "amend-a-leaf-of-another-chain": _amends(Kind.AMEND, RECORD_AT, OTHER_PERSON),
        "amend-an-access": _amends(Kind.AMEND, ACCESS_AT),
        "retract-an-opening": _amends(Kind.RETRACT, 3),
        "amend-nothing-in-the-log": _entry(
            Kind.AMEND, PERSON, amended=Hash(seed("no leaf of the log"))
        ),
    }


def _false_headers() -> dict[str, Change]:
    return {
        "seq-skipped": _header(seq=1),
        "seq-repeated": _header(seq=-1),
        "prev-hash-of-an-earlier-leaf": _header(prev=RECORD_AT),
        "prev-index-of-an-earlier-leaf": _header(at=-1),
        "prev-index-of-the-leaf-itself": _header(at=2),
        "chain-started-again": _started_again,
        "received-before-the-last": _header(ms=-1001),
        "entry-id-over-30-days-old": _at(born=-30 * DAY_MS - 1),
        "entry-id-over-5-minutes-ahead": _at(born=5 * MINUTE_MS + 1),
        "authored-over-5-minutes-ahead": _at(authored=5 * MINUTE_MS + 1),
        "expired": _at(expires=-1),
        "entry-again": _repeat,
        "entry-id-again": _same_id(CLINIC),
    }


def _started_again(log: SmallLog) -> None:
    claim = log.claim(Kind.RECORD, PERSON, CLINIC)
    log.now += 1000
    log.put(encode_leaf(0, ZERO_HASH, 0, log.now, CLINIC.key.sign(claim)), PERSON, 0)


def _false_batches() -> dict[str, Change]:
    return {
        "batch-on-a-person's-chain": _entry(
            Kind.BATCH, PERSON, body=BatchBody(Kind.RECORD, 1, Hash(bytes(32))).encode()
        ),
        "batch-without-members": _batch(edit=lambda log, members: []),
        "batch-cut-off-by-the-checkpoint": _batch(edit=lambda log, members: members[:2]),
        "batch-with-a-member-too-many": _batch(count=2),
        "batch-root-wrong": _batch(root=Hash(bytes(32))),
        "batch-members-swapped": _batch(edit=_swapped),
        "batch-of-accesses-with-records": _batch(member_kind=Kind.ACCESS),
        "batch-of-records-with-an-access": _of_another_kind,
        "batch-members-of-another-author": _of_another_author,
        "batch-with-an-entry-id-twice": _id_twice,
        "batch-index-of-another-leaf": _repositioned(-1, 0),
        "batch-position-skipped": _repositioned(0, 1),
        "entry-between-batch-and-members": _between,
        "member-without-batch": _lone_member,
    }
