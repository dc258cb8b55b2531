"""A small log with three governors, one with an ML-DSA-44 key; and false leaves that follow it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.identity import (
    Change,
    Contest,
    Enrol,
    Genesis,
    Governor,
    Governors,
    NewKey,
    Quorum,
    Revoke,
    change_bytes,
    genesis_act,
    with_quorum,
)
from ledger.identity.approvals import Act, sign_approval
from ledger.merkle import leaf_hash
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ActorId, ChainId
from ledger.wire.note import sign_note
from ledger.wire.statement import StatementKey
from tests.vectors.entries_log import Author, SmallLog
from tests.vectors.entries_world import (
    CHECKPOINT_KEY,
    CHECKPOINT_ML_DSA,
    CLINIC,
    DAY_MS,
    GOVERNOR,
    LOG_CHAIN,
    LOG_STATEMENT,
    ORIGIN,
    ORIGIN_HASH,
    PHARMACY,
    START_MS,
    STRANGER,
    KeptMlDsa,
    Keyed,
    Signer,
    entry_id,
)
from tests.vectors.files import stored
from tests.vectors.tree_keys import seed

SIGNATURES: Final[dict[str, str]] = dict(stored("governed-log.json").get("ml_dsa_signatures", {}))
SECOND: Final = Signer.of("second governor")
THIRD: Final = Keyed(
    ActorId(seed("actor third governor")[:16]),
    StatementKey.of(
        KeptMlDsa(MLDSA44PrivateKey.from_seed_bytes(seed("third governor")), SIGNATURES)
    ),
)
FOURTH: Final = Signer.of("fourth governor")
EXPIRES: Final = START_MS + DAY_MS
CLINIC_AT: Final = 1

Edit = Callable[[list[bytes]], list[bytes]]


def governor(one: Author) -> Governor:
    return Governor(one.id, one.key.public_key, one.key.alg)


def approvals(act: Act, *by: Author) -> list[bytes]:
    """In the order in which they must stand."""
    return [sign_approval(one.key, act.payload()) for one in sorted(by, key=lambda x: x.key.kid)]


def approved(
    log: SmallLog,
    chain: bytes,
    body: Change,
    author: Author,
    *by: Author,
    expires_ms: int = EXPIRES,
    act: Callable[[Act], Act] = lambda act: act,
    edit: Edit = lambda rows: rows,
) -> int:
    """An act with its approvals; ``act`` is what was approved instead of it."""
    kind = Kind.TRUST if isinstance(body, Governors) else Kind.ACTOR
    _, prev, _ = log.place(chain)
    right = Act(kind, log.id, ChainId(chain), prev, change_bytes(body), expires_ms)
    rows = edit(approvals(act(right), *by))
    whole = with_quorum(body, Quorum(expires_ms, tuple(rows)))
    claim = replace(log.actor(chain, whole.encode(), author), kind=kind)
    return log.add(claim, author)


def governed_genesis(*by: Author) -> Genesis:
    """Founded by the first of three, approved by others."""
    keys = (str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey))
    governors = tuple(governor(one) for one in (GOVERNOR, SECOND, THIRD))
    genesis = Genesis(ORIGIN, keys, LOG_STATEMENT, governors)
    return replace(genesis, approvals=tuple(approvals(genesis_act(genesis, LOG_CHAIN), *by)))


ENROL_CLINIC: Final = Enrol("organisation", (NewKey(CLINIC.public),))
ENROL: Final = Enrol("organisation", (NewKey(STRANGER.public),))
NEW_GOVERNORS: Final = Governors((governor(GOVERNOR), governor(THIRD), governor(FOURTH)), 2)


def governed_log() -> tuple[SmallLog, list[str]]:
    """The true log, and a name for each of its leaves."""
    log = SmallLog()
    claim = Claim(
        Kind.GENESIS,
        ORIGIN_HASH,
        LOG_CHAIN,
        GOVERNOR.id,
        entry_id(START_MS, "governed genesis"),
        START_MS,
        body=governed_genesis(THIRD).encode(),
    )
    log.add(claim, GOVERNOR)
    approved(log, CLINIC.id, ENROL_CLINIC, GOVERNOR, SECOND)
    approved(log, LOG_CHAIN, NEW_GOVERNORS, SECOND, GOVERNOR, THIRD)
    pharmacy = Enrol("gateway", (NewKey(PHARMACY.public),))
    approved(log, PHARMACY.id, pharmacy, THIRD, FOURTH)
    approved(log, PHARMACY.id, Contest(3), FOURTH, GOVERNOR)
    return log, ["genesis", "enrol-clinic", "trust", "enrol-pharmacy", "contest-pharmacy"]


def continuations_governed(log: SmallLog) -> list[tuple[str, SmallLog, bool]]:
    """Name, the longer log, and whether it is a true one."""
    found = []
    for changes, valid in ((_true(), True), (_false_approvals() | _false_acts(), False)):
        for name, change in changes.items():
            longer = log.copy()
            change(longer)
            found.append((name, longer, valid))
    return found


def _enrols(
    author: Author, *by: Author, expires_ms: int = EXPIRES, edit: Edit | None = None
) -> Callable[[SmallLog], object]:
    return lambda log: approved(
        log,
        STRANGER.id,
        ENROL,
        author,
        *by,
        expires_ms=expires_ms,
        edit=edit or (lambda rows: rows),
    )


def _other_act(act: Callable[[Act], Act]) -> Callable[[SmallLog], object]:
    """An approval that is good for something else."""
    return lambda log: approved(log, STRANGER.id, ENROL, GOVERNOR, FOURTH, act=act)


def _true() -> dict[str, Callable[[SmallLog], object]]:
    one = Governors((governor(GOVERNOR),), 1)
    return {
        "enrol-approved-by-one": _enrols(GOVERNOR, FOURTH),
        "enrol-approved-by-all": _enrols(FOURTH, GOVERNOR, THIRD),
        "enrol-approved-by-ml-dsa-44": _enrols(GOVERNOR, THIRD),
        "enrol-approved-until-its-arrival": lambda log: _enrols(
            GOVERNOR, FOURTH, expires_ms=log.now + 1000
        )(log),
        "revoke-approved": lambda log: approved(
            log, CLINIC.id, Revoke(CLINIC.key.kid), GOVERNOR, FOURTH
        ),
        "one-governor-again": lambda log: (
            approved(log, LOG_CHAIN, one, THIRD, GOVERNOR),
            log.add(log.actor(STRANGER.id, ENROL.encode(), GOVERNOR), GOVERNOR),
        ),
        "enrol-by-the-clinic-needs-none": lambda log: log.add(
            log.actor(
                STRANGER.id, Enrol("practitioner", (NewKey(STRANGER.public),)).encode(), CLINIC
            ),
            CLINIC,
        ),
    }


def _false_approvals() -> dict[str, Callable[[SmallLog], object]]:
    def flip(rows: list[bytes]) -> list[bytes]:
        return [*rows[:-1], rows[-1][:-1] + bytes([rows[-1][-1] ^ 1])]

    return {
        "enrol-without-quorum": lambda log: log.add(
            log.actor(STRANGER.id, ENROL.encode(), GOVERNOR), GOVERNOR
        ),
        "enrol-approved-by-nobody": _enrols(GOVERNOR),
        "enrol-approved-by-its-author": _enrols(GOVERNOR, GOVERNOR),
        "enrol-approved-by-a-former-governor": _enrols(GOVERNOR, SECOND),
        "enrol-approved-by-an-actor": _enrols(GOVERNOR, CLINIC),
        "enrol-approved-by-a-stranger": _enrols(GOVERNOR, STRANGER),
        "enrol-approved-by-three": _enrols(GOVERNOR, FOURTH, THIRD, SECOND),
        "enrol-approved-twice-by-one": _enrols(GOVERNOR, FOURTH, edit=lambda rows: rows * 2),
        "enrol-approvals-unsorted": _enrols(GOVERNOR, FOURTH, THIRD, edit=lambda rows: rows[::-1]),
        "enrol-approval-bit-flipped": _enrols(GOVERNOR, FOURTH, edit=flip),
        "enrol-second-approval-bit-flipped": _enrols(GOVERNOR, FOURTH, THIRD, edit=flip),
        "enrol-approval-not-in-form": _enrols(
            GOVERNOR, FOURTH, edit=lambda rows: [rows[0].replace(b"\xa0\xf6", b"\xa0\x40", 1)]
        ),
        "enrol-approval-empty": _enrols(GOVERNOR, FOURTH, edit=lambda rows: [b""]),
        "enrol-approvals-expired": lambda log: _enrols(GOVERNOR, FOURTH, expires_ms=log.now + 999)(
            log
        ),
        "approval-of-another-kind": _other_act(lambda act: act._replace(kind=Kind.TRUST)),
        "approval-of-another-log": _other_act(lambda act: act._replace(log=ORIGIN_HASH)),
        "approval-of-another-chain": _other_act(
            lambda act: act._replace(chain=ChainId(PHARMACY.id))
        ),
        "approval-behind-another-leaf": _other_act(
            lambda act: act._replace(prev=leaf_hash(b"another leaf"))
        ),
        "approval-of-another-change": _other_act(
            lambda act: act._replace(change=change_bytes(ENROL_CLINIC))
        ),
        "approval-of-another-expiry": _other_act(lambda act: act._replace(expires_ms=EXPIRES + 1)),
    }


def _replayed(log: SmallLog) -> None:
    """The contest of the pharmacy once more: its approval named the leaf before."""
    first = log.leaves[3]
    approved(
        log,
        PHARMACY.id,
        Contest(3),
        FOURTH,
        GOVERNOR,
        act=lambda act: act._replace(prev=leaf_hash(first)),
    )


def _false_acts() -> dict[str, Callable[[SmallLog], object]]:
    back = Governors((governor(GOVERNOR), governor(SECOND), governor(THIRD)), 2)
    fresh = Governor(SECOND.id, STRANGER.public)
    again = Governor(STRANGER.id, SECOND.public)
    return {
        "approval-used-again": _replayed,
        "enrol-by-a-former-governor": _enrols(SECOND, GOVERNOR),
        "enrol-by-the-clinic-with-approvals": _enrols(CLINIC, GOVERNOR),
        "trust-without-approvals": lambda log: approved(
            log, LOG_CHAIN, Governors((governor(GOVERNOR),), 1), GOVERNOR
        ),
        "trust-by-a-former-governor": lambda log: approved(
            log, LOG_CHAIN, Governors((governor(SECOND),), 1), SECOND, GOVERNOR
        ),
        "trust-approved-by-the-governor-to-be": lambda log: approved(
            log,
            LOG_CHAIN,
            Governors((governor(GOVERNOR), governor(STRANGER)), 2),
            GOVERNOR,
            STRANGER,
        ),
        "trust-brings-a-governor-back": lambda log: approved(log, LOG_CHAIN, back, GOVERNOR, THIRD),
        "trust-former-id-with-a-new-key": lambda log: approved(
            log, LOG_CHAIN, Governors((governor(GOVERNOR), fresh), 2), GOVERNOR, THIRD
        ),
        "trust-former-key-with-a-new-id": lambda log: approved(
            log, LOG_CHAIN, Governors((governor(GOVERNOR), again), 2), GOVERNOR, THIRD
        ),
        "enrol-a-former-governor's-id": lambda log: approved(
            log, SECOND.id, ENROL, GOVERNOR, THIRD
        ),
        "enrol-a-former-governor's-key": lambda log: approved(
            log,
            STRANGER.id,
            Enrol("organisation", (NewKey(SECOND.public),)),
            GOVERNOR,
            THIRD,
        ),
        "trust-on-a-new-chain": lambda log: approved(
            log, STRANGER.id, Governors((governor(GOVERNOR),), 1), GOVERNOR, THIRD
        ),
        "trust-on-an-actor's-chain": lambda log: approved(
            log, CLINIC.id, Governors((governor(GOVERNOR),), 1), GOVERNOR, THIRD
        ),
    }


def false_geneses() -> dict[str, bytes]:
    """First leaves that are false: name -> leaf."""
    good = governed_genesis(THIRD)
    act = genesis_act(good, LOG_CHAIN)
    cases = {
        "genesis-approved-by-its-author": (good, approvals(act, GOVERNOR), GOVERNOR),
        "genesis-approved-by-a-stranger": (good, approvals(act, STRANGER), GOVERNOR),
        "genesis-approved-twice-by-one": (good, approvals(act, SECOND) * 2, GOVERNOR),
        "genesis-approval-of-another-chain": (
            good,
            approvals(act._replace(chain=ChainId(CLINIC.id)), SECOND),
            GOVERNOR,
        ),
        "genesis-approval-of-another-change": (
            good,
            approvals(act._replace(change=b""), SECOND),
            GOVERNOR,
        ),
        "genesis-approval-behind-a-leaf": (
            good,
            approvals(act._replace(prev=leaf_hash(b"")), SECOND),
            GOVERNOR,
        ),
        "genesis-signed-by-the-second": (good, approvals(act, THIRD), SECOND),
    }
    made = {}
    for name, (genesis, rows, signer) in cases.items():
        log = SmallLog()
        body = replace(genesis, approvals=tuple(rows)).encode()
        born = entry_id(START_MS, "governed genesis")
        author = GOVERNOR.id if signer is GOVERNOR else signer.id
        claim = Claim(Kind.GENESIS, ORIGIN_HASH, LOG_CHAIN, author, born, START_MS, body=body)
        log.add(claim, signer)
        made[name] = log.leaves[0]
    return made


def governed_vectors() -> dict[str, object]:
    """The log, leaves that must not follow it, and first leaves that are none."""
    log, names = governed_log()
    checkpoint = log.checkpoint()
    return {
        "about": "a whole log with three governors; leaves in hex, notes in base64. geneses: first "
        "leaves, each of a log of one leaf",
        "origin": ORIGIN,
        "vkeys": [str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey)],
        "log": log.id.hex(),
        "size": log.index,
        "root": checkpoint.root.hex(),
        "checkpoint": _note(log),
        "leaves": [
            {"name": name, "leaf": leaf.hex(), "hash": leaf_hash(leaf).hex()}
            for name, leaf in zip(names, log.leaves, strict=True)
        ],
        "continuations": [
            {
                "name": name,
                "leaves": [leaf.hex() for leaf in longer.leaves[log.index :]],
                "checkpoint": _note(longer),
                "valid": valid,
            }
            for name, longer, valid in continuations_governed(log)
        ],
        "geneses": [
            {"name": name, "leaf": leaf.hex(), "checkpoint": _note(SmallLog([leaf]))}
            for name, leaf in false_geneses().items()
        ],
        "ml_dsa_signatures": SIGNATURES,
    }


def _note(log: SmallLog) -> str:
    return b64encode(sign_note(log.checkpoint().text(), [CHECKPOINT_KEY])).decode()
