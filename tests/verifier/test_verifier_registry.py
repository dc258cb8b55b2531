"""Who may sign what: each rule of the registry, kept and broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier.audits import audit, steps
from tests.verifier.formats import (
    ACCESS,
    AMEND,
    ERASURE,
    LINK,
    RECORD,
    RETRACT,
    UNLINK,
    ZERO,
    Signer,
    cbor,
    ed25519_key,
    kid,
    ml_dsa_key,
    sha256,
)
from tests.verifier.logmaker import Log

LATER = 10**9
"""Milliseconds after anything in these logs."""


class People(Log):
    """A governor, two organisations, two records, and somebody in each role."""

    def __init__(self) -> None:
        super().__init__()
        self.genesis()
        self.clinic = self.enrol("clinic")
        self.pharmacy = self.enrol("pharmacy")
        self.record = self.open("person", self.clinic)
        self.other = self.open("other", self.pharmacy)
        self.own = {"record": self.record}
        self.person = self.enrol("person", "person", by=self.clinic, fields=self.own)
        self.proxy = self.scoped("proxy", self.person, "read", "write")
        self.guardian = self.scoped("guardian", self.clinic, "consent", "link")
        self.device = self.enrol("device", "device", by=self.person, fields=self.own)
        self.app = self.enrol("app", "app", by=self.person, fields=self.own)
        self.gateway = self.enrol("gateway", "gateway", by=self.clinic)
        self.auditor = self.enrol("auditor", "auditor")
        self.custodian = self.enrol("custodian", "custodian")
        self.entry = self.add(RECORD, self.record, self.clinic)
        self.link = self.add(LINK, self.record, self.clinic)

    def scoped(self, role: str, by: Signer, *scope: str, **fields: Any) -> Signer:
        fields = {"record": self.record, "scope": list(scope), **fields}
        return self.enrol(f"{role} {len(self.leaves)}", role, by=by, fields=fields)

    def entry_of(self, kind: int, signer: Signer, chain: bytes | None = None) -> int:
        """One that names what it must."""
        named = {UNLINK: self.link, AMEND: self.entry, RETRACT: self.entry}.get(kind)
        amended = ZERO if named is None else self.hashes[named]
        body = cbor({"op": "order", "scope": "record"}) if kind == ERASURE else b""
        return self.add(kind, chain or self.record, signer, amended=amended, body=body)


@pytest.fixture
def people() -> People:
    return People()


def test_everybody_in_their_role(people: People) -> None:
    signed: dict[Signer, tuple[int, ...]] = {
        people.clinic: (RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE),
        people.gateway: (RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE),
        people.person: (RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE),
        people.proxy: (RECORD, AMEND, RETRACT, ACCESS),
        people.guardian: (LINK, UNLINK),
        people.device: (RECORD,),
        people.app: (RECORD, AMEND, RETRACT, ACCESS),
        people.custodian: (ACCESS, ERASURE),
        people.auditor: (ACCESS,),
    }
    for signer, kinds in signed.items():
        for kind in kinds:
            people.entry_of(kind, signer)
    for signer in (people.clinic, people.gateway, people.person, people.device, people.proxy):
        people.batch(signer, [people.record])
    people.open("new", people.gateway)
    people.enrol("nurse", "practitioner", by=people.clinic)
    people.enrol("kiosk", "device", by=people.clinic)
    report = audit(people)
    assert report.problems == []
    assert report.actors == 12


def signs(who: str, kind: int, other: bool = False) -> Callable[[People], Any]:
    return lambda p: p.entry_of(kind, getattr(p, who), p.other if other else None)


ROLE_LIES: list[tuple[str, str, Callable[[People], Any]]] = [
    ("person opens a record", "role", lambda p: p.open("new", p.person)),
    ("device amends", "role", signs("device", AMEND)),
    ("device logs access", "role", signs("device", ACCESS)),
    ("app links", "role", signs("app", LINK)),
    ("app orders erasure", "role", signs("app", ERASURE)),
    ("proxy links beyond its scope", "role", signs("proxy", LINK)),
    ("guardian writes beyond its scope", "role", signs("guardian", RECORD)),
    ("guardian reads beyond its scope", "role", signs("guardian", ACCESS)),
    ("consent allows nothing yet", "role", lambda p: p.batch(p.guardian, [p.record])),
    ("auditor writes", "role", signs("auditor", RECORD)),
    ("auditor batches", "role", lambda p: p.batch(p.auditor, [p.record], ACCESS)),
    ("custodian writes", "role", signs("custodian", RECORD)),
    ("device's batch of accesses", "role", lambda p: p.batch(p.device, [p.record], ACCESS)),
    ("person in another's record", "role", signs("person", RECORD, other=True)),
    ("proxy in another's record", "role", signs("proxy", ACCESS, other=True)),
    ("device in another's record", "role", signs("device", RECORD, other=True)),
    ("person's batch in two records", "role", lambda p: p.batch(p.person, [p.record, p.other])),
    (
        "person with a directory",
        "role",
        lambda p: p.add(RECORD, p.derived("directory", p.person.id), p.person),
    ),
    (
        "before its time",
        "role",
        lambda p: p.entry_of(ACCESS, p.scoped("guardian", p.clinic, "read", **{"from": p.now * 2})),
    ),
    (
        "after its time",
        "role",
        lambda p: p.entry_of(ACCESS, p.scoped("guardian", p.clinic, "read", until=p.now + 2000)),
    ),
    ("governor writes", "key", lambda p: p.entry_of(RECORD, p.governor)),
    ("governor opens", "key", lambda p: p.open("new", p.governor)),
]


@pytest.mark.parametrize(("name", "step", "lie"), ROLE_LIES, ids=[row[0] for row in ROLE_LIES])
def test_role_lie(people: People, name: str, step: str, lie: Callable[[People], Any]) -> None:
    lie(people)
    assert set(steps(audit(people))) == {step}, name


def test_until_is_the_first_moment_outside(people: People) -> None:
    guardian = people.scoped("guardian", people.clinic, "read", until=people.now + 2001)
    people.entry_of(ACCESS, guardian)
    assert audit(people).verified
    people.entry_of(ACCESS, guardian)
    assert steps(audit(people)) == ["role"]


def enrols(role: str, by: str, **fields: Any) -> Callable[[People], Any]:
    def lie(p: People) -> None:
        given = {
            name: getattr(p, value[1:]) if isinstance(value, str) and value[0] == "@" else value
            for name, value in fields.items()
        }
        p.enrol("new", role, by=getattr(p, by), fields=given)

    return lie


SCOPE = {"record": "@record", "scope": ["read"]}
ACTOR_LIES: list[tuple[str, str, Callable[[People], Any]]] = [
    # who enrols whom
    ("person enrols a person", "actor", enrols("person", "person", record="@record")),
    ("person enrols a guardian", "actor", enrols("guardian", "person", **SCOPE)),
    ("organisation enrols a proxy", "actor", enrols("proxy", "clinic", **SCOPE)),
    ("organisation enrols a custodian", "actor", enrols("custodian", "clinic")),
    ("gateway enrols a practitioner", "actor", enrols("practitioner", "gateway")),
    ("device enrols a device", "actor", enrols("device", "device", record="@record")),
    ("person's device elsewhere", "actor", enrols("device", "person", record="@other")),
    ("person's device everywhere", "actor", enrols("device", "person")),
    (
        "person's proxy elsewhere",
        "actor",
        enrols("proxy", "person", record="@other", scope=["read"]),
    ),
    # record
    ("person without a record", "actor", enrols("person", "clinic")),
    ("guardian without a record", "actor", enrols("guardian", "clinic", scope=["read"])),
    ("organisation with a record", "actor", enrols("organisation", "governor", record="@record")),
    ("record that nobody opened", "actor", enrols("person", "clinic", record=bytes(16))),
    (
        "record that is an actor",
        "actor",
        lambda p: enrols("person", "clinic", record=p.clinic.id)(p),
    ),
    ("record of 15 bytes", "actor", enrols("person", "clinic", record=bytes(15))),
    # scope
    ("guardian without a scope", "actor", enrols("guardian", "clinic", record="@record")),
    ("empty scope", "actor", enrols("guardian", "clinic", record="@record", scope=[])),
    ("unknown scope", "actor", enrols("guardian", "clinic", record="@record", scope=["all"])),
    (
        "scope not sorted",
        "actor",
        enrols("guardian", "clinic", record="@record", scope=["write", "read"]),
    ),
    (
        "scope twice",
        "actor",
        enrols("guardian", "clinic", record="@record", scope=["read", "read"]),
    ),
    ("scope of a number", "actor", enrols("guardian", "clinic", record="@record", scope=[1])),
    ("person with a scope", "actor", enrols("person", "clinic", **SCOPE)),
    # dates
    ("from 0", "actor", enrols("organisation", "governor", **{"from": 0})),
    ("until 0", "actor", enrols("organisation", "governor", until=0)),
    ("until at from", "actor", enrols("organisation", "governor", **{"from": 7, "until": 7})),
    # rotate and revoke
    (
        "rotated an ended key",
        "actor",
        lambda p: (p.revoke(p.app), p.rotate(p.app, ed25519_key("x"))),
    ),
    ("rotated to a known key", "actor", lambda p: p.rotate(p.app, p.device.key)),
    (
        "rotated to another use",
        "actor",
        lambda p: p.rotate(p.app, ed25519_key("x"), key_fields={"use": "login"}),
    ),
    ("rotated by another", "actor", lambda p: p.rotate(p.app, ed25519_key("x"), by=p.clinic)),
    ("revoked by another", "actor", lambda p: p.revoke(p.person, by=p.pharmacy)),
    ("revoked by a device", "actor", lambda p: p.revoke(p.person, by=p.device)),
    # contest
    ("contested by itself", "actor", lambda p: p.contest(p.clinic, 0, by=p.clinic)),
    ("contested by another", "actor", lambda p: p.contest(p.person, 0, by=p.pharmacy)),
    ("contested since later", "actor", lambda p: p.contest(p.clinic, len(p.leaves) + 1)),
    ("contest opens a chain", "actor", lambda p: p.contest(Signer(b"n" * 16, p.clinic.key), 0)),
    # keys
    ("login key alone", "actor", lambda p: p.enrol("new", key_fields={"use": "login"})),
    ("cosign key of an organisation", "actor", lambda p: two_keys(p, "organisation", "cosign")),
    ("two statement keys", "actor", lambda p: two_keys(p, "organisation", "statement")),
    ("govern as a use", "actor", lambda p: two_keys(p, "organisation", "govern")),
    ("one key for two uses", "actor", lambda p: two_keys(p, "organisation", "login", "new")),
    (
        "a second key that is known",
        "actor",
        lambda p: two_keys(p, "organisation", "login", "clinic"),
    ),
    (
        "ML-DSA-44 key of 1,311 bytes",
        "key",
        lambda p: p.enrol("new", key_fields={"alg": -48, "key": bytes(1311)}),
    ),
    ("alg -8", "key", lambda p: p.enrol("new", key_fields={"alg": -8})),
    ("ES384 for statements", "key", lambda p: p.enrol("new", key_fields=ES384)),
    ("RS384 for statements", "key", lambda p: p.enrol("new", key_fields=RS384)),
    ("ES384 for cosignatures", "key", lambda p: with_login(p, ES384, use="cosign")),
    (
        "ES384 off the curve",
        "key",
        lambda p: with_login(p, ES384, key=OFF_CURVE),
    ),
    (
        "RS384 of 2,047 bits",
        "key",
        lambda p: with_login(p, RS384, key=SHORT_MODULUS),
    ),
    ("alg -7", "key", lambda p: with_login(p, ES384, alg=-7)),
    (
        "rotated from ES384 to statements",
        "actor",
        lambda p: p.rotate(with_login(p, ES384), ed25519_key("x"), rotated=kid(ES384["key"], -35)),
    ),
    ("the log's ML-DSA-44 key", "actor", lambda p: p.enrol("new", actor_key=p.keys.ml_dsa)),
    # the actor's own chain
    (
        "ended key revokes another",
        "key",
        lambda p: (p.revoke(p.clinic), p.revoke(p.person, by=p.clinic)),
    ),
    (
        "approvals by an actor",
        "approvals",
        lambda p: p.revoke(p.person, by=p.clinic, quorum=True, approvers=[]),
    ),
    (
        "quorum with one governor",
        "approvals",
        lambda p: p.revoke(p.clinic, quorum=True, approvers=[]),
    ),
    ("expires without approvals", "actor", lambda p: p.enrol("new", fields={"expires": 1})),
    ("approvals without expires", "actor", lambda p: p.enrol("new", fields={"approvals": []})),
]


def two_keys(p: People, role: str, use: str, name: str = "second") -> None:
    first, second = (ed25519_key(word).public_key().public_bytes_raw() for word in ("new", name))
    keys = [{"alg": -19, "key": first, "use": "statement"}, {"alg": -19, "key": second, "use": use}]
    p.enrol("new", role, fields={"keys": keys})


ES384: dict[str, Any] = {"alg": -35, "key": b"\x02" + bytes(48)}
OFF_CURVE: bytes = b"\x02" + bytes(47) + b"\x01"
SHORT_MODULUS: bytes = b"\x7f" + bytes([255]) * 255
RS384: dict[str, Any] = {"alg": -258, "key": bytes([255]) * 256}


def with_login(p: People, login: dict[str, Any], role: str = "custodian", **change: Any) -> Signer:
    public = ed25519_key("new").public_key().public_bytes_raw()
    keys = [
        {"alg": -19, "key": public, "use": "statement"},
        {**login, "use": "login", **change},
    ]
    return p.enrol("new", role, fields={"keys": keys})


def test_keys_that_only_log_in(people: People) -> None:
    """They are registered, rotated and revoked as others."""
    new = with_login(people, ES384, "organisation")
    es384, rs384 = kid(ES384["key"], -35), kid(RS384["key"], -258)
    login = {**RS384, "use": "login"}
    people.rotate(new, new.key, by=new, rotated=es384, key_fields=login)
    people.entry_of(RECORD, new)
    people.revoke(new, revoked=rs384)
    people.entry_of(RECORD, new)
    assert audit(people).problems == []
    people.revoke(new, revoked=es384)
    assert steps(audit(people)) == ["actor"]


@pytest.mark.parametrize(("name", "step", "lie"), ACTOR_LIES, ids=[row[0] for row in ACTOR_LIES])
def test_actor_lie(people: People, name: str, step: str, lie: Callable[[People], Any]) -> None:
    lie(people)
    assert steps(audit(people)) == [step], name


def test_keys_of_both_algorithms(people: People) -> None:
    """An actor goes from Ed25519 to ML-DSA-44 and back, by itself and by its enroller."""
    new = people.enrol("new", actor_key=ml_dsa_key("new"))
    people.entry_of(RECORD, new)
    people.batch(new, [people.record, people.other])
    back = people.rotate(new, ed25519_key("back"), by=new)
    people.entry_of(RECORD, back)
    strong = people.rotate(back, ml_dsa_key("strong"))
    people.entry_of(RECORD, strong)
    assert audit(people).problems == []
    people.entry_of(RECORD, back)
    people.entry_of(RECORD, new)
    assert steps(audit(people)) == ["key", "key"]


def test_an_ml_dsa_signature_counts(people: People) -> None:
    new = people.enrol("new", actor_key=ml_dsa_key("new"))
    index = people.entry_of(RECORD, new)
    assert audit(people).verified
    raw = people.leaves[index]
    people.leaves[index] = raw[:-1] + bytes([raw[-1] ^ 1])
    people.hashes[index] = sha256(b"\x00" + people.leaves[index])
    assert steps(audit(people)) == ["signature"]


def test_custodians_have_keys_for_cosignatures(people: People) -> None:
    two_keys(people, "custodian", "cosign")
    assert audit(people).verified


def test_a_key_ends_for_what_follows_only(people: People) -> None:
    people.revoke(people.app, by=people.app)
    assert audit(people).verified
    people.entry_of(RECORD, people.app)
    assert steps(audit(people)) == ["key"]


def test_effect_ends_with_the_contest_of_the_enroller(people: People) -> None:
    """Contested since before the enrolments: neither they nor what they enrolled count."""
    enrolled = 5
    people.contest(people.clinic, enrolled)
    for signer in (people.person, people.proxy, people.app):
        people.entry_of(ACCESS, signer)
    people.enrol("late", "device", by=people.person, fields=people.own)
    assert steps(audit(people)) == ["role"] * 4


def test_contested_actors_still_sign(people: People) -> None:
    people.contest(people.clinic, 0)
    people.entry_of(RECORD, people.clinic)
    assert audit(people).verified


def test_effect_stays_when_contested_later_or_no_more(people: People) -> None:
    since = len(people.leaves)
    people.contest(people.clinic, since)
    people.entry_of(ACCESS, people.person)
    people.contest(people.clinic, 0)
    people.contest(people.clinic, len(people.leaves))
    people.entry_of(ACCESS, people.person)
    assert audit(people).problems == []
    people.contest(people.person, 0, by=people.clinic)
    people.entry_of(ACCESS, people.person)
    people.entry_of(ACCESS, people.proxy)
    assert steps(audit(people)) == ["role"]


def test_a_record_must_be_open_before(people: People) -> None:
    chain = sha256(b"person late")[:16]
    people.enrol("early", "person", by=people.clinic, fields={"record": chain})
    people.open("late", people.clinic)
    assert steps(audit(people)) == ["actor"]
