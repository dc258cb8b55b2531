"""Several governors: what they approve together, and every way to feign it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier.audits import audit, steps
from tests.verifier.formats import ACTOR, GENESIS, TRUST, ZERO, Signer, ed25519_key, sha256
from tests.verifier.logmaker import Log, Sample, new_governor


class Council(Log):
    """Four governors, of whom three must agree."""

    def __init__(self) -> None:
        super().__init__(governors=4)
        self.genesis()
        self.clinic = self.enrol("clinic")
        self.others = self.governors[1:]


@pytest.fixture
def council() -> Council:
    return Council()


@pytest.mark.parametrize("governors", [2, 3, 4, 16])
def test_governors_together(governors: int) -> None:
    log = Sample(governors=governors)
    log.revoke(log.pharmacy)
    log.contest(log.clinic, 0)
    log.trust([log.governors[1], new_governor("new", 1), log.governors[0]])
    log.enrol("later")
    log.trust([log.governors[0]])
    log.enrol("later still")
    assert audit(log).problems == []


def test_all_governors_may_approve(council: Council) -> None:
    council.enrol("new", approvers=council.others)
    council.enrol("newer", by=council.others[0], approvers=[council.governor, council.others[2]])
    assert audit(council).problems == []


def foreign_log(c: Council) -> None:
    c.enrol("new", approved={"log": sha256(b"another log")})


def used_again(c: Council) -> None:
    """The approvals of an entry, for one that follows it."""
    place = {"prev": c.heads[c.clinic.id][1], "expires": 2**50}
    c.contest(c.clinic, 0, until=2**50)
    c.contest(c.clinic, 0, until=2**50, approved=place)


def by_a_former_governor(c: Council) -> None:
    former, stay = c.others[2], c.governors[:3]
    c.trust(stay)
    c.enrol("new", approvers=[former])


def by_an_actor(c: Council) -> None:
    c.enrol("new", approvers=[c.others[0], c.clinic])


def cut(at: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda given: [given[0][:at] + given[0][at + 1 :], *given[1:]]


def flipped(at: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda given: [
        given[0][:at] + bytes([given[0][at] ^ 1]) + given[0][at + 1 :],
        *given[1:],
    ]


def new(**change: Any) -> Callable[[Council], Any]:
    return lambda c: c.enrol("new", **change)


LIES: list[tuple[str, Callable[[Council], Any]]] = [
    ("none", new(quorum=False)),
    ("an empty list", new(approvers=[])),
    ("one too few", lambda c: c.enrol("new", approvers=c.others[:1])),
    ("one twice", new(approvals=lambda given: [given[0], given[0]])),
    ("the author's own", lambda c: c.enrol("new", approvers=[c.governor, c.others[0]])),
    ("one too many", lambda c: c.enrol("new", approvers=c.governors)),
    ("not in order", new(approvals=lambda given: given[::-1])),
    ("another change", new(approved={"body": {"op": "enrol"}})),
    ("another kind", new(approved={"kind": TRUST})),
    ("another log", foreign_log),
    ("another chain", new(approved={"chain": bytes(16)})),
    ("another place in the chain", new(approved={"prev": sha256(b"x")})),
    ("another expiry", new(approved={"expires": 2**50})),
    ("expired", lambda c: c.enrol("new", until=c.now + 999)),
    ("used again", used_again),
    ("a former governor's", by_a_former_governor),
    ("an actor's", by_an_actor),
    ("a stranger's", lambda c: c.enrol("new", approvers=[c.others[0], new_governor("stranger")])),
    ("a governor's id, another key",
     lambda c: c.enrol("new", approvers=[c.others[0], Signer(c.others[1].id, ed25519_key("x"))])),
    ("not COSE", new(approvals=lambda given: [b"", *given[1:]])),
    ("three bytes", new(approvals=lambda given: [given[0][:3], *given[1:]])),
    ("longer", new(approvals=lambda given: [given[0] + b"\0", *given[1:]])),
    ("shorter", new(approvals=lambda given: [given[0][:-1], *given[1:]])),
    ("no tag", new(approvals=cut(0))),
    ("with its payload", new(approvals=lambda given: [
        given[0].replace(b"\xa0\xf6", b"\xa0\x41\x00", 1), *given[1:]])),
    ("unprotected header", new(approvals=lambda given: [
        given[0].replace(b"\xa0\xf6", b"\xa1\x04\x41\x00\xf6", 1), *given[1:]])),
    ("alg flipped", new(approvals=flipped(6))),
    ("kid flipped", new(approvals=flipped(12))),
    ("signature flipped", new(approvals=flipped(-1))),
    ("trust without", lambda c: c.trust(c.governors, quorum=False)),
    ("trust with too few", lambda c: c.trust(c.governors, approvers=c.others[:1])),
    ("revocation without", lambda c: c.revoke(c.clinic, quorum=False)),
    ("contest without", lambda c: c.contest(c.clinic, 0, quorum=False)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[name for name, _ in LIES])
def test_feigned_approvals(council: Council, name: str, lie: Callable[[Council], Any]) -> None:
    assert audit(council).verified
    lie(council)
    (problem,) = audit(council).problems
    assert (problem.step, problem.index) == ("approvals", len(council.leaves) - 1), name


GENESIS_LIES: list[tuple[str, str, dict[str, Any]]] = [
    ("no approvals", "genesis", {"approvals": lambda given: []}),
    ("one too few", "genesis", {"approvals": lambda given: given[:1]}),
    ("as many as governors", "genesis", {"approvals": lambda given: [*given, *given]}),
    ("one twice", "approvals", {"approvals": lambda given: [given[0], given[0]]}),
    ("not in order", "approvals", {"approvals": lambda given: given[::-1]}),
    ("one flipped", "approvals", {"approvals": flipped(-1)}),
    ("another chain", "approvals", {"edit_claim": lambda raw: raw[:34] + bytes(16) + raw[50:]}),
    ("threshold 1", "genesis", {"fields": {"threshold": 1}}),
    ("threshold 2", "genesis", {"fields": {"threshold": 2}}),
    ("threshold 4", "genesis", {"fields": {"threshold": 4}}),
]


@pytest.mark.parametrize(("name", "step", "change"), GENESIS_LIES, ids=[r[0] for r in GENESIS_LIES])
def test_feigned_founding(name: str, step: str, change: dict[str, Any]) -> None:
    log = Log(governors=4)
    log.genesis(**change)
    report = audit(log)
    assert [(p.step, p.index) for p in report.problems] == [(step, 0)], name


def test_a_genesis_does_not_take_back_what_was_approved() -> None:
    """Approved with one checkpoint key, founded with another."""
    log, other = Log(governors=3), Log("two")
    body = log.founding()
    origin = sha256(log.origin.encode())
    approved = log.approvals(GENESIS, origin, log.chain, ZERO, body, 0)
    log.genesis(fields={"statement": other.founding()["statement"]}, approvals=lambda _: approved)
    assert steps(audit(log)) == ["approvals"]


TRUST_LIES: list[tuple[str, str, Callable[[Council], Any]]] = [
    ("threshold too low", "trust", lambda c: c.trust(c.governors, fields={"threshold": 2})),
    ("nobody", "trust", lambda c: c.trust([c.governor], fields={"governors": []})),
    ("17", "trust", lambda c: c.trust([new_governor("many", n) for n in range(17)])),
    ("one twice", "trust", lambda c: c.trust([c.governor, c.governor])),
    ("another op", "trust", lambda c: c.trust(c.governors, fields={"op": "crown"})),
    ("one field more", "trust", lambda c: c.trust(c.governors, fields={"more": 1})),
    ("an actor's id", "trust", lambda c: c.trust([Signer(c.clinic.id, ed25519_key("x"))])),
    ("an actor's key", "trust", lambda c: c.trust([Signer(b"n" * 16, c.clinic.key)])),
    ("a governor's id, a new key", "trust",
     lambda c: c.trust([*c.governors[:3], Signer(c.others[2].id, ed25519_key("x"))])),
    ("a governor's key, a new id", "trust",
     lambda c: c.trust([*c.governors[:3], Signer(b"n" * 16, c.others[2].key)])),
    ("the log's key", "trust", lambda c: c.trust([Signer(b"n" * 16, c.log_key)])),
    ("by an actor", "key", lambda c: c.trust(c.governors, by=c.clinic)),
    ("on an actor's chain", "chain", lambda c: c.govern(TRUST, c.clinic.id, c.founding())),
    ("opens a chain", "chain", lambda c: c.govern(TRUST, b"n" * 16, c.founding())),
    ("actor on the log's chain", "chain",
     lambda c: c.govern(ACTOR, c.chain, {"op": "contest", "since": 0})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "lie"), TRUST_LIES, ids=[row[0] for row in TRUST_LIES])
def test_trust_lie(council: Council, name: str, step: str, lie: Callable[[Council], Any]) -> None:
    assert audit(council).verified
    lie(council)
    assert steps(audit(council))[0] == step, name


def test_a_former_governor_governs_no_more(council: Council) -> None:
    former = council.others[2]
    council.trust([council.governor])
    council.enrol("new", by=former)
    assert steps(audit(council)) == ["key"]


def test_a_former_governor_does_not_come_back(council: Council) -> None:
    before = council.governors
    council.trust([council.governor])
    council.trust([council.governor, before[1]])
    assert steps(audit(council)) == ["trust"]


def test_a_former_governors_id_is_nobody_elses(council: Council) -> None:
    former = council.others[2]
    council.trust([council.governor])
    council.enrol("new", id=former.id)
    assert steps(audit(council)) == ["actor"]


def test_new_governors_count_from_the_next_leaf(council: Council) -> None:
    """They do not approve their own coming."""
    coming = [new_governor("new", number) for number in range(3)]
    council.trust(coming, approvers=coming[:2])
    assert steps(audit(council)) == ["approvals"]
