"""Logs that take over from one another, and every way to feign it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.verifier.audits import audit, steps
from tests.verifier.formats import (
    ACCESS,
    AMEND,
    LINK,
    OPEN,
    RECORD,
    RETRACT,
    TRUST,
    UNLINK,
    LogKeys,
    Signer,
    ed25519_key,
    sha256,
    tree_root,
)
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Log, Memory, Sample, new_governor
from verifier.audit import audit_log
from verifier.errors import Unreadable
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport


class Ended(Sample):
    """A log with three governors and a link, at its end."""

    def __init__(self, name: str = "one", origin: str = "log.example.com/one") -> None:
        super().__init__(name, origin, governors=3)
        self.link = self.add(LINK, self.person, self.clinic)
        self.order = self.erase(self.person, self.clinic, {"op": "order", "scope": "record"})


@pytest.fixture
def old() -> Ended:
    return Ended()


def go_on(new: Log, old: Ended) -> None:
    """An entry on every chain of the old log that may go on, and on new ones."""
    new.batch(old.clinic, [old.person, old.other, old.person])
    new.batch(old.clinic, [old.directory])
    new.add(RECORD, old.directory, old.clinic)
    new.add(RECORD, old.other, old.pharmacy)
    nurse = new.enrol("nurse", "practitioner", by=old.clinic)
    person = new.open("new person", nurse)
    new.add(RECORD, person, nurse)
    new.add(ACCESS, old.person, nurse)
    new.add(AMEND, old.person, old.clinic, amended=old.hashes[old.record])
    new.add(UNLINK, old.person, old.clinic, amended=old.hashes[old.link])
    hashes = sorted([old.hashes[old.record], new.hashes[-1]])
    new.erase(old.person, nurse, {"op": "order", "scope": "entries", "entries": hashes})
    new.erase(old.person, nurse, {"op": "attest", "order": old.hashes[old.order]})
    rotated = new.rotate(old.pharmacy, ed25519_key("rotated"))
    new.add(RECORD, old.other, rotated)
    new.trust(new.governors)
    new.contest(old.clinic, 0)
    new.add(RECORD, old.person, old.clinic)


def test_a_log_takes_over(old: Ended) -> None:
    new = old.succeed("two")
    go_on(new, old)
    report = audit(new, predecessors=(old,))
    assert (report.problems, report.verified) == ([], True)
    (before,) = report.predecessors
    assert (before.log_id, before.leaves, before.verified) == (old.id, len(old.leaves), True)
    assert before.checkpoint is not None
    assert (report.leaves, report.actors) == (len(new.leaves), 3)


@pytest.mark.parametrize("governors", [1, 2, 4])
def test_governors_change_with_the_log(old: Ended, governors: int) -> None:
    """Some stay, some go, some come."""
    coming = [*old.governors[:2], *(new_governor("two", number) for number in range(1, 3))]
    new = old.succeed("two", coming[:governors])
    new.enrol("later")
    report = audit(new, predecessors=(old,))
    assert report.problems == []
    new.enrol("last", by=old.governors[2], quorum=False)
    assert steps(audit(new, predecessors=(old,))) == ["key"]


def test_a_line_of_three_in_any_order(old: Ended) -> None:
    second = old.succeed("two")
    second.add(RECORD, old.person, old.clinic)
    third = second.succeed("three")
    third.add(RECORD, old.person, old.clinic)
    third.add(RECORD, old.other, old.clinic)
    third.add(AMEND, old.person, old.clinic, amended=old.hashes[old.record])
    third.batch(old.clinic, [old.person])
    for predecessors in ((second, old), (old, second)):
        report = audit(third, predecessors=predecessors)
        assert report.problems == []
        assert [before.log_id for before in report.predecessors] == [old.id, second.id]
    third.add(RECORD, old.person, old.clinic, leaf_version=0x81)
    assert steps(audit(third, predecessors=(old, second))) == ["chain"]


def test_the_old_log_may_go_on_behind_its_end(old: Ended) -> None:
    new = old.succeed("two")
    ended = len(old.leaves)
    while len(old.leaves) < 256:
        old.add(RECORD, old.person, old.clinic)
    report = audit(new, predecessors=(old,))
    assert report.verified
    assert report.predecessors[0].leaves == ended


def renewal(leaves: list[bytes]) -> dict[str, Any]:
    return {"hash": "sha3-256", "leaves": sha3_root(leaves), "blobs": bytes(32)}


def sha3_root(leaves: list[bytes]) -> bytes:
    def root(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        split = 1 << (len(hashes) - 1).bit_length() - 1
        left, right = root(hashes[:split]), root(hashes[split:])
        return hashlib.sha3_256(b"\x01" + left + right).digest()

    return root([hashlib.sha3_256(b"\x00" + leaf).digest() for leaf in leaves])


@pytest.mark.parametrize("more", range(5))
def test_renewal(old: Ended, more: int) -> None:
    for _ in range(more):
        old.add(RECORD, old.person, old.clinic)
    add_epoch(old)
    new = old.succeed("two", fields={"renewal": renewal(old.leaves)})
    report = audit(new, predecessors=(old,))
    assert report.problems == []
    assert any("blobs" in item for item in report.not_checked)
    false = old.succeed("two", fields={"renewal": renewal(old.leaves[:-1])})
    assert steps(audit(false, predecessors=(old,))) == ["renewal"]


# Lies of the succession itself


def another_body(old: Ended) -> dict[str, Any]:
    """What the old governors approved: another log, of other governors."""
    return {"body": Log("rival").founding()}


def one_key_only(old: Ended, lines: str) -> dict[str, Any]:
    return {"checkpoint": old.checkpoint(lines=lines)}


def other_root(old: Ended) -> dict[str, Any]:
    """Signed by the old log: another root at the same size."""
    root = sha256(b"another")
    return {"root": root, "checkpoint": old.keys.checkpoint(len(old.leaves), root)}


def reused_keys(old: Ended, kind: str) -> LogKeys:
    """Keys for the new log, one of which was the old one's."""
    keys = LogKeys("log.example.com/two", "two")
    setattr(keys, kind, getattr(old.keys, kind))
    keys.ed_vkey = keys._vkey(1, keys.ed25519.public_key().public_bytes_raw())
    keys.ml_vkey = keys._vkey(6, keys.ml_dsa.public_key().public_bytes_raw())
    return keys


Change = Callable[[Ended], dict[str, Any]]
LIES: list[tuple[str, str, Change]] = [
    # approvals of the old governors
    ("no approvals", "succession", lambda old: {"old_approvals": lambda given: []}),
    ("one too few", "approvals", lambda old: {"old_approvals": lambda given: given[:1]}),
    ("one twice", "approvals", lambda old: {"old_approvals": lambda given: [given[0]] * 2}),
    ("not in order", "approvals", lambda old: {"old_approvals": lambda given: given[::-1]}),
    ("of another body", "approvals", lambda old: {"approved": another_body(old)}),
    ("of another log", "approvals", lambda old: {"approved": {"log": sha256(b"x")}}),
    ("of another chain", "approvals", lambda old: {"approved": {"chain": old.person}}),
    ("of another kind", "approvals", lambda old: {"approved": {"kind": TRUST}}),
    ("of an earlier state", "approvals", lambda old: {"approved": {"prev": sha256(b"x")}}),
    ("that expire", "approvals", lambda old: {"approved": {"expires": 2**50}}),
    ("of strangers", "approvals", lambda old: {"approved": {"by": [
        new_governor("x", 1), new_governor("x", 2)]}}),
    # approvals of the new governors
    ("no new approvals", "succession", lambda old: {"approvals": lambda given: []}),
    ("new approval flipped", "approvals", lambda old: {
        "approvals": lambda given: [given[0][:-1] + bytes([given[0][-1] ^ 1])]}),
    ("old approvals for new", "approvals", lambda old: {"chain": b"n" * 16}),
    # where the old log ends
    ("another size", "succession", lambda old: {"predecessor": {"size": 3}}),
    ("size 0", "succession", lambda old: {"predecessor": {"size": 0}}),
    ("another root", "succession", lambda old: {"predecessor": {"root": sha256(b"x")}}),
    ("another root, signed", "root", lambda old: {"predecessor": other_root(old)}),
    ("inside a batch", "batch", lambda old: {"predecessor": {
        "size": 12, "root": old.root(12), "checkpoint": old.checkpoint(12)}}),
    ("another origin", "succession", lambda old: {"predecessor": {"origin": "log.example.com/x"}}),
    ("checkpoint of one key", "checkpoint signature",
     lambda old: {"predecessor": one_key_only(old, "e")}),
    ("checkpoint of the other key", "checkpoint signature",
     lambda old: {"predecessor": one_key_only(old, "m")}),
    ("checkpoint of the new log", "succession", lambda old: {"predecessor": {
        "checkpoint": Log("two", "log.example.com/two").keys.checkpoint(3, bytes(32))}}),
    ("no checkpoint", "checkpoint", lambda old: {"predecessor": {"checkpoint": b""}}),
    ("large checkpoint", "succession", lambda old: {"predecessor": {
        "checkpoint": old.checkpoint() + bytes(16_384)}}),
    ("one field more", "succession", lambda old: {"predecessor": {"more": 1}}),
    # the new log
    ("origin used again", "succession",
     lambda old: {"origin": old.origin, "keys": LogKeys(old.origin, "two")}),
    ("Ed25519 key used again", "genesis", lambda old: {"keys": reused_keys(old, "ed25519")}),
    ("ML-DSA-44 key used again", "genesis", lambda old: {"keys": reused_keys(old, "ml_dsa")}),
    ("statement key used again", "genesis",
     lambda old: {"fields": {"statement": old.founding()["statement"]}}),
    ("an actor's key governs", "trust",
     lambda old: {"governors": [Signer(b"n" * 16, old.clinic.key)]}),
    ("an actor governs", "trust",
     lambda old: {"governors": [Signer(old.clinic.id, ed25519_key("x"))]}),
    ("a governor with another key", "trust",
     lambda old: {"governors": [Signer(old.governor.id, ed25519_key("x"))]}),
    ("a governor with another id", "trust",
     lambda old: {"governors": [Signer(b"n" * 16, old.governor.key)]}),
    ("received before the old end", "time", lambda old: {"now": old.now - 2000}),
    ("log is not the origin's hash", "genesis", lambda old: {"log": old.id}),
    ("an unknown hash", "succession",
     lambda old: {"fields": {"renewal": {**renewal(old.leaves), "hash": "md5"}}}),
    ("half a renewal", "succession", lambda old: {"fields": {"renewal": {"hash": "sha3-256"}}}),
    ("signed by a stranger", "key", lambda old: {"key": ed25519_key("x")}),
]  # fmt: skip


def both_steps(new: Log, old: Log, *sizes: int) -> list[str]:
    """Steps of the problems of both logs; of the old one there are files of these sizes too."""
    files = {path: raw for size in sizes for path, raw in old.files(size).items()} | old.files()
    keys = [parse_verifier_key(text) for text in new.vkeys]
    report = audit_log(Memory(new.files()), policy_of_keys(keys), predecessors=[Memory(files)])
    assert not report.verified
    return [step for one in (*report.predecessors, report) for step in steps(one)]


@pytest.mark.parametrize(("name", "step", "change"), LIES, ids=[row[0] for row in LIES])
def test_feigned_succession(old: Ended, name: str, step: str, change: Change) -> None:
    add_epoch(old)
    new = old.succeed("two", **change(old))
    # Where the old log is said to end earlier, it does not end in an epoch either.
    first, *others = both_steps(new, old, 12)
    assert (first, set(others) <= {"epoch"}) == (step, True), name


def no_epoch(old: Ended) -> None:
    """Nothing."""


def behind_the_epoch(old: Ended) -> None:
    add_epoch(old)
    old.add(RECORD, old.person, old.clinic)


def not_over_all(old: Ended) -> None:
    add_epoch(old, to=[len(old.leaves) - 1])


@pytest.mark.parametrize("end", [no_epoch, behind_the_epoch, not_over_all])
def test_an_end_that_no_epoch_covers(old: Ended, end: Callable[[Ended], None]) -> None:
    end(old)
    report = audit(old.succeed("two", closed=False), predecessors=(old,))
    assert [steps(one) for one in (*report.predecessors, report)] == [["epoch"], []]
    assert report.predecessors[0].problems[0].index == len(old.leaves) - 1


def test_approvals_count_by_the_governors_at_the_end(old: Ended) -> None:
    """Those who governed when the log began do not, when trust has passed on."""
    before = old.governors
    old.trust([new_governor("heir", number) for number in range(3)])
    assert audit(old.succeed("two"), predecessors=(old,)).verified
    new = old.succeed("two", approved={"by": before[:2]})
    assert steps(audit(new, predecessors=(old,))) == ["approvals"]


def test_approvals_are_used_up_by_what_follows_on_the_logs_chain(old: Ended) -> None:
    new = old.succeed("two")
    old.trust(old.governors)
    later = old.succeed("two", approved={"prev": Ended().heads[old.chain][1]})
    assert steps(audit(later, predecessors=(old,))) == ["approvals"]
    # The first succession stays what it was: the old log goes on behind its end.
    assert new.leaves[0] != later.leaves[0]


# Lies at the seam


def person(new: Log, old: Ended, **change: Any) -> None:
    new.add(RECORD, old.person, old.clinic, **change)


def twice(new: Log, old: Ended) -> None:
    person(new, old)
    person(new, old, leaf_version=0x81)


def fork(new: Log, old: Ended) -> None:
    """The chain goes on from the last leaf but one."""
    seq, _, index = old.heads[old.person]
    person(new, old, seq=seq, prev=old.hashes[index - 1], prev_index=index - 1)


def renumbered(new: Log, old: Ended) -> None:
    """The seam's leaf is a member of a batch, and says that it is none."""
    new.batch(old.clinic, [old.person], raw=lambda p, raw: b"\x02" + raw[1:])


SEAM_LIES: list[tuple[str, str, Callable[[Log, Ended], Any]]] = [
    ("1 for 0x81", "chain", lambda new, old: person(new, old, leaf_version=1)),
    ("2 for 0x82", "chain", renumbered),
    ("0x81 a second time", "chain", twice),
    ("0x81 in a new chain", "chain",
     lambda new, old: new.add(OPEN, b"n" * 16, old.clinic, leaf_version=0x81)),
    ("seq wrong", "chain", lambda new, old: person(new, old, seq=99)),
    ("begins anew", "chain",
     lambda new, old: person(new, old, seq=0, prev=bytes(32), prev_index=0, leaf_version=1)),
    ("prev hash wrong", "chain", lambda new, old: person(new, old, prev=sha256(b"x"))),
    ("prev index wrong", "chain", lambda new, old: person(new, old, prev_index=1)),
    ("fork", "chain", fork),
    ("opened again", "chain", lambda new, old: new.open("person", old.clinic)),
    ("another's directory", "chain", lambda new, old: new.add(RECORD, old.directory, old.pharmacy)),
    ("trust on the old log's chain", "chain", lambda new, old: new.govern(
        TRUST, old.chain, {k: v for k, v in new.founding().items()
                           if k in ("governors", "threshold")} | {"op": "governors"})),
    ("claim of the old log", "log", lambda new, old: person(new, old, log=old.id)),
    ("derived from the new log", "chain", lambda new, old: new.batch(
        old.clinic, [old.person],
        chain=sha256(b"counterfoil/chain/batch/v1" + new.id + old.clinic.id)[:16])),
    ("enrolled again", "actor", lambda new, old: new.enrol("clinic")),
    ("an old key registered again", "actor",
     lambda new, old: new.enrol("new", public=old.clinic.public)),
    ("an old governor writes", "key", lambda new, old: new.add(RECORD, old.person, old.governor)),
    ("amends another chain's", "amended", lambda new, old: new.add(
        AMEND, old.other, old.clinic, amended=old.hashes[old.record])),
    ("retracts an old access", "amended", lambda new, old: new.add(
        RETRACT, old.person, old.clinic, amended=old.hashes[old.access])),
    ("unlinks an old record", "amended", lambda new, old: new.add(
        UNLINK, old.person, old.clinic, amended=old.hashes[old.record])),
    ("attests no order", "erasure", lambda new, old: new.erase(
        old.person, old.clinic, {"op": "attest", "order": old.hashes[old.link]})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "lie"), SEAM_LIES, ids=[row[0] for row in SEAM_LIES])
def test_lie_at_the_seam(
    old: Ended, name: str, step: str, lie: Callable[[Log, Ended], Any]
) -> None:
    new = old.succeed("two")
    lie(new, old)
    assert step in steps(audit(new, predecessors=(old,))), name


def test_revoked_stays_revoked(old: Ended) -> None:
    old.revoke(old.pharmacy)
    new = old.succeed("two")
    new.add(RECORD, old.other, old.pharmacy)
    assert steps(audit(new, predecessors=(old,))) == ["key"]


def test_a_contest_of_the_new_log_does_not_reach_back(old: Ended) -> None:
    """Its index is of the new log; all of the old one lies below. A contest of the old log holds
    on in the new one."""
    nurse = old.enrol("nurse", "practitioner", by=old.clinic)
    contested = old.enrol("doctor", "practitioner", by=old.pharmacy)
    old.contest(old.pharmacy, 0)
    new = old.succeed("two")
    new.contest(old.clinic, 0)
    new.add(RECORD, old.person, nurse)
    late = new.enrol("late", "practitioner", by=old.clinic)
    assert audit(new, predecessors=(old,)).problems == []
    new.add(RECORD, old.person, contested)
    new.add(RECORD, old.person, late)
    assert steps(audit(new, predecessors=(old,))) == ["role", "role"]


# The predecessor


def test_without_its_predecessor_it_is_not_checked(old: Ended) -> None:
    new = old.succeed("two")
    with pytest.raises(Unreadable, match="takes over from"):
        audit(new)
    with pytest.raises(Unreadable, match="not among the predecessors"):
        audit(new, predecessors=(Ended("x", "log.example.com/x"),))
    third = new.succeed("three")
    with pytest.raises(Unreadable, match="not among the predecessors"):
        audit(third, predecessors=(new,))


def test_logs_that_are_not_in_its_line(old: Ended) -> None:
    with pytest.raises(Unreadable, match="not in the line"):
        audit(Sample(), predecessors=(old,))


def test_a_false_predecessor(old: Ended) -> None:
    """Its leaves are read as if nobody took over: the lie is named there, and nothing else is."""
    old.add(RECORD, old.person, old.clinic, seq=77)
    new = old.succeed("two")
    report = audit(new, predecessors=(old,))
    assert not report.verified
    assert [steps(before) for before in report.predecessors] == [["chain"]]
    assert report.problems == []
    assert report.leaves == 0
    assert any("takes over" in item for item in report.not_checked)


def test_a_predecessor_that_is_not_the_one_meant(old: Ended) -> None:
    """The same first leaf, another later one: the checkpoint in the body tells."""
    new = old.succeed("two")
    old.leaves[old.access] = old.leaves[old.access][:-1] + b"x"
    old.hashes[old.access] = sha256(b"\x00" + old.leaves[old.access])
    assert "root" in both_steps(new, old)
    assert tree_root(old.hashes) != new.root()


@cache
def pair() -> tuple[Ended, Log]:
    old = Ended()
    new = old.succeed("two")
    go_on(new, old)
    return old, new


def audit_files(new: dict[str, bytes], old: dict[str, bytes]) -> LogReport | None:
    keys = [parse_verifier_key(text) for text in pair()[1].vkeys]
    try:
        return audit_log(Memory(new), policy_of_keys(keys), predecessors=[Memory(old)])
    except Unreadable:
        return None


def test_every_file_counts() -> None:
    """A byte of any file of either log: false, or not checked; never verified."""
    old, new = (log.files() for log in pair())
    verified = audit_files(new, old)
    assert verified is not None
    assert verified.verified
    for mine, files in ((True, new), (False, old)):
        for path, raw in files.items():
            if path == "checkpoint" and not mine:
                continue
            for at in range(0, len(raw), max(1, len(raw) // 12)):
                changed = {**files, path: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]}
                report = audit_files(changed, old) if mine else audit_files(new, changed)
                assert report is None or not report.verified, (path, at)
