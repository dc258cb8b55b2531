"""Every byte of an evidence file, changed: never verified, unless nobody signed the byte."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier import heads
from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, prove
from tests.verifier.evidenceworld import check, policy, seal
from tests.verifier.formats import ACCESS, RECORD, sha256
from tests.verifier.logmaker import Log
from verifier.errors import NotVerified
from verifier.evidence.container import parse_evidence
from verifier.formats import keys, note
from verifier.formats.ed25519 import check_public_key
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import Policy, policy_of_keys

PARTS = 8
CHAIN, NOTE_AT = set(range(25, 41)), 54
"""Where the claim names the chain: in an absence, the same rows show that others are absent."""
UNKNOWN = Cosigner("unknown.example.org")


def small(what: int, sealed: bool = False) -> tuple[Log, bytes]:
    """A log with one organisation and one record, and a file about the record."""
    log = Log("small")
    log.genesis()
    clinic = log.enrol("clinic")
    person = log.open("person", clinic)
    entry_id = log.entry_id(1)
    blob = seal(log.id + person + entry_id, b"content")
    at = log.add(RECORD, person, clinic, entry_id=entry_id, blob=sha256(blob), size=len(blob))
    log.add(ACCESS, person, clinic)
    log.batch(clinic, [person, person])
    heads.add_epoch(log)
    chain = bytes(16) if what == ABSENCE else person
    file = prove([log], what, chain, at if what == ENTRY else 0)
    if sealed:
        file.disclosure = b"\x01" + bytes(range(32)) + len(blob).to_bytes(4, "big") + blob
    return log, file.render()


FILES = {
    "entry": small(ENTRY, sealed=True),
    "history": small(HISTORY),
    "absence": small(ABSENCE),
}


@pytest.fixture(autouse=True)
def _keys_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys, thousands of times."""
    for module in (keys, note):
        monkeypatch.setattr(module, "check_public_key", known_key)


@lru_cache
def known_key(raw: bytes) -> None:
    check_public_key(raw)


def mutations(raw: bytes, part: int) -> Iterator[tuple[int, bytes]]:
    """One bit of each byte, which one depends on where it stands; in eight parts."""
    for at in range(part, len(raw), PARTS):
        changed = bytearray(raw)
        changed[at] ^= 1 << (at * 5 + at // 8) % 8
        yield at, bytes(changed)


def survivors(raw: bytes, believed: Policy, part: int) -> list[int]:
    return [at for at, changed in mutations(raw, part) if check(changed, believed).verified]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_byte_counts(name: str, part: int) -> None:
    log, raw = FILES[name]
    assert check(raw, policy(log)).verified
    left = survivors(raw, policy(log), part)
    assert set(left) <= (CHAIN if name == "absence" else set())


@pytest.mark.parametrize("part", range(PARTS))
def test_the_bytes_that_nobody_signed(part: int) -> None:
    """With a cosigner's line that the policy does not name: its name, key id and signature, as long
    as the line has its form. Nothing else.
    """
    log, raw = FILES["history"]
    line = UNKNOWN.line("e", log.origin, len(log.leaves), log.root())
    there = NOTE_AT + int.from_bytes(raw[NOTE_AT - 4 : NOTE_AT], "big")
    length = (there - NOTE_AT + len(line)).to_bytes(4, "big")
    longer = raw[: NOTE_AT - 4] + length + raw[NOTE_AT:there] + line + raw[there:]
    assert check(longer, policy(log)).verified
    left = survivors(longer, policy(log), part)
    assert left
    assert set(left) <= set(range(there, there + len(line)))


def test_a_key_that_is_not_pinned_protects_nothing() -> None:
    """With the Ed25519 key alone the ML-DSA line may say anything, in its form."""
    log, raw = FILES["history"]
    alone = policy_of_keys([parse_verifier_key(log.keys.ed_vkey)])
    start = raw.index(b"\xe2\x80\x94 ", raw.index(b"\xe2\x80\x94 ") + 1)
    end = raw.index(b"\n", start)
    left = survivors(raw, alone, 0)
    assert left
    assert set(left) <= set(range(start, end))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_cut_and_joined_is_refused_in_words(data: st.DataObject) -> None:
    """Pieces of true files, bytes repeated, left out and set: an answer, and never verified."""
    log, raw = FILES[data.draw(st.sampled_from(sorted(FILES)))]
    other = FILES[data.draw(st.sampled_from(sorted(FILES)))][1]
    start, end = sorted(data.draw(st.integers(0, len(raw))) for _ in range(2))
    middle = data.draw(
        st.one_of(
            st.binary(max_size=8),
            st.just(other[start:end]),
            st.just(raw[start:end] * 2),
            st.sampled_from([b"\xff" * 4, b"\xff" * 8, bytes(4), b"\0\0\0\1"]),
        )
    )
    changed = raw[:start] + middle + raw[end:]
    if check(changed, policy(log)).verified:
        assert unnamed(changed) in {unnamed(file) for _, file in FILES.values()}


def unnamed(file: bytes) -> bytes:
    """Without the chain, where the file says that there is none."""
    return file[:25] + bytes(16) + file[41:] if file[24:25] == b"\x03" else file


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for file in (raw, b"counterfoil/evidence/v1\n" + raw):
        with pytest.raises(NotVerified):
            parse_evidence(file)
