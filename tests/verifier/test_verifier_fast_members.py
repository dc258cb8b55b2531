"""The quick look at members of a batch takes nothing that the long way would not take."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.audits import audit
from tests.verifier.formats import ZERO, Signer, ed25519_key, sha256
from tests.verifier.logmaker import Log, Memory, Sample
from verifier.audit import Options, audit_log
from verifier.audit.fastmembers import FastMembers
from verifier.logreport import LogReport
from verifier.note import parse_verifier_key
from verifier.policy import policy_of_keys

LOG = Sample()
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
        return audit(log)


def test_members_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other tests would show nothing. A chain that belongs to somebody is left out."""
    taken: list[int] = []
    take = FastMembers.take

    def noted(self: FastMembers, index: int, raw: bytes) -> bool:
        done = take(self, index, raw)
        taken.extend([index] * done)
        return done

    monkeypatch.setattr(FastMembers, "take", noted)
    assert audit(LOG).verified
    assert set(LATER[:2]) <= set(taken)
    assert LATER[2] not in taken


@pytest.mark.parametrize("index", LATER)
def test_every_bit_of_a_member(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of each byte: both say the same, and both say *false*."""
    raw = LOG.leaves[index]
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
        log = with_leaf(index, changed)
        quick = audit(log)
        assert not quick.verified, at
        if at % 5 == 0:
            assert quick.problems == slowly(log, monkeypatch).problems, at


FIELDS = ">BQ32sQQQIBB32s16s16s16sQ32sQQ32s"
NUMBERS = st.sampled_from([0, 1, 2, 5, 12, 2**31, 2**52, 2**53 - 1, 2**53, 2**63])


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    index=st.sampled_from(LATER),
    field=st.integers(0, 17),
)
def test_edges_of_fields(data: st.DataObject, index: int, field: int) -> None:
    values = list(struct.unpack(FIELDS, LOG.leaves[index]))
    old = values[field]
    if isinstance(old, bytes):
        fixed = [ZERO[: len(old)], b"\xff" * len(old), old[::-1]]
        values[field] = data.draw(st.sampled_from(fixed) | st.binary(
            min_size=len(old), max_size=len(old)))  # fmt: skip
    else:
        near = [old - 1, old + 1, old + 300_000, old + 300_001, max(0, old - 2_592_000_001)]
        most = {"B": 255, "I": 2**32 - 1}.get(dict(enumerate("BQ?QQQIBB????Q?QQ?"))[field], 2**64)
        number = data.draw(NUMBERS | st.sampled_from(near))
        values[field] = min(max(number, 0), most - 1)
    log = with_leaf(index, struct.pack(FIELDS, *values))
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
