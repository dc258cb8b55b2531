"""Cases for the bodies of actor and trust entries, and for the form of approvals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.identity import (
    ROLES,
    Contest,
    Enrol,
    Governor,
    Governors,
    NewKey,
    Quorum,
    Revoke,
    Rotate,
)
from ledger.identity.approvals import Act, sign_approval
from ledger.identity.roles import RECORD_ROLES, SCOPED_ROLES
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId
from ledger.wire.keys import ED25519, ML_DSA_44, key_id
from ledger.wire.login_keys import ES384, RS384
from tests.vectors.entries_bodies import SMALL_ORDER
from tests.vectors.entries_login import ES384_PUBLIC, RS384_PUBLIC
from tests.vectors.entries_world import (
    AUTHOR_ML_DSA,
    CLINIC,
    DAY_MS,
    GOVERNOR,
    LOG_CHAIN,
    ORIGIN_HASH,
    PERSON,
    PHARMACY,
    START_MS,
    Signer,
    flipped,
    patched,
)
from tests.vectors.tree_keys import seed

Body = dict[str, cbor.Value]

ML_DSA_PUBLIC: Final = AUTHOR_ML_DSA.public_key().public_bytes_raw()
SECOND: Final = Signer.of("second governor")
THIRD_ID: Final = ActorId(seed("actor third governor")[:16])
THREE: Final = (
    Governor(GOVERNOR.id, GOVERNOR.public),
    Governor(SECOND.id, SECOND.public),
    Governor(THIRD_ID, ML_DSA_PUBLIC, ML_DSA_44),
)
EXPIRES: Final = START_MS + DAY_MS


def enrol_body(role: str = "organisation", key: bytes = CLINIC.public) -> bytes:
    """An enrolment, for the person's record where the role needs one."""
    record = PERSON if role in RECORD_ROLES else None
    scope = frozenset({"read", "write"}) if role in SCOPED_ROLES else frozenset[str]()
    return Enrol(role, (NewKey(key),), record, scope).encode()


def revoke_body(key: bytes = PHARMACY.public) -> bytes:
    """A revocation."""
    return Revoke(key_id(ED25519, key)).encode()


def rotate_body(old: bytes = PHARMACY.public, new: bytes = ML_DSA_PUBLIC) -> bytes:
    """A rotation from Ed25519 to ML-DSA-44, or to another Ed25519 key."""
    alg = ML_DSA_44 if len(new) == len(ML_DSA_PUBLIC) else ED25519
    return Rotate(key_id(ED25519, old), NewKey(new, alg)).encode()


def trust_body() -> bytes:
    """A change from one governor to three."""
    return Governors(THREE, 2).encode()


def good_actor() -> dict[str, bytes]:
    """Every role and operation."""
    keys = (
        NewKey(CLINIC.public),
        NewKey(PHARMACY.public, use="login"),
        NewKey(ML_DSA_PUBLIC, ML_DSA_44, "login"),
        NewKey(ES384_PUBLIC, ES384, "login"),
        NewKey(RS384_PUBLIC, RS384, "login"),
    )
    cosigning = (
        NewKey(CLINIC.public),
        NewKey(PHARMACY.public, use="cosign"),
        NewKey(GOVERNOR.public, use="custodian"),
    )
    all_words = frozenset({"consent", "link", "read", "write"})
    quorum = Quorum(EXPIRES, (b"one", b"another"))
    return {
        **{f"enrol-{role}": enrol_body(role) for role in sorted(ROLES)},
        "enrol-with-login-keys": Enrol("practitioner", keys).encode(),
        "enrol-with-cosigning-keys": Enrol("custodian", cosigning).encode(),
        "enrol-ml-dsa-44": Enrol("app", (NewKey(ML_DSA_PUBLIC, ML_DSA_44),)).encode(),
        "enrol-device-for-a-record": Enrol("device", keys[:1], PERSON).encode(),
        "enrol-with-every-field": Enrol(
            "guardian", keys[:1], PERSON, all_words, 1, 2**53 - 1, quorum
        ).encode(),
        "enrol-without-approvals-yet": Enrol(
            "organisation", keys[:1], quorum=Quorum(EXPIRES, ())
        ).encode(),
        "rotate": rotate_body(),
        "rotate-login": Rotate(CLINIC.key.kid, keys[1]).encode(),
        "rotate-login-to-es384": Rotate(CLINIC.key.kid, keys[3]).encode(),
        "rotate-login-to-rs384": Rotate(CLINIC.key.kid, keys[4]).encode(),
        "rotate-approved": Rotate(CLINIC.key.kid, keys[0], quorum).encode(),
        "revoke": revoke_body(),
        "revoke-approved": Revoke(CLINIC.key.kid, quorum).encode(),
        "contest": Contest(0).encode(),
        "contest-approved": Contest(2**53 - 1, quorum).encode(),
    }


def bad_actor() -> dict[str, bytes]:
    """One mutation each."""
    return _bad_enrolments() | _bad_scopes() | _bad_quorums() | _bad_others()


KEY: Final[Body] = {"alg": ED25519, "key": CLINIC.public, "use": "statement"}


def _enrol(**change: cbor.Value) -> bytes:
    return cbor.encode({"op": "enrol", "role": "organisation", "keys": [KEY], **change})


def _without(body: bytes, name: str) -> bytes:
    fields: Any = cbor.decode_map(body)
    del fields[name]
    return cbor.encode(fields)


def _bad_enrolments() -> dict[str, bytes]:
    def with_key(**change: cbor.Value) -> bytes:
        return _enrol(keys=[{**KEY, **change}])

    login: Body = {"alg": ED25519, "key": PHARMACY.public, "use": "login"}
    cosign: Body = {**login, "use": "cosign"}
    es384: Body = {"alg": ES384, "key": ES384_PUBLIC, "use": "login"}
    rs384: Body = {"alg": RS384, "key": RS384_PUBLIC, "use": "login"}
    kid = key_id(ED25519, PHARMACY.public)
    whole = enrol_body()
    nine: list[cbor.Value] = [KEY, *([login] * 8)]
    return {
        "empty": b"",
        "no-map": cbor.encode("enrol"),
        "byte-added": whole + b"\x00",
        "last-byte-missing": whole[:-1],
        "op-missing": _without(whole, "op"),
        "op-another": _enrol(op="admit"),
        "op-of-a-trust-entry": _enrol(op="governors"),
        "op-as-bytes": _enrol(op=b"enrol"),
        "role-missing": _without(whole, "role"),
        "role-another": _enrol(role="hospital"),
        "role-upper-case": _enrol(role="Organisation"),
        "role-governor": _enrol(role="governor"),
        "role-as-bytes": _enrol(role=b"organisation"),
        "name-in-clear": _enrol(name="Clinic"),
        "no-key": _enrol(keys=[]),
        "nine-keys": _enrol(keys=nine),
        "two-statement-keys": _enrol(keys=[KEY, {**KEY, "key": PHARMACY.public}]),
        "two-statement-keys-of-two-algorithms": _enrol(
            keys=[KEY, {**KEY, "alg": ML_DSA_44, "key": ML_DSA_PUBLIC}]
        ),
        "two-login-keys-of-one-algorithm": _enrol(
            keys=[KEY, login, {**login, "key": GOVERNOR.public}]
        ),
        "two-login-keys-of-es384": _enrol(
            keys=[
                KEY,
                es384,
                {**es384, "key": patched(ES384_PUBLIC, 0, bytes([ES384_PUBLIC[0] ^ 1]))},
            ]
        ),
        "es384-for-statements": _enrol(keys=[{**es384, "use": "statement"}]),
        "rs384-for-statements": _enrol(keys=[{**rs384, "use": "statement"}]),
        "es384-for-cosignatures": _enrol(role="custodian", keys=[KEY, {**es384, "use": "cosign"}]),
        "rs384-of-a-custodian": _enrol(role="custodian", keys=[KEY, {**rs384, "use": "custodian"}]),
        "es384-as-rs384": _enrol(keys=[KEY, {**es384, "alg": RS384}]),
        "rs384-as-es384": _enrol(keys=[KEY, {**rs384, "alg": ES384}]),
        "es256": _enrol(keys=[KEY, {**es384, "alg": -7}]),
        "rs256": _enrol(keys=[KEY, {**rs384, "alg": -257}]),
        "es384-off-the-curve": _enrol(keys=[KEY, {**es384, "key": b"\x02" + (1).to_bytes(48)}]),
        "rs384-even": _enrol(keys=[KEY, {**rs384, "key": RS384_PUBLIC[:-1] + b"\x00"}]),
        "one-key-for-two-uses": _enrol(keys=[KEY, {**KEY, "use": "login"}]),
        "no-statement-key": _enrol(keys=[login]),
        "cosign-of-an-organisation": _enrol(keys=[KEY, cosign]),
        "custodian-key-of-a-person": _enrol(
            role="person", record=PERSON, keys=[KEY, {**login, "use": "custodian"}]
        ),
        "keys-no-list": _enrol(keys=KEY),
        "key-alg-eddsa": with_key(alg=-8),
        "key-alg-ml-dsa-44": with_key(alg=ML_DSA_44),
        "key-ml-dsa-44-as-ed25519": with_key(key=ML_DSA_PUBLIC),
        "key-ml-dsa-44-of-1311-bytes": with_key(alg=ML_DSA_44, key=ML_DSA_PUBLIC[:-1]),
        "key-ml-dsa-65": with_key(alg=-49, key=ML_DSA_PUBLIC),
        "key-of-31-bytes": with_key(key=CLINIC.public[:31]),
        "key-as-text": with_key(key=CLINIC.public.hex()),
        "key-of-small-order": with_key(key=SMALL_ORDER),
        "key-not-canonical": with_key(key=(2**255 - 18).to_bytes(32, "little")),
        "key-use-govern": with_key(use="govern"),
        "key-use-as-bytes": with_key(use=b"statement"),
        "key-without-use": _enrol(keys=[{"alg": ED25519, "key": CLINIC.public}]),
        "key-with-kid": with_key(kid=kid),
        "enrol-with-kid": _enrol(kid=kid),
        "bit-flipped-in-op": flipped(whole, whole.index(b"enrol")),
    }


def _bad_scopes() -> dict[str, bytes]:
    """Record, scope and dates."""
    proxy: Body = {"role": "proxy", "record": PERSON, "scope": ["read"]}

    def scoped(*words: cbor.Value) -> bytes:
        return _enrol(**{**proxy, "scope": list(words)})

    return {
        "person-without-record": _enrol(role="person"),
        "proxy-without-record": _enrol(role="proxy", scope=["read"]),
        "guardian-without-record": _enrol(role="guardian", scope=["read"]),
        "organisation-with-record": _enrol(record=PERSON),
        "practitioner-with-record": _enrol(role="practitioner", record=PERSON),
        "custodian-with-record": _enrol(role="custodian", record=PERSON),
        "record-of-15-bytes": _enrol(role="person", record=PERSON[:15]),
        "record-as-text": _enrol(role="person", record=PERSON.hex()),
        "proxy-without-scope": _enrol(role="proxy", record=PERSON),
        "scope-empty": scoped(),
        "scope-another": scoped("erase"),
        "scope-twice": scoped("read", "read"),
        "scope-unordered": scoped("write", "read"),
        "scope-of-5": scoped("consent", "link", "read", "write", "x"),
        "scope-as-bytes": scoped(b"read"),
        "scope-no-list": _enrol(**{**proxy, "scope": "read"}),
        "person-with-scope": _enrol(role="person", record=PERSON, scope=["read"]),
        "organisation-with-scope": _enrol(scope=["read"]),
        "from-0": _enrol(**{"from": 0}),
        "until-0": _enrol(until=0),
        "from-negative": _enrol(**{"from": -1}),
        "from-as-text": _enrol(**{"from": "2026"}),
        "until-not-after-from": _enrol(**{"from": START_MS, "until": START_MS}),
    }


def _bad_quorums() -> dict[str, bytes]:
    def approved(**change: cbor.Value) -> bytes:
        return _enrol(**{"expires": EXPIRES, "approvals": [b"one"], **change})

    return {
        "approvals-without-expires": _enrol(approvals=[]),
        "expires-without-approvals": _enrol(expires=EXPIRES),
        "expires-0": approved(expires=0),
        "expires-as-text": approved(expires="tomorrow"),
        "approvals-no-list": approved(approvals=b"one"),
        "approvals-as-text": approved(approvals=["one"]),
        "16-approvals": approved(approvals=[bytes([at]) for at in range(16)]),
    }


def _bad_others() -> dict[str, bytes]:
    """Rotations, revocations, contests."""
    kid = key_id(ED25519, PHARMACY.public)
    revoke: Body = {"op": "revoke", "kid": kid}
    rotate: Body = {"op": "rotate", "kid": kid, "key": KEY}
    contest: Body = {"op": "contest", "since": 1}
    return {
        "revoke-kid-of-31-bytes": cbor.encode({**revoke, "kid": kid[:31]}),
        "revoke-kid-as-text": cbor.encode({**revoke, "kid": kid.hex()}),
        "revoke-without-kid": cbor.encode({"op": "revoke"}),
        "revoke-with-reason": cbor.encode({**revoke, "reason": "lost"}),
        "revoke-with-key": cbor.encode({**revoke, "key": KEY}),
        "revoke-keys-unordered": b"\xa2\x63kid\x58\x20" + kid + b"\x62op\x66revoke",
        "rotate-without-key": cbor.encode({"op": "rotate", "kid": kid}),
        "rotate-without-kid": cbor.encode({"op": "rotate", "key": KEY}),
        "rotate-kid-of-33-bytes": cbor.encode({**rotate, "kid": kid + b"\x00"}),
        "rotate-with-two-keys": cbor.encode({**rotate, "key": [KEY, KEY]}),
        "rotate-key-of-small-order": cbor.encode({**rotate, "key": {**KEY, "key": SMALL_ORDER}}),
        "rotate-key-of-another-use": cbor.encode({**rotate, "key": {**KEY, "use": "log"}}),
        "rotate-with-role": cbor.encode({**rotate, "role": "app"}),
        "contest-without-since": cbor.encode({"op": "contest"}),
        "contest-since-negative": cbor.encode({**contest, "since": -1}),
        "contest-since-as-text": cbor.encode({**contest, "since": "1"}),
        "contest-with-until": cbor.encode({**contest, "until": 9}),
    }


def good_trust() -> dict[str, bytes]:
    """New governors."""
    one, quorum = THREE[:1], Quorum(EXPIRES, (b"one",))
    return {
        "governors-three": trust_body(),
        "governors-one": Governors(one, 1).encode(),
        "governors-approved": Governors(THREE[:2], 2, quorum).encode(),
        "governors-16": Governors(_many(16), 11).encode(),
    }


def _many(count: int) -> tuple[Governor, ...]:
    signers = [Signer.of(f"governor {at} of many") for at in range(count)]
    return tuple(Governor(one.id, one.public) for one in signers)


def bad_trust() -> dict[str, bytes]:
    """One mutation each."""
    rows: list[cbor.Value] = [one.as_map() for one in THREE]
    good: Body = {"op": "governors", "governors": rows, "threshold": 2}
    first: Body = {"id": GOVERNOR.id, "alg": ED25519, "key": GOVERNOR.public}
    many: list[cbor.Value] = [one.as_map() for one in _many(17)]

    def but(**change: cbor.Value) -> bytes:
        return cbor.encode({**good, **change})

    def with_first(**change: cbor.Value) -> bytes:
        return but(governors=[{**first, **change}, *rows[1:]])

    return {
        "trust-empty": b"",
        "trust-op-enrol": but(op="enrol"),
        "trust-without-op": _without(cbor.encode(good), "op"),
        "trust-without-threshold": _without(cbor.encode(good), "threshold"),
        "trust-with-role": but(role="organisation"),
        "trust-no-governor": but(governors=[]),
        "trust-17-governors": but(governors=many, threshold=12),
        "trust-threshold-1": but(threshold=1),
        "trust-threshold-3": but(threshold=3),
        "trust-threshold-as-text": but(threshold="2"),
        "trust-one-governor-threshold-2": but(governors=[first]),
        "trust-id-twice": with_first(id=SECOND.id),
        "trust-key-twice": with_first(key=SECOND.public),
        "trust-id-of-15-bytes": with_first(id=GOVERNOR.id[:15]),
        "trust-key-of-small-order": with_first(key=SMALL_ORDER),
        "trust-alg-eddsa": with_first(alg=-8),
        "trust-alg-es384": with_first(alg=ES384, key=ES384_PUBLIC),
        "trust-alg-rs384": with_first(alg=RS384, key=RS384_PUBLIC),
        "trust-governor-with-use": with_first(use="govern"),
        "trust-expires-alone": but(expires=EXPIRES),
        "trust-approvals-alone": but(approvals=[]),
        "trust-byte-added": cbor.encode(good) + b"\x00",
    }


ACT: Final = Act(Kind.ACTOR, ORIGIN_HASH, ChainId(CLINIC.id), ZERO_HASH, enrol_body(), EXPIRES)


def good_approvals() -> dict[str, bytes]:
    """Approvals by themselves."""
    return {
        "approval": sign_approval(SECOND.key, ACT.payload()),
        "approval-of-a-genesis": sign_approval(
            SECOND.key, ACT._replace(kind=Kind.GENESIS, chain=LOG_CHAIN, expires_ms=0).payload()
        ),
    }


def bad_approvals() -> dict[str, bytes]:
    """One mutation each; the form only, not the signature."""
    good = good_approvals()["approval"]
    start, signature = good[:4], good[-64:]
    protected = good[4:42]
    rest = good[42:]

    def with_header(header: Mapping[int, cbor.Value] | bytes) -> bytes:
        data = header if isinstance(header, bytes) else cbor.encode(header)
        return start[:2] + cbor.encode(data) + rest

    kid = SECOND.key.kid
    return {
        "approval-empty": b"",
        "approval-tag-missing": good[1:],
        "approval-tag-98": b"\xd8\x62" + good[1:],
        "approval-array-of-3": patched(good, 1, b"\x83"),
        "approval-array-indefinite": patched(good, 1, b"\x9f") + b"\xff",
        "approval-alg-eddsa": with_header({1: -8, 4: kid}),
        "approval-alg-ml-dsa-44-with-64-bytes": with_header({1: ML_DSA_44, 4: kid}),
        "approval-alg-not-shortest": with_header(
            protected.replace(b"\x01\x32", b"\x01\x38\x12", 1)
        ),
        "approval-header-with-content-type": with_header({1: ED25519, 3: "x", 4: kid}),
        "approval-header-without-kid": with_header({1: ED25519}),
        "approval-header-unordered": with_header(b"\xa2" + protected[3:] + protected[1:3]),
        "approval-kid-of-31-bytes": with_header({1: ED25519, 4: kid[:31]}),
        "approval-unprotected-not-empty": good.replace(b"\xa0\xf6", b"\xa1\x01\x01\xf6", 1),
        "approval-payload-attached": good.replace(
            b"\xa0\xf6", b"\xa0" + cbor.encode(ACT.payload()), 1
        ),
        "approval-payload-empty": good.replace(b"\xa0\xf6", b"\xa0\x40", 1),
        "approval-signature-of-63-bytes": good[:-66] + b"\x58\x3f" + signature[:-1],
        "approval-signature-length-not-shortest": good[:-66] + b"\x59\x00\x40" + signature,
        "approval-byte-added": good + b"\x00",
        "approval-last-byte-missing": good[:-1],
    }
