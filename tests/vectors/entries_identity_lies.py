"""Continuations of the small log that are about who may sign: roles, dates, contests, erasures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger.identity import Contest, Enrol, Governor, Governors, NewKey, Quorum, Rotate, with_quorum
from ledger.wire.claim import Kind
from ledger.wire.erasure import Attest, EraseEntries, EraseRecord, Erasure
from ledger.wire.ids import DIRECTORY_CHAIN, ChainId, Hash
from ledger.wire.leaf import encode_leaf
from tests.vectors.entries_changes import THREE, enrol_body, revoke_body, rotate_body
from tests.vectors.entries_log import LINK_AT, Author, SmallLog
from tests.vectors.entries_world import (
    CHECKPOINT_ML_DSA,
    CLINIC,
    DAY_MS,
    DOCTOR,
    GOVERNOR,
    LOG_CHAIN,
    OTHER_PERSON,
    PATIENT,
    PERSON,
    PHARMACY,
    PROXY,
    START_MS,
    STRANGER,
    Keyed,
    Signer,
)
from tests.vectors.tree_keys import seed

Change = Callable[[SmallLog], object]

DIRECTORY_AT: Final = 7
ORDER_AT: Final = 26
ATTEST_AT: Final = 27
NOBODY: Final = ChainId(seed("record of nobody")[:16])
SECOND_KEY: Final = Keyed(CLINIC.id, STRANGER.key)
"""The clinic behind a rotation."""


def _enrols(
    by: Author,
    role: str,
    record: ChainId | None = None,
    scope: tuple[str, ...] = (),
    from_ms: int = 0,
    until_ms: int = 0,
) -> Change:
    """The stranger is enrolled."""
    body = Enrol(role, (NewKey(STRANGER.public),), record, frozenset(scope), from_ms, until_ms)
    return _acts(by, STRANGER.id, body.encode())


def _acts(by: Author, chain: bytes, body: bytes) -> Change:
    return lambda log: log.add(log.actor(chain, body, by), by)


def _signs(kind: Kind, chain: ChainId, by: Author) -> Change:
    return lambda log: log.entry(kind, chain, by)


def _then(*changes: Change) -> Change:
    def append(log: SmallLog) -> None:
        for change in changes:
            change(log)

    return append


def _contests(by: Author, actor: bytes, since: int | None) -> Change:
    """From an index on; None: from its own."""
    return lambda log: _acts(by, actor, Contest(log.index if since is None else since).encode())(
        log
    )


def _governs(by: Author, body: Governors) -> Change:
    def append(log: SmallLog) -> None:
        claim = log.actor(LOG_CHAIN, body.encode(), by)
        log.add(replace(claim, kind=Kind.TRUST), by)

    return append


def _erases(chain: ChainId, body: Callable[[SmallLog], Erasure], by: Author = CLINIC) -> Change:
    return lambda log: log.add(log.erasure(chain, body(log), by), by)


def _unlinks(at: int, chain: ChainId = PERSON) -> Change:
    def append(log: SmallLog) -> None:
        claim = log.claim(Kind.UNLINK, chain, CLINIC)
        log.add(replace(claim, amended=log.hash(at)), CLINIC)

    return append


def _batches(by: Author, kind: Kind, *chains: ChainId) -> Change:
    return lambda log: log.batch(
        by, [log.claim(kind, chain, by, b"%d" % at) for at, chain in enumerate(chains)]
    )


QUORUM: Final = Quorum(START_MS + DAY_MS, ())
DEVICE: Final = _enrols(PATIENT, "device", PERSON)
TRUST: Final = Governors((*THREE[:2], Governor(THREE[2].id, Signer.of("third governor").public)), 2)


def true_identities() -> dict[str, Change]:
    """What the rules allow."""
    later = START_MS + DAY_MS
    return {
        "rotation-then-the-new-key": _then(
            _acts(CLINIC, CLINIC.id, rotate_body(CLINIC.public, STRANGER.public)),
            _signs(Kind.RECORD, PERSON, SECOND_KEY),
        ),
        "rotation-by-the-enroller": _acts(
            CLINIC, PATIENT.id, rotate_body(PATIENT.public, STRANGER.public)
        ),
        "revocation-by-the-enroller": _acts(PATIENT, PROXY.id, revoke_body(PROXY.public)),
        "revocation-by-the-governor-of-what-another-enrolled": _acts(
            GOVERNOR, PROXY.id, revoke_body(PROXY.public)
        ),
        "record-of-the-person": _signs(Kind.RECORD, PERSON, PATIENT),
        "erasure-by-the-person": _erases(PERSON, lambda log: EraseRecord(), PATIENT),
        "batch-of-the-person": _batches(PATIENT, Kind.RECORD, PERSON, PERSON),
        "device-of-the-person": _then(DEVICE, _signs(Kind.RECORD, PERSON, STRANGER)),
        "device-anywhere": _then(
            _enrols(CLINIC, "device"), _signs(Kind.RECORD, OTHER_PERSON, STRANGER)
        ),
        "guardian-with-every-scope": _then(
            _enrols(CLINIC, "guardian", PERSON, ("consent", "link", "read", "write")),
            _signs(Kind.LINK, PERSON, STRANGER),
        ),
        "custodian-erases": _then(
            _enrols(GOVERNOR, "custodian"),
            _erases(PERSON, lambda log: Attest(log.hash(ORDER_AT)), STRANGER),
        ),
        "auditor-reads": _then(_enrols(GOVERNOR, "auditor"), _signs(Kind.ACCESS, PERSON, STRANGER)),
        "dates-that-hold": _then(
            _enrols(CLINIC, "practitioner", from_ms=START_MS, until_ms=later),
            _signs(Kind.RECORD, PERSON, STRANGER),
        ),
        "contest-of-the-clinic-from-later-on": _then(
            _contests(GOVERNOR, CLINIC.id, None), _signs(Kind.RECORD, PERSON, PATIENT)
        ),
        "contested-actor-signs-on": _then(
            _contests(GOVERNOR, CLINIC.id, 1), _signs(Kind.RECORD, PERSON, CLINIC)
        ),
        "contest-by-the-enroller-replaced-by-the-governors": _then(
            _contests(CLINIC, DOCTOR.id, 1), _contests(GOVERNOR, DOCTOR.id, None)
        ),
        "contest-moved-gives-effect-back": _then(
            _contests(GOVERNOR, CLINIC.id, 1),
            _contests(GOVERNOR, CLINIC.id, None),
            _signs(Kind.RECORD, PERSON, PATIENT),
        ),
        "governors-become-three": _governs(GOVERNOR, TRUST),
        "order-of-a-directory-entry": lambda log: _erases(
            log.derived(DIRECTORY_CHAIN, CLINIC),
            lambda log: EraseEntries((log.hash(DIRECTORY_AT),)),
        )(log),
        "attest-again-by-another": _erases(PERSON, lambda log: Attest(log.hash(ORDER_AT)), PATIENT),
        "unlink-again": _unlinks(LINK_AT),
    }


def false_identities() -> dict[str, Change]:
    """What they do not allow, one rule broken each."""
    return (
        _false_roles() | _false_enrolments() | _false_keys() | _false_contests() | _false_trust()
    ) | _false_erasures()


def _false_roles() -> dict[str, Change]:
    device = _enrols(CLINIC, "device")
    return {
        "record-of-the-person-elsewhere": _signs(Kind.RECORD, OTHER_PERSON, PATIENT),
        "open-by-the-person": _signs(Kind.OPEN, NOBODY, PATIENT),
        "directory-of-the-person": lambda log: log.entry(
            Kind.RECORD, log.derived(DIRECTORY_CHAIN, PATIENT), PATIENT
        ),
        "link-by-the-proxy": _signs(Kind.LINK, PERSON, PROXY),
        "access-of-the-proxy-elsewhere": _signs(Kind.ACCESS, OTHER_PERSON, PROXY),
        "erasure-by-the-proxy": _erases(PERSON, lambda log: EraseRecord(), PROXY),
        "access-by-a-device": _then(device, _signs(Kind.ACCESS, PERSON, STRANGER)),
        "record-by-an-auditor": _then(
            _enrols(GOVERNOR, "auditor"), _signs(Kind.RECORD, PERSON, STRANGER)
        ),
        "link-by-an-app": _then(_enrols(CLINIC, "app"), _signs(Kind.LINK, PERSON, STRANGER)),
        "record-by-a-custodian": _then(
            _enrols(GOVERNOR, "custodian"), _signs(Kind.RECORD, PERSON, STRANGER)
        ),
        "batch-by-a-custodian": _then(
            _enrols(GOVERNOR, "custodian"), _batches(STRANGER, Kind.ACCESS, PERSON)
        ),
        "batch-of-accesses-by-a-device": _then(
            device, _batches(STRANGER, Kind.ACCESS, PERSON, PERSON)
        ),
        "batch-of-the-person-elsewhere": _batches(PATIENT, Kind.RECORD, PERSON, OTHER_PERSON),
        "record-before-its-author's-time": _then(
            _enrols(CLINIC, "practitioner", from_ms=START_MS + DAY_MS),
            _signs(Kind.RECORD, PERSON, STRANGER),
        ),
        "record-after-its-author's-time": _then(
            _enrols(CLINIC, "practitioner", until_ms=START_MS + 1),
            _signs(Kind.RECORD, PERSON, STRANGER),
        ),
    }


def _false_enrolments() -> dict[str, Change]:
    return {
        "enrol-custodian-by-the-clinic": _enrols(CLINIC, "custodian"),
        "enrol-auditor-by-the-clinic": _enrols(CLINIC, "auditor"),
        "enrol-proxy-by-the-clinic": _enrols(CLINIC, "proxy", PERSON, ("read",)),
        "enrol-guardian-by-the-person": _enrols(PATIENT, "guardian", PERSON, ("read",)),
        "enrol-practitioner-by-the-practitioner": _then(
            _enrols(CLINIC, "practitioner"),
            _acts(STRANGER, seed("x")[:16], enrol_body("practitioner", seed_key("x"))),
        ),
        "enrol-person-by-the-proxy": _acts(
            PROXY, STRANGER.id, enrol_body("person", STRANGER.public)
        ),
        "enrol-person-for-an-unknown-record": _enrols(CLINIC, "person", NOBODY),
        "enrol-person-for-an-actor's-chain": _enrols(CLINIC, "person", ChainId(CLINIC.id)),
        "enrol-person-for-the-log's-chain": _enrols(CLINIC, "person", LOG_CHAIN),
        "enrol-person-for-a-directory": lambda log: _enrols(
            CLINIC, "person", log.derived(DIRECTORY_CHAIN, CLINIC)
        )(log),
        "enrol-device-by-the-person-without-record": _enrols(PATIENT, "device"),
        "enrol-proxy-by-the-person-for-another-record": _enrols(
            PATIENT, "proxy", OTHER_PERSON, ("read",)
        ),
        "enrol-the-log's-ml-dsa-checkpoint-key": _acts(
            GOVERNOR,
            STRANGER.id,
            Enrol("app", (NewKey(CHECKPOINT_ML_DSA.vkey.public_key, -48),)).encode(),
        ),
        "enrol-by-a-revoked-key": _then(
            _acts(GOVERNOR, CLINIC.id, revoke_body(CLINIC.public)),
            _enrols(CLINIC, "practitioner"),
        ),
        "enrol-by-a-stranger": _enrols(STRANGER, "practitioner"),
    }


def _false_keys() -> dict[str, Change]:
    login = NewKey(STRANGER.public, use="login")
    return {
        "record-with-a-replaced-key": _signs(Kind.RECORD, PERSON, DOCTOR),
        "record-with-the-key-to-come": _signs(Kind.RECORD, PERSON, SECOND_KEY),
        "rotation-of-a-replaced-key": _acts(
            CLINIC, DOCTOR.id, rotate_body(DOCTOR.public, STRANGER.public)
        ),
        "rotation-to-a-registered-key": _acts(
            CLINIC, CLINIC.id, rotate_body(CLINIC.public, PATIENT.public)
        ),
        "rotation-to-its-own-key": _acts(
            CLINIC, CLINIC.id, rotate_body(CLINIC.public, CLINIC.public)
        ),
        "rotation-to-another-use": _acts(CLINIC, CLINIC.id, Rotate(CLINIC.key.kid, login).encode()),
        "rotation-by-another": _acts(
            PATIENT, CLINIC.id, rotate_body(CLINIC.public, STRANGER.public)
        ),
        "rotation-of-another's-key": _acts(
            CLINIC, CLINIC.id, rotate_body(PATIENT.public, STRANGER.public)
        ),
        "rotation-first-on-a-chain": _acts(
            GOVERNOR, STRANGER.id, rotate_body(CLINIC.public, STRANGER.public)
        ),
        "revocation-by-the-enroller's-enroller": _acts(CLINIC, PROXY.id, revoke_body(PROXY.public)),
        "revocation-by-itself-with-an-ended-key": _acts(
            PHARMACY, PHARMACY.id, revoke_body(PHARMACY.public)
        ),
        "revocation-by-an-enroller-whose-key-has-ended": _then(
            _acts(GOVERNOR, PATIENT.id, revoke_body(PATIENT.public)),
            _acts(PATIENT, PROXY.id, revoke_body(PROXY.public)),
        ),
    }


def _false_contests() -> dict[str, Change]:
    clinic = _contests(GOVERNOR, CLINIC.id, 1)
    return {
        "contest-by-itself": _contests(CLINIC, CLINIC.id, 1),
        "contest-by-another": _contests(PATIENT, DOCTOR.id, 1),
        "contest-of-what-is-to-come": lambda log: _contests(GOVERNOR, CLINIC.id, log.index + 1)(
            log
        ),
        "contest-by-the-governors-replaced-by-the-enroller": _then(
            _contests(GOVERNOR, DOCTOR.id, 1), _contests(CLINIC, DOCTOR.id, None)
        ),
        "contest-by-the-governors-replaced-twice": _then(
            _contests(GOVERNOR, DOCTOR.id, 1),
            _contests(GOVERNOR, DOCTOR.id, None),
            _contests(CLINIC, DOCTOR.id, 1),
        ),
        "contest-first-on-a-chain": _contests(GOVERNOR, STRANGER.id, 1),
        "record-of-one-whose-enroller-is-contested": _then(
            clinic, _signs(Kind.RECORD, PERSON, PATIENT)
        ),
        "record-of-one-whose-enroller's-enroller-is-contested": _then(
            clinic, _signs(Kind.ACCESS, PERSON, PROXY)
        ),
        "enrol-by-one-whose-enroller-is-contested": _then(clinic, DEVICE),
        "rotation-by-itself-without-effect": _then(
            clinic, _acts(PATIENT, PATIENT.id, rotate_body(PATIENT.public, STRANGER.public))
        ),
        "record-of-one-enrolled-under-a-contest": _then(
            clinic, _enrols(CLINIC, "practitioner"), _signs(Kind.RECORD, PERSON, STRANGER)
        ),
    }


def _false_trust() -> dict[str, Change]:
    enrol = Enrol("organisation", (NewKey(STRANGER.public),))
    known = Governor(STRANGER.id, CLINIC.public)
    actor = Governor(CLINIC.id, STRANGER.public)
    other_key = Governor(GOVERNOR.id, STRANGER.public)
    return {
        "trust-by-the-clinic": _governs(CLINIC, TRUST),
        "trust-with-the-key-of-an-actor": _governs(GOVERNOR, Governors((known,), 1)),
        "trust-with-the-id-of-an-actor": _governs(GOVERNOR, Governors((actor,), 1)),
        "trust-with-another-key-of-a-governor": _governs(GOVERNOR, Governors((other_key,), 1)),
        "trust-approved-by-nobody": _governs(GOVERNOR, with_quorum(TRUST, QUORUM)),
        "enrol-approved-by-nobody": _acts(
            GOVERNOR, STRANGER.id, with_quorum(enrol, QUORUM).encode()
        ),
        "enrol-by-the-clinic-with-approvals": _acts(
            CLINIC,
            STRANGER.id,
            Enrol("practitioner", (NewKey(STRANGER.public),), quorum=QUORUM).encode(),
        ),
        "enrol-by-one-of-three": _then(
            _governs(GOVERNOR, TRUST), _acts(GOVERNOR, STRANGER.id, enrol.encode())
        ),
        "enrol-by-one-of-three-with-no-approvals": _then(
            _governs(GOVERNOR, TRUST),
            _acts(GOVERNOR, STRANGER.id, with_quorum(enrol, QUORUM).encode()),
        ),
        "enrol-with-the-id-of-a-governor-to-come": _then(
            _governs(GOVERNOR, Governors((Governor(STRANGER.id, STRANGER.public),), 1)),
            _acts(STRANGER, GOVERNOR.id, enrol_body("organisation", seed_key("former governor"))),
        ),
        "enrol-by-a-former-governor": _then(
            _governs(GOVERNOR, Governors((Governor(STRANGER.id, STRANGER.public),), 1)),
            _acts(GOVERNOR, seed("y")[:16], enrol_body("organisation", seed_key("y"))),
        ),
    }


def seed_key(label: str) -> bytes:
    """A public key that nobody uses."""
    return Signer.of(label).public


def _false_erasures() -> dict[str, Change]:
    return {
        "order-of-an-entry-of-another-chain": _erases(
            OTHER_PERSON, lambda log: EraseEntries((log.hash(5),))
        ),
        "order-of-an-order": _erases(PERSON, lambda log: EraseEntries((log.hash(ORDER_AT),))),
        "order-of-nothing-in-the-log": _erases(
            PERSON, lambda log: EraseEntries((Hash(seed("no leaf")),))
        ),
        "order-record-on-a-directory": lambda log: _erases(
            log.derived(DIRECTORY_CHAIN, CLINIC), lambda log: EraseRecord()
        )(log),
        "attest-a-record": _erases(PERSON, lambda log: Attest(log.hash(5))),
        "attest-an-attestation": _erases(PERSON, lambda log: Attest(log.hash(ATTEST_AT))),
        "attest-an-order-of-another-chain": _erases(
            OTHER_PERSON, lambda log: Attest(log.hash(ORDER_AT))
        ),
        "erasure-of-an-actor's-chain": _erases(ChainId(CLINIC.id), lambda log: EraseRecord()),
        "unlink-a-record": _unlinks(5),
        "unlink-on-another-chain": _unlinks(LINK_AT, OTHER_PERSON),
        "amend-a-link": lambda log: log.add(
            log.amending(Kind.AMEND, PERSON, LINK_AT, b"{}"), CLINIC
        ),
        "continues-a-log-before-the-first": _continues,
    }


def _continues(log: SmallLog) -> None:
    claim = log.claim(Kind.RECORD, PERSON, CLINIC)
    seq, prev, at = log.place(PERSON)
    log.now += 1000
    leaf = encode_leaf(seq, prev, at, log.now, CLINIC.key.sign(claim), continues=True)
    log.put(leaf, PERSON, seq)
