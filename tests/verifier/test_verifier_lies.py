"""A table of lies, one per row, told by a log whose tree and checkpoint are true to them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier.formats import (
    ACCESS,
    ACTOR,
    AMEND,
    DAY_MS,
    OPEN,
    RECORD,
    RETRACT,
    ZERO,
    Signer,
    cbor,
    ed25519_key,
    kid,
    leaf,
    sha256,
    statement,
)
from tests.verifier.logmaker import Log, Memory, Sample
from verifier.audit import audit_log
from verifier.formats.note import VerifierKey, parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport

L = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = {
    "identity": bytes([1]) + bytes(31),
    "order 2": (2**255 - 20).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 8": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "identity, sign bit": bytes([1]) + bytes(30) + b"\x80",
    "y = p + 1": (2**255 - 18).to_bytes(32, "little"),
    "no point": bytes([2]) + bytes(31),
}


def audit(log: Log, files: dict[str, bytes] | None = None) -> LogReport:
    keys = [parse_verifier_key(text) for text in log.vkeys]
    return audit_log(Memory(log.files() if files is None else files), policy_of_keys(keys))


def test_a_true_log_verifies(sample: Sample) -> None:
    report = audit(sample)
    assert report.problems == []
    assert report.verified
    assert report.leaves == 15
    assert report.kinds == {
        "genesis": 1, "actor": 2, "open": 2, "record": 5, "amend": 1,
        "retract": 1, "link": 1, "access": 1, "batch": 1,
    }  # fmt: skip
    assert (report.chains, report.actors) == (7, 2)


def non_canonical_s(signed: bytes) -> bytes:
    s = int.from_bytes(signed[-32:], "little") + L
    return signed[:-32] + s.to_bytes(32, "little")


def flip(at: int, bit: int = 1) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]


def insert(at: int, more: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + more + raw[at:]


def long_claim_length(signed: bytes) -> bytes:
    """The payload's length in two bytes where one is enough."""
    return signed[:151] + b"\x59\x00" + signed[152:]


def replay_in_other_chain(log: Sample) -> None:
    """The log moves a signed record to another chain as it is: its sub still names the first."""
    signed = log.leaves[log.record][57:]
    log.now += 1000
    seq, prev, prev_index, received = log.place(log.other, {})
    log.put(leaf(seq, prev, prev_index, received, signed))


def replay_in_same_chain(log: Sample) -> None:
    log.now += 1000
    seq, prev, prev_index, received = log.place(log.person, {})
    log.put(leaf(seq, prev, prev_index, received, log.leaves[log.record][57:]), log.person, seq)


def swap(log: Sample) -> None:
    a, b = log.access, log.access + 1
    for row in (log.leaves, log.hashes):
        row[a], row[b] = row[b], row[a]


def drop(log: Sample) -> None:
    del log.leaves[log.access], log.hashes[log.access]


def revoked(log: Sample) -> None:
    log.revoke(log.pharmacy)
    log.add(RECORD, log.other, log.pharmacy)


def revoked_then_batch(log: Sample) -> None:
    log.revoke(log.clinic)
    log.batch(log.clinic, [log.person])


def revoked_twice(log: Sample) -> None:
    log.revoke(log.clinic)
    log.revoke(log.clinic)


def last_later(position: int, raw: bytes) -> bytes:
    """The third member was received a second after its batch."""
    late = int.from_bytes(raw[49:57], "big") + 1000
    return raw if position < 2 else raw[:49] + late.to_bytes(8, "big") + raw[57:]


def no_members(log: Sample) -> None:
    log.batch(log.clinic, [log.person], members=lambda claims: [])
    log.add(RECORD, log.person, log.clinic)


def lone_member(log: Sample) -> None:
    log.now += 1000
    item = log.claim(RECORD, log.person, log.clinic.id)
    seq, prev, prev_index, received = log.place(log.person, {})
    header = struct.pack(">BQ32sQQQI", 2, seq, prev, prev_index, received, 3, 0)
    log.put(header + item, log.person, seq)


def batch_then(change: dict[str, Any], chains: int = 3) -> Callable[[Sample], Any]:
    return lambda log: log.batch(log.clinic, [log.person, log.other, log.person][:chains], **change)


def add(kind: int, **change: Any) -> Callable[[Sample], Any]:
    return lambda log: log.add(kind, log.person, log.clinic, **change)


STRANGER = ed25519_key("stranger")
ENROL = {"op": "enrol", "role": "person"}


LIES: list[tuple[str, str, Callable[[Sample], Any]]] = [
    # leaf
    ("empty leaf", "leaf", lambda log: log.put(b"")),
    ("leaf of 57 bytes", "leaf", lambda log: log.put(b"\x01" + bytes(56))),
    ("leaf version 0", "leaf", add(RECORD, edit_leaf=flip(0))),
    ("crosses over from no earlier log", "chain", add(RECORD, edit_leaf=flip(0, 0x80))),
    ("seq over 2^53", "leaf", add(RECORD, seq=2**53)),
    ("received over 2^53", "leaf", add(RECORD, received=2**60)),
    ("member too long", "leaf", batch_then({"raw": lambda p, raw: raw + b"\0"})),
    # statement
    ("trailing byte", "statement", add(RECORD, edit_statement=lambda s: s + b"\0")),
    ("missing byte", "statement", add(RECORD, edit_statement=lambda s: s[:-1])),
    ("no tag", "statement", add(RECORD, edit_statement=lambda s: s[1:])),
    ("unprotected header", "statement", add(RECORD, edit_statement=flip(150))),
    ("length not shortest", "statement", add(RECORD, edit_statement=long_claim_length)),
    (
        "other content type",
        "statement",
        add(RECORD, header={3: "application/vnd.counterfoil.clain"}),
    ),
    ("EdDSA, deprecated", "statement", add(RECORD, header={1: -8})),
    ("iss of another", "statement", add(RECORD, header={15: {1: "00" * 16, 2: "00" * 16}})),
    (
        "upper-case hex",
        "statement",
        add(RECORD, edit_statement=lambda s: s[:83] + s[83:115].upper() + s[115:]),
    ),
    ("protected out of order", "statement", add(RECORD, protected=b"\xa4\x03\x00\x01\x32")),
    # claim
    ("claim version 2", "claim", add(RECORD, version=2)),
    ("reserved kind", "claim", add(RECORD, claim_kind=12)),
    ("unknown kind", "claim", add(RECORD, claim_kind=20)),
    ("kind 0", "claim", add(RECORD, claim_kind=0)),
    ("body on a record", "claim", add(RECORD, body=b"x")),
    ("no body on an actor", "claim", lambda log: log.enrol("new", body=b"")),
    ("no sealed blob", "claim", add(RECORD, blob=ZERO, size=0)),
    ("blob without a size", "claim", add(RECORD, size=0)),
    ("size without a blob", "claim", add(RECORD, blob=ZERO)),
    ("sealed size too large", "claim", add(RECORD, size=17_825_793)),
    ("sealed batch", "claim", batch_then({"blob": sha256(b"x"), "size": 9})),
    ("record that amends", "claim", lambda log: add(RECORD, amended=log.hashes[log.record])(log)),
    ("amend of nothing", "claim", add(AMEND)),
    ("authored over 2^53", "claim", add(RECORD, authored=2**53)),
    # log
    ("another log", "log", add(RECORD, log=sha256(b"other"))),
    (
        "log is the origin's hash",
        "log",
        lambda log: add(RECORD, log=sha256(log.origin.encode()))(log),
    ),
    # entry id
    (
        "not a UUIDv7",
        "entry id",
        lambda log: add(RECORD, entry_id=log.entry_id()[:6] + bytes(10))(log),
    ),
    ("id used again", "entry id", replay_in_same_chain),
    (
        "id older than 30 days",
        "entry id",
        lambda log: add(RECORD, entry_id=log.entry_id(at=log.now - 31 * DAY_MS))(log),
    ),
    (
        "id from the future",
        "entry id",
        lambda log: add(RECORD, entry_id=log.entry_id(at=log.now + 302_000))(log),
    ),
    (
        "one id twice in a batch",
        "entry id",
        lambda log: batch_then({"member": lambda i: {"entry_id": log.entry_id(77)}})(log),
    ),
    # time
    ("time goes back", "time", lambda log: add(RECORD, received=log.now - 1)(log)),
    ("authored in the future", "time", lambda log: add(RECORD, authored=log.now + 302_000)(log)),
    ("expired", "expiry", lambda log: add(RECORD, expires=log.now + 999)(log)),
    # chain
    ("dropped leaf", "chain", drop),
    ("swapped leaves", "time", swap),
    ("wrong prev hash", "chain", add(RECORD, prev=sha256(b"x"))),
    ("wrong prev index", "chain", add(RECORD, prev_index=3)),
    ("seq skips", "chain", add(RECORD, seq=99)),
    ("seq 0 again", "chain", add(OPEN, seq=0, prev=ZERO, prev_index=0)),
    (
        "prev of an unknown chain",
        "chain",
        lambda log: log.add(RECORD, b"n" * 16, log.clinic, seq=1),
    ),
    ("record opens a chain", "chain", lambda log: log.add(RECORD, b"n" * 16, log.clinic)),
    (
        "open with a prev index",
        "chain",
        lambda log: log.add(OPEN, b"n" * 16, log.clinic, prev_index=1),
    ),
    (
        "open with a prev hash",
        "chain",
        lambda log: log.add(OPEN, b"n" * 16, log.clinic, prev=b"n" * 32),
    ),
    ("open twice", "chain", add(OPEN)),
    ("record in the log's chain", "chain", lambda log: log.add(RECORD, log.chain, log.clinic)),
    ("record in an actor's chain", "chain", lambda log: log.add(RECORD, log.clinic.id, log.clinic)),
    ("access in a directory", "chain", lambda log: log.add(ACCESS, log.directory, log.clinic)),
    ("another's directory", "chain", lambda log: log.add(RECORD, log.directory, log.pharmacy)),
    (
        "directory of another",
        "chain",
        lambda log: log.add(RECORD, log.derived("directory", log.pharmacy.id), log.clinic),
    ),
    (
        "directory opened by amend",
        "chain",
        lambda log: log.add(
            AMEND, log.derived("directory", log.pharmacy.id), log.pharmacy, amended=log.hashes[5]
        ),
    ),
    (
        "batch in a person's chain",
        "chain",
        lambda log: log.batch(log.clinic, [log.other], chain=log.person),
    ),
    (
        "batch in another's chain",
        "chain",
        lambda log: log.batch(log.pharmacy, [log.other], chain=log.derived("batch", log.clinic.id)),
    ),
    ("a second genesis", "chain", lambda log: Log.genesis(log)),
    (
        "actor in a person's chain",
        "chain",
        lambda log: log.add(
            ACTOR,
            log.person,
            log.governor,
            body=cbor({"op": "revoke", "kid": kid(log.clinic.public)}),
        ),
    ),
    ("replayed in another chain", "entry id", replay_in_other_chain),
    (
        "amended elsewhere",
        "amended",
        lambda log: log.add(AMEND, log.other, log.clinic, amended=log.hashes[log.record]),
    ),
    ("amended unknown", "amended", add(AMEND, amended=sha256(b"x"))),
    ("amended an access", "amended", lambda log: add(AMEND, amended=log.hashes[log.access])(log)),
    ("retracted the opening", "amended", lambda log: add(RETRACT, amended=log.hashes[3])(log)),
    # key
    (
        "unknown kid",
        "key",
        lambda log: log.add(RECORD, log.person, Signer(log.clinic.id, STRANGER)),
    ),
    (
        "key of another",
        "key",
        lambda log: log.add(RECORD, log.person, Signer(log.clinic.id, log.pharmacy.key)),
    ),
    (
        "unknown author",
        "key",
        lambda log: log.add(RECORD, log.person, Signer(b"n" * 16, log.pharmacy.key)),
    ),
    ("revoked key", "key", revoked),
    ("revoked key signs a batch", "key", revoked_then_batch),
    ("governor writes a record", "key", lambda log: log.add(RECORD, log.person, log.governor)),
    (
        "log key writes a record",
        "key",
        lambda log: log.add(RECORD, log.person, Signer(bytes(16), log.log_key)),
    ),
    ("organisation enrols an organisation", "actor", lambda log: log.enrol("new", by=log.clinic)),
    (
        "organisation revokes what it did not enrol",
        "actor",
        lambda log: log.revoke(log.pharmacy, by=log.clinic),
    ),
    *(
        (f"enrolled key: {name}", "key", lambda log, raw=raw: log.enrol("new", public=raw))
        for name, raw in SMALL_ORDER.items()
    ),
    # actor
    ("key registered twice", "actor", lambda log: log.enrol("new", public=log.clinic.public)),
    ("governor's key enrolled", "actor", lambda log: log.enrol("new", public=log.governor.public)),
    (
        "log's key enrolled",
        "actor",
        lambda log: log.enrol("new", public=log.log_key.public_key().public_bytes_raw()),
    ),
    ("enrol at seq 1", "actor", lambda log: log.enrol("new", id=log.clinic.id)),
    ("revoke opens a chain", "actor", lambda log: log.revoke(Signer(b"n" * 16, log.clinic.key))),
    ("revoked twice", "actor", revoked_twice),
    (
        "revoked another's key",
        "actor",
        lambda log: log.revoke(log.clinic, revoked=kid(log.pharmacy.public)),
    ),
    ("revoked unknown key", "actor", lambda log: log.revoke(log.clinic, revoked=bytes(32))),
    ("governor's id enrolled", "actor", lambda log: log.enrol("new", id=log.governor.id)),
    ("unknown role", "actor", lambda log: log.enrol("new", role="emperor")),
    ("unknown op", "actor", lambda log: log.enrol("new", body=cbor({"op": "crown"}))),
    ("two keys", "actor", lambda log: log.enrol("new", body=cbor({**ENROL, "keys": [1, 2]}))),
    (
        "more fields",
        "actor",
        lambda log: log.enrol("new", body=cbor({**ENROL, "keys": [], "x": 1})),
    ),
    ("key for govern", "actor", lambda log: log.enrol("new", key_fields={"use": "govern"})),
    ("ML-DSA-44 key of 32 bytes", "key", lambda log: log.enrol("new", key_fields={"alg": -48})),
    ("key of 31 bytes", "key", lambda log: log.enrol("new", public=bytes(31))),
    ("body not a map", "actor", lambda log: log.enrol("new", body=b"\x80")),
    # cbor in a body
    (
        "body keys out of order",
        "cbor",
        lambda log: log.enrol("new", body=b"\xa2\x62op\x61x\x61a\x00"),
    ),
    ("body with a key twice", "cbor", lambda log: log.enrol("new", body=b"\xa2\x61a\x00\x61a\x00")),
    (
        "body with a trailing byte",
        "cbor",
        lambda log: log.enrol("new", body=cbor({"op": "x"}) + b"\0"),
    ),
    (
        "body of indefinite length",
        "cbor",
        lambda log: log.enrol("new", body=b"\xbf\x62op\x61x\xff"),
    ),
    ("body with a long integer", "cbor", lambda log: log.enrol("new", body=b"\xa1\x61a\x18\x01")),
    ("body with a float", "cbor", lambda log: log.enrol("new", body=b"\xa1\x61a\xf9\x00\x00")),
    ("body with a tag", "cbor", lambda log: log.enrol("new", body=b"\xa1\x61a\xc1\x00")),
    ("body too deep", "cbor", lambda log: log.enrol("new", body=b"\x81" * 8 + b"\x00")),
    ("body not UTF-8", "cbor", lambda log: log.enrol("new", body=b"\x61\xff")),
    # signature
    (
        "signed by another key",
        "signature",
        lambda log: log.add(
            RECORD, log.person, log.clinic, key=log.pharmacy.key, kid=kid(log.clinic.public)
        ),
    ),
    ("signature flipped", "signature", add(RECORD, edit_statement=flip(-1 + 389))),
    ("S not below L", "signature", add(RECORD, edit_statement=non_canonical_s)),
    ("blob hash changed", "signature", add(RECORD, edit_statement=flip(153 + 90))),
    (
        "genesis' governor signs wrongly",
        "signature",
        lambda log: log.enrol("new", key=log.clinic.key, kid=kid(log.governor.public)),
    ),
    # batch
    ("member missing", "batch", batch_then({"members": lambda claims: claims[:-1]})),
    (
        "member missing, then a record",
        "batch",
        lambda log: (batch_then({"members": lambda c: c[:-1]})(log), add(RECORD)(log)),
    ),
    ("member later than its batch", "batch", batch_then({"raw": last_later})),
    ("no member, then a record", "batch", no_members),
    ("members swapped", "batch", batch_then({"members": lambda c: [c[1], c[0], c[2]]})),
    ("foreign member", "batch", batch_then({"members": lambda c: [c[0], flip(95)(c[1]), c[2]]})),
    ("member too many", "batch", batch_then({"count": 2})),
    ("member without a batch", "batch", lone_member),
    (
        "member of another author",
        "batch",
        lambda log: batch_then({"member": lambda i: {"claim_author": log.pharmacy.id}})(log),
    ),
    (
        "member of another kind",
        "batch",
        batch_then({"member": lambda i: {"claim_kind": ACCESS if i else RECORD}}),
    ),
    (
        "member position wrong",
        "batch",
        batch_then({"raw": lambda p, raw: flip(68)(raw) if p == 1 else raw}),
    ),
    (
        "member batch index wrong",
        "batch",
        batch_then({"raw": lambda p, raw: flip(64)(raw) if p == 1 else raw}),
    ),
    ("wrong root", "batch", batch_then({"root": sha256(b"x")})),
    ("count 0", "batch", batch_then({"count": 0})),
    ("count 4097", "batch", batch_then({"count": 4097})),
    ("members of kind open", "batch", batch_then({"member_kind": OPEN})),
    ("batch body too long", "batch", batch_then({"body": bytes(38)})),
    (
        "a batch in a batch",
        "batch",
        lambda log: (batch_then({"members": lambda c: c[:1]})(log), batch_then({})(log)),
    ),
]


@pytest.mark.parametrize(("name", "step", "lie"), LIES, ids=[name for name, _, _ in LIES])
def test_lie(sample: Sample, name: str, step: str, lie: Callable[[Sample], Any]) -> None:
    lie(sample)
    report = audit(sample)
    assert not report.verified
    steps = [problem.step for problem in report.problems]
    assert step in steps, f"{name}: caught by {report.problems}"
    # One lie is not reported over and over.
    assert len(steps) <= 5, report.problems


GENESIS_LIES: list[tuple[str, str, dict[str, Any]]] = [
    ("another origin", "genesis", {"fields": {"origin": "log.example.com/two"}}),
    ("origin with a space", "genesis", {"fields": {"origin": "log example"}}),
    ("another hash", "genesis", {"fields": {"hash": "sha-512"}}),
    ("threshold 2", "genesis", {"fields": {"threshold": 2}}),
    ("approvals", "genesis", {"fields": {"approvals": [b"x"]}}),
    ("no governor", "genesis", {"fields": {"governors": []}}),
    ("two governors", "genesis", {"fields": {"governors": [{}, {}]}}),
    ("no checkpoint keys", "genesis", {"fields": {"checkpoint": []}}),
    ("one field more", "genesis", {"fields": {"more": 1}}),
    ("text for a number", "genesis", {"fields": {"threshold": "1"}}),
    ("statement key of order 4", "key", {"fields": {"statement": {"alg": -19, "key": bytes(32)}}}),
    ("not CBOR", "cbor", {"body": b"\xff"}),
    (
        "kind record",
        "genesis",
        {"claim_kind": RECORD, "blob": sha256(b"x"), "size": 1, "body": b""},
    ),
    ("log is not the origin's hash", "genesis", {"log": sha256(b"x")}),
    ("author is not the governor", "genesis", {"claim_author": bytes(16)}),
    ("seq 1", "chain", {"seq": 1}),
    ("signed by a stranger", "key", {"key": STRANGER}),
    ("signature of a stranger", "signature", {"key": STRANGER, "kid": kid(Log().governor.public)}),
    ("id too old", "entry id", {"entry_id": Log().entry_id(at=1)}),
]


@pytest.mark.parametrize(
    ("name", "step", "change"), GENESIS_LIES, ids=[n for n, _, _ in GENESIS_LIES]
)
def test_genesis_lie(name: str, step: str, change: dict[str, Any]) -> None:
    log = Log()
    log.genesis(**change)
    log.enrol("clinic")
    report = audit(log)
    assert step in [problem.step for problem in report.problems], (name, report.problems)
    assert report.problems[0].index == 0


def test_genesis_registers_a_key_once() -> None:
    log = Log()
    log.genesis(fields={"statement": {"alg": -19, "key": log.governor.public}})
    assert [p.step for p in audit(log).problems] == ["genesis"]


def test_genesis_must_name_the_pinned_keys() -> None:
    log, other = Log(), Log("two")
    log.genesis(fields={"checkpoint": other.vkeys})
    assert [p.step for p in audit(log).problems] == ["genesis"]


def test_another_logs_entries(sample: Sample) -> None:
    """Everything of one log under the origin and keys of another."""
    thief = Log("thief", "log.example.com/thief")
    thief.leaves, thief.hashes = sample.leaves, sample.hashes
    assert [p.step for p in audit(thief).problems] == ["genesis"]


FILE_LIES: list[tuple[str, str, Callable[[Sample, dict[str, bytes]], Any]]] = [
    ("no bundle", "bundle", lambda log, f: f.pop("tile/entries/000.p/15")),
    (
        "bundle cut",
        "bundle",
        lambda log, f: f.update({"tile/entries/000.p/15": f["tile/entries/000.p/15"][:-1]}),
    ),
    (
        "bundle longer",
        "bundle",
        lambda log, f: f.update({"tile/entries/000.p/15": f["tile/entries/000.p/15"] + b"\0"}),
    ),
    ("bundle empty", "bundle", lambda log, f: f.update({"tile/entries/000.p/15": b""})),
    (
        "bundle oversized",
        "bundle",
        lambda log, f: f.update({"tile/entries/000.p/15": bytes(17 << 20)}),
    ),
    ("no hash tile", "tile", lambda log, f: f.pop("tile/0/000.p/15")),
    (
        "hash tile changed",
        "tile",
        lambda log, f: f.update({"tile/0/000.p/15": flip(33)(f["tile/0/000.p/15"])}),
    ),
    (
        "hash tile cut",
        "tile",
        lambda log, f: f.update({"tile/0/000.p/15": f["tile/0/000.p/15"][:-1]}),
    ),
    (
        "hash tile longer",
        "tile",
        lambda log, f: f.update({"tile/0/000.p/15": f["tile/0/000.p/15"] + bytes(32)}),
    ),
    ("hash tile oversized", "tile", lambda log, f: f.update({"tile/0/000.p/15": bytes(1 << 20)})),
    (
        "another root, signed",
        "root",
        lambda log, f: f.update(checkpoint=log.keys.checkpoint(15, sha256(b"x"))),
    ),
    ("checkpoint in a batch", "bundle", lambda log, f: f.update(checkpoint=log.checkpoint(13))),
    (
        "ML-DSA line stripped",
        "checkpoint signature",
        lambda log, f: f.update(checkpoint=log.checkpoint(lines="e")),
    ),
    (
        "Ed25519 line stripped",
        "checkpoint signature",
        lambda log, f: f.update(checkpoint=log.checkpoint(lines="m")),
    ),
    (
        "Ed25519 line twice",
        "checkpoint signature",
        lambda log, f: f.update(checkpoint=log.checkpoint(lines="eem")),
    ),
    (
        "checkpoint flipped",
        "checkpoint signature",
        lambda log, f: f.update(checkpoint=f["checkpoint"].replace(b"\n15\n", b"\n14\n")),
    ),
    (
        "another origin",
        "checkpoint",
        lambda log, f: f.update(checkpoint=Sample(origin="log.example.com/two").checkpoint()),
    ),
    (
        "size 015",
        "checkpoint",
        lambda log, f: f.update(checkpoint=f["checkpoint"].replace(b"\n15\n", b"\n015\n")),
    ),
    (
        "size ²",
        "checkpoint",
        lambda log, f: f.update(checkpoint=f["checkpoint"].replace(b"\n15\n", "\n²\n".encode())),
    ),
    (
        "size 1_5",
        "checkpoint",
        lambda log, f: f.update(checkpoint=f["checkpoint"].replace(b"\n15\n", b"\n1_5\n")),
    ),
    (
        "empty log",
        "genesis",
        lambda log, f: f.update(checkpoint=log.keys.checkpoint(0, sha256(b""))),
    ),
    (
        "empty log with a root",
        "checkpoint",
        lambda log, f: f.update(checkpoint=log.keys.checkpoint(0, sha256(b"x"))),
    ),
    ("checkpoint empty", "checkpoint", lambda log, f: f.update(checkpoint=b"")),
    ("checkpoint oversized", "checkpoint", lambda log, f: f.update(checkpoint=bytes(2 << 20))),
]


@pytest.mark.parametrize(("name", "step", "lie"), FILE_LIES, ids=[name for name, _, _ in FILE_LIES])
def test_file_lie(
    sample: Sample, name: str, step: str, lie: Callable[[Sample, dict[str, bytes]], Any]
) -> None:
    files = sample.files()
    lie(sample, files)
    report = audit(sample, files)
    assert [problem.step for problem in report.problems] == [step], name


def test_checkpoint_inside_a_batch(sample: Sample) -> None:
    inside = sample.members[1] + 1
    report = audit(sample, sample.files(inside))
    assert [p.step for p in report.problems] == ["batch"]
    assert audit(sample, sample.files(sample.members[0] - 1)).verified
    assert not audit(sample, sample.files(sample.members[0])).verified
    assert audit(sample, sample.files(sample.members[-1] + 1)).verified


def test_one_byte_of_a_bundle(sample: Sample) -> None:
    files = sample.files()
    raw = files["tile/entries/000.p/15"]
    files["tile/entries/000.p/15"] = flip(len(raw) - 1)(raw)
    steps = [problem.step for problem in audit(sample, files).problems]
    assert steps == ["tile", "signature", "root"]


def test_a_key_of_small_order_is_not_saved_by_its_signature() -> None:
    """With key and R the identity and S = 0, the library alone verifies any message."""
    log = Sample()
    weak = SMALL_ORDER["identity"]
    actor = Signer(b"w" * 16, log.clinic.key)
    log.enrol("weak", id=actor.id, public=weak)
    log.add(RECORD, log.person, actor, kid=kid(weak), signature=weak + bytes(32))
    assert [p.step for p in audit(log).problems] == ["key", "key"]


def test_unreadable_member_is_reported_once(sample: Sample) -> None:
    batch_then({"raw": lambda p, raw: raw[:-1] if p == 1 else raw})(sample)
    assert [p.step for p in audit(sample).problems] == ["leaf", "batch"]


def test_problems_are_capped(sample: Sample) -> None:
    for _ in range(600):
        sample.put(b"")
    report = audit(sample)
    assert len(report.problems) == 20
    assert report.capped
    assert any("too many" in item for item in report.not_checked)


def test_levels_and_widths(keys: list[VerifierKey]) -> None:
    """Sizes around the edges of tiles; a full tile stands in for a partial one that is gone."""
    log = Sample()
    while len(log.leaves) < 520:
        log.add(RECORD, log.person, log.clinic)
    whole = log.files(512) | log.files()
    for size in (255, 256, 257, 511, 512, 513, 520):
        assert audit(log, log.files(size)).verified, size
    files = {path: raw for path, raw in whole.items() if "000.p" not in path} | {
        "checkpoint": log.checkpoint(200)
    }
    assert audit(log, files).verified
    files = log.files()
    files["tile/1/000.p/2"] = flip(40)(files["tile/1/000.p/2"])
    assert [(p.step, p.index) for p in audit(log, files).problems] == [("tile", 256)]


def test_fully_specified_statement_only(sample: Sample) -> None:
    """An ML-DSA-44 statement has its layout, but no such key can be registered yet."""
    item = sample.claim(RECORD, sample.person, sample.clinic.id)
    signed = statement(sample.clinic.key, item, header={1: -48}, signature=bytes(2420))
    seq, prev, prev_index, received = sample.place(sample.person, {})
    sample.put(leaf(seq, prev, prev_index, received, signed))
    assert [p.step for p in audit(sample).problems] == ["key"]
