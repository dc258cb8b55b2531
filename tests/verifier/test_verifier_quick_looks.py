"""The quick looks at members and statements take nothing that the long way would not take."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.audits import audit
from tests.verifier.formats import ACCESS, LINK, OPEN, RECORD, ZERO, Signer, ed25519_key, sha256
from tests.verifier.logmaker import Log, Memory, Sample
from verifier.audit import Options, audit_log
from verifier.audit.fastmembers import FastMembers
from verifier.audit.faststatements import NOT_TAKEN, FastStatements
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport

LOG = Sample()
SINGLE = [LOG.add(kind, LOG.person, LOG.clinic) for kind in (RECORD, ACCESS, LINK)]
LOG.open("somebody", LOG.clinic)
SINGLE.append(len(LOG.leaves) - 1)
FIRST, *_ = LOG.batch(LOG.clinic, [LOG.person, LOG.other, LOG.person, LOG.directory])
LATER = [FIRST + 1, FIRST + 2, FIRST + 3]
KEYS = policy_of_keys(parse_verifier_key(text) for text in LOG.vkeys)


def with_leaf(index: int, raw: bytes) -> Log:
    twin = object.__new__(Sample)
    twin.__dict__.update(LOG.__dict__)
    twin.leaves, twin.hashes = list(LOG.leaves), list(LOG.hashes)
    twin.leaves[index] = raw
    twin.hashes[index] = sha256(b"\x00" + raw)
    return twin


def slowly(log: Log, monkeypatch: pytest.MonkeyPatch) -> LogReport:
    with monkeypatch.context() as patch:
        patch.setattr(FastMembers, "take", lambda self, index, raw: False)
        patch.setattr(FastStatements, "take", lambda self, index, raw, last_ms: NOT_TAKEN)
        return audit(log)


def test_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other tests would show nothing. A chain that belongs to somebody is left out."""
    taken: list[int] = []
    take = FastMembers.take

    def noted(self: FastMembers, index: int, raw: bytes) -> bool:
        done = take(self, index, raw)
        taken.extend([index] * done)
        return done

    monkeypatch.setattr(FastMembers, "take", noted)
    statement = FastStatements.take

    def noted_too(self: FastStatements, index: int, raw: bytes, last_ms: int) -> int:
        done = statement(self, index, raw, last_ms)
        taken.extend([index] * (done != NOT_TAKEN))
        return done

    monkeypatch.setattr(FastStatements, "take", noted_too)
    assert audit(LOG).verified
    assert set(SINGLE) <= set(taken)
    assert set(LATER[:2]) <= set(taken)
    assert LATER[2] not in taken


@pytest.mark.parametrize("index", [*LATER, *SINGLE])
def test_every_bit(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of each byte: both say the same, and both say *false*."""
    raw = LOG.leaves[index]
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
        log = with_leaf(index, changed)
        quick = audit(log)
        # A batch speaks for its members' headers; of a lone entry the log writes when it came.
        assert not quick.verified or (index in SINGLE and 49 <= at < 57), at
        if at % 5 == 0:
            assert quick.problems == slowly(log, monkeypatch).problems, at


STATEMENT = ">BQ32sQQ46s32s5s32s3s32s3sBB32s16s16s16sQ32sQQ32s2s64s"
FIELDS = ">BQ32sQQQIBB32s16s16s16sQ32sQQ32s"
MOST = {"B": 2**8 - 1, "I": 2**32 - 1, "Q": 2**64 - 1}
NUMBERS = st.sampled_from([0, 1, 2, 5, 12, 2**31, 2**52, 2**53 - 1, 2**53, 2**63])


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    index=st.sampled_from(LATER),
    field=st.integers(0, 17),
)
def test_edges_of_fields(data: st.DataObject, index: int, field: int) -> None:
    edges(data, index, field, FIELDS)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), index=st.sampled_from(SINGLE), field=st.integers(0, 24))
def test_edges_of_statements(data: st.DataObject, index: int, field: int) -> None:
    edges(data, index, field, STATEMENT)


@pytest.mark.parametrize("index", SINGLE)
def test_edges_that_their_author_signed(index: int) -> None:
    """Claims at the edges of every rule, signed as they are."""
    edits: list[dict[str, object]] = [
        {"entry_id": LOG.entry_id(at=LOG.now + 1000 + delta)}
        for delta in (300_000, 300_001, -2_592_000_000, -2_592_000_001)
    ]
    edits += [{"authored": LOG.now + 1000 + delta} for delta in (300_000, 300_001)]
    edits += [{"expires": LOG.now + 1000 + delta} for delta in (0, -1)]
    edits += [{"size": 17_825_792}, {"size": 17_825_793}, {"size": 0}, {"blob": ZERO}]
    edits += [{"version": 2}, {"amended": b"x" * 32}, {"log": ZERO}, {"expires": 2**53}]
    edits += [{"received": LOG.now - 1}, {"received": 2**53}, {"kid": b"k" * 32}]
    kind = LOG.leaves[index][212 - 1]
    for edit in edits:
        log = with_leaf(0, LOG.leaves[0])
        log.heads = dict(LOG.heads)
        now = log.now
        chain = b"n" * 16 if kind == OPEN else LOG.person
        log.add(kind, chain, LOG.clinic, **edit)
        log.now = now
        with pytest.MonkeyPatch.context() as monkeypatch:
            assert audit(log).problems == slowly(log, monkeypatch).problems, edit


def edges(data: st.DataObject, index: int, field: int, layout: str) -> None:
    """One field of a leaf at the edge of what it may be."""
    values = list(struct.unpack(layout, LOG.leaves[index]))
    old = values[field]
    if isinstance(old, bytes):
        fixed = [ZERO[: len(old)], b"\xff" * len(old), old[::-1]]
        values[field] = data.draw(st.sampled_from(fixed) | st.binary(
            min_size=len(old), max_size=len(old)))  # fmt: skip
    else:
        near = [old - 1, old + 1, old + 300_000, old + 300_001, max(0, old - 2_592_000_001)]
        number = max(0, data.draw(NUMBERS | st.sampled_from(near)))
        values[field] = min(number, MOST[re.findall(r"[A-Za-z]", layout)[field]])
    log = with_leaf(index, struct.pack(layout, *values))
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert audit(log).problems == slowly(log, monkeypatch).problems


@pytest.mark.parametrize("role", ["device", "practitioner"])
def test_who_may_write_only_one_record(role: str) -> None:
    """Members go to chains of their own: a device's must all be its record."""
    log = Sample()
    fields = {"record": log.person} if role == "device" else {}
    device = log.enrol("device", role, fields=fields, by=log.clinic)
    log.batch(device, [log.person, log.person, log.person])
    assert audit(log).verified
    log.batch(device, [log.person, log.other, log.person])
    found = [(one.step, one.index) for one in audit(log).problems]
    assert found == ([("role", len(log.leaves) - 2)] if role == "device" else [])


def test_members_by_a_stranger() -> None:
    log = Sample()
    stranger = Signer(b"n" * 16, ed25519_key("stranger"))
    log.batch(stranger, [log.person, log.other], chain=b"s" * 16)
    report = audit_log(Memory(log.files()), KEYS, options=Options(cores=1))
    assert {one.step for one in report.problems} == {"key", "chain"}
