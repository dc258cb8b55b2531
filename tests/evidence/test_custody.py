"""What a custodian signs and what it does not: notes, staleness, epochs, keys; and its line on the
published checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.custody.audited import Audited, Source
from ledger.custody.cosign import EPOCH_LEAVES, EPOCH_MS, cosign
from ledger.custody.cosigners import Cosigner, cosigner
from ledger.custody.keys import make_custodian, read_cosigning
from ledger.custody.notes import Notes, open_notes, opened
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault
from ledger.identity import NewKey, Revoke
from ledger.keyfiles import PrivateKey, Unlock, load_key
from ledger.log import Log
from ledger.wire.checkpoint import Checkpoint, checkpoint_verifier
from ledger.wire.ids import ChainId, Hash, TreeSize
from ledger.wire.keys import ED25519, ML_DSA_44
from ledger.wire.note import Ed25519Signer, open_note, parse_note
from tests.log.sample import STRANGER_KEY
from verifier.formats.checkpoint import open_under
from verifier.formats.policy import parse_policy

NAME = "custodian.example.org"
NOW = 1_767_225_600
KEYS = pytest.mark.parametrize("private", [STRANGER_KEY, MLDSA44PrivateKey.generate()])


def at(size: int, root: int = 0, origin: str = "example.org/log") -> Checkpoint:
    return Checkpoint(origin, TreeSize(size), Hash(bytes([root or size % 251] * 32)))


class Shown(Source):
    """A log in order, whose registry has the key; with changes."""

    def __init__(self, checkpoint: Checkpoint, signer: Cosigner, **changes: object) -> None:
        super().__init__("log", "policy")
        found = Audited(
            checkpoint,
            published(checkpoint),
            newest_ms=NOW * 1000,
            epoch_upto=checkpoint.size,
            epoch_ms=NOW * 1000,
            custodians=frozenset({signer.vkey.public_key}),
            signed=frozenset(),
        )
        object.__setattr__(self, "found", replace(found, **changes))  # type: ignore[arg-type]

    def audit(self) -> Audited:
        found: Audited = vars(self)["found"]
        return found

    def check_continues(self, before: bytes, audited: Audited) -> None:
        assert opened(before).size <= audited.checkpoint.size


class Forked(Shown):
    """It does not continue what it showed before."""

    def check_continues(self, before: bytes, audited: Audited) -> None:
        raise BadEvidence("the log is false")


def published(checkpoint: Checkpoint) -> bytes:
    """As the log publishes it."""
    signer = Ed25519Signer(checkpoint.origin, STRANGER_KEY)
    return checkpoint.text() + b"\n" + signer.line(checkpoint.text())


@pytest.fixture
def signer() -> Cosigner:
    return cosigner(NAME, STRANGER_KEY)


@pytest.fixture
def notes(tmp_path: Path, signer: Cosigner) -> Iterator[Notes]:
    with open_notes(tmp_path / "notes", signer.vkey) as opened:
        yield opened


@KEYS
def test_a_line_that_verifies(tmp_path: Path, private: PrivateKey) -> None:
    signer = cosigner(NAME, private)
    with open_notes(tmp_path / "notes", signer.vkey) as notes:
        _, note = cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    line = open_note(note, [checkpoint_verifier(str(signer.vkey))])
    assert line.text == at(9).text()
    assert [one.name for one in line.signatures] == [NAME]


def test_what_was_signed_is_written_down_first(
    tmp_path: Path, signer: Cosigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends while it writes has signed nothing; one that ends behind that knows."""
    directory = tmp_path / "notes"

    def refuse(*_: object) -> None:
        raise OSError("the disk is gone")

    with open_notes(directory, signer.vkey) as notes, monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        patch.setattr(type(signer), "line", lambda *_: pytest.fail("signed before it was noted"))
        with pytest.raises(OSError, match="gone"):
            cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    with open_notes(directory, signer.vkey) as notes:
        assert notes.newest("example.org/log") is None
    with open_notes(directory, signer.vkey) as notes, monkeypatch.context() as patch:
        patch.setattr(type(signer), "line", refuse)
        with pytest.raises(OSError, match="gone"):
            cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    with open_notes(directory, signer.vkey) as notes:
        assert notes.newest("example.org/log") == published(at(9))


def test_two_roots_for_one_size(notes: Notes, signer: Cosigner) -> None:
    cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    cosign(Shown(at(9), signer), signer, notes, NOW + 1)
    with pytest.raises(BadEvidence, match="root at size 9"):
        cosign(Shown(at(9, root=7), signer), signer, notes, NOW)
    with pytest.raises(BadRequest, match="signed 9 entries, and the log shows 8"):
        cosign(Shown(at(8), signer), signer, notes, NOW)
    assert notes.newest("example.org/log") == published(at(9))


def test_the_notes_refuse_a_contradiction_by_themselves(notes: Notes) -> None:
    notes.write(published(at(9)))
    for other in (at(9, root=7), at(8)):
        with pytest.raises(BadRequest, match="know a signature on 9"):
            notes.write(published(other))
    notes.write(published(at(5, origin="example.org/other")))
    assert notes.newest("example.org/log") == published(at(9))


def test_a_log_that_was_forked(notes: Notes, signer: Cosigner) -> None:
    cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    with pytest.raises(BadEvidence, match="false"):
        cosign(Forked(at(12), signer), signer, notes, NOW)
    assert notes.newest("example.org/log") == published(at(9))


def test_stale_notes(notes: Notes, signer: Cosigner) -> None:
    """Its own line on a larger checkpoint than the notes know."""
    cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    stale = Shown(at(12), signer, signed=frozenset({NAME}))
    with pytest.raises(BadRequest, match="signed 12 entries already, and the notes know of 9"):
        cosign(stale, signer, notes, NOW)
    cosign(Shown(at(12), signer), signer, notes, NOW)
    cosign(stale, signer, notes, NOW)


def test_lost_notes(notes: Notes, signer: Cosigner) -> None:
    with pytest.raises(BadRequest, match="know nothing of this log"):
        cosign(Shown(at(9), signer), signer, notes, NOW)
    signed = Shown(at(9), signer, signed=frozenset({NAME}))
    with pytest.raises(BadRequest, match="the notes know of 0"):
        cosign(signed, signer, notes, NOW, begin=True)
    cosign(Shown(at(9), signer), signer, notes, NOW, begin=True)
    with pytest.raises(BadRequest, match="know this log already"):
        cosign(Shown(at(10), signer), signer, notes, NOW, begin=True)


@pytest.mark.parametrize(("behind", "age_ms", "signs"), [
    (0, 0, True),
    (EPOCH_LEAVES, 10 * EPOCH_MS, True),
    (EPOCH_LEAVES + 1, EPOCH_MS - 1, True),
    (EPOCH_LEAVES + 1, EPOCH_MS, False),
])  # fmt: skip
def test_how_far_an_epoch_may_be_behind(
    notes: Notes, signer: Cosigner, behind: int, age_ms: int, signs: bool
) -> None:
    found = Shown(at(50_000), signer, epoch_upto=50_000 - behind, epoch_ms=NOW * 1000 - age_ms)
    if signs:
        cosign(found, signer, notes, NOW, begin=True)
        return
    with pytest.raises(BadRequest, match="leaves out the last 8193 entries"):
        cosign(found, signer, notes, NOW, begin=True)
    assert notes.newest("example.org/log") is None


def test_a_key_that_is_not_registered(notes: Notes, signer: Cosigner) -> None:
    with pytest.raises(BadRequest, match="not registered this key"):
        cosign(Shown(at(9), signer, custodians=frozenset()), signer, notes, NOW, begin=True)


def test_notes_are_for_one_key_and_one_process(tmp_path: Path, signer: Cosigner) -> None:
    directory = tmp_path / "notes"
    with open_notes(directory, signer.vkey) as notes:
        notes.write(published(at(9)))
        with (
            pytest.raises(LedgerFault, match="another process"),
            open_notes(directory, signer.vkey),
        ):
            pass
    other = cosigner("other.example.org", STRANGER_KEY)
    with pytest.raises(BadRequest, match="another key"), open_notes(directory, other.vkey):
        pass
    document = json.loads((directory / "signed.json").read_text())
    document["logs"]["example.org/other"] = document["logs"]["example.org/log"]
    (directory / "signed.json").write_text(json.dumps(document))
    with pytest.raises(LedgerFault, match="cannot be read"), open_notes(directory, signer.vkey):
        pass


# On the published checkpoint


class Custodian:
    """Enrolled in the sample's log."""

    def __init__(self, log: Log, place: Path) -> None:
        self.log = log
        self.cosigning = make_custodian(place / "custodian", NAME)
        statement = NewKey(_public(place / "custodian" / "statement.ed25519"))
        keys = [statement, *(one.key for one in self.cosigning)]
        self.actor, _ = log.enrol("Custodian", "custodian", keys)
        self.signer = cosigner(NAME, load_key(place / "custodian" / "custodian.ed25519", Unlock()))
        self.published = log.publish()

    def note(self, signer: Cosigner | None = None) -> bytes:
        signer = signer or self.signer
        text = parse_note(self.published).text
        return text + b"\n" + signer.line(self.log.reader.checkpoint, NOW)


def _public(path: Path) -> bytes:
    key = load_key(path, Unlock())
    assert isinstance(key, Ed25519PrivateKey)
    return key.public_key().public_bytes_raw()


@pytest.fixture
def custodian(log: Log, tmp_path: Path) -> Custodian:
    return Custodian(log, tmp_path)


def test_a_line_is_kept_with_the_checkpoint(custodian: Custodian) -> None:
    log = custodian.log
    cosigned = log.add_cosignatures([custodian.note()])
    assert cosigned.startswith(custodian.published)
    assert log.reader.store.published() == log.reader.store.cosigned() == cosigned
    keys = log.reader.registry.genesis.checkpoint_keys
    lines = [f"log {key}\n" for key in keys] + [f"{one.line()}\n" for one in custodian.cosigning]
    under = open_under(cosigned, parse_policy("".join(lines).encode()))
    assert [one.name for one in under.custodians] == [NAME]
    # Publishing again what is published already takes nothing away.
    assert log.publish() == cosigned
    # The same line again replaces itself.
    assert log.add_cosignatures([custodian.note(), custodian.note()]).count(NAME.encode()) == 1


def test_the_cosigned_checkpoint_outlives_a_newer_one(custodian: Custodian) -> None:
    log = custodian.log
    cosigned = log.add_cosignatures([custodian.note()])
    log.enrol("Another", "organisation", [NewKey(_other())])
    newer = log.publish()
    assert log.reader.store.published() == newer != cosigned
    assert log.reader.store.cosigned() == cosigned


def test_a_second_custodian_may_be_slower(custodian: Custodian, tmp_path: Path) -> None:
    """The checkpoint that the first one signed still takes lines when a newer one is published."""
    log = custodian.log
    key = load_key(tmp_path / "custodian" / "cosign.ed25519", Unlock())
    slow = custodian.note(cosigner(f"{NAME}/witness", key))
    cosigned = log.add_cosignatures([custodian.note()])
    log.enrol("Another", "organisation", [NewKey(_other())])
    newer = log.publish()
    both = log.add_cosignatures([slow])
    assert both.startswith(cosigned)
    assert (log.reader.store.published(), log.reader.store.cosigned()) == (newer, both)


def test_two_lines_of_one_key(custodian: Custodian) -> None:
    twice = custodian.note() + custodian.note().rsplit(b"\n\n")[1]
    _refused(custodian, twice, BadRequest, "two lines of one key")


def test_a_witness_is_no_custodian(custodian: Custodian, tmp_path: Path) -> None:
    log = custodian.log
    key = load_key(tmp_path / "custodian" / "cosign.ed25519", Unlock())
    witness = cosigner(f"{NAME}/witness", key)
    witnessed = log.add_cosignatures([custodian.note(witness)])
    assert (log.reader.store.published(), log.reader.store.cosigned()) == (witnessed, None)


def _other() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def _refused(custodian: Custodian, note: bytes, kind: type[CounterfoilError], match: str) -> None:
    store = custodian.log.reader.store
    with pytest.raises(kind, match=match):
        custodian.log.add_cosignatures([note])
    assert (store.published(), store.cosigned()) == (custodian.published, None)


def test_a_key_that_nobody_registered(custodian: Custodian) -> None:
    stranger = cosigner("stranger.example.org", Ed25519PrivateKey.generate())
    _refused(custodian, custodian.note(stranger), BadRequest, "by no key that this log has")


def test_a_line_that_does_not_verify(custodian: Custodian) -> None:
    false = custodian.signer.line(at(custodian.log.reader.checkpoint.size), NOW)
    note = parse_note(custodian.published).text + b"\n" + false
    _refused(custodian, note, BadEvidence, "does not verify")


def test_a_line_on_another_checkpoint(custodian: Custodian) -> None:
    other = at(3)
    note = other.text() + b"\n" + custodian.signer.line(other, NOW)
    _refused(custodian, note, BadRequest, "on another checkpoint")


def test_a_key_that_has_ended(custodian: Custodian) -> None:
    log = custodian.log
    log.change(ChainId(custodian.actor), Revoke(custodian.cosigning[0].key.kid))
    custodian.published = log.publish()
    _refused(custodian, custodian.note(), BadRequest, "not registered at .* or has ended")


def test_keys_as_they_are_handed_over(tmp_path: Path) -> None:
    made = make_custodian(tmp_path / "c", NAME)
    data = (tmp_path / "c" / "cosigning").read_bytes()
    assert read_cosigning(data) == made
    assert [one.line().split("+")[0] for one in made] == [
        f"custodian {NAME}",
        f"witness {NAME}/witness",
    ]
    assert [(one.key.use, one.key.alg) for one in made] == [
        ("custodian", ED25519),
        ("cosign", ED25519),
    ]
    ml_dsa = cosigner(NAME, MLDSA44PrivateKey.generate()).vkey
    (read,) = read_cosigning(f"# mine\n\ncustodian {ml_dsa}\n".encode())
    assert (read.key.alg, read.vkey) == (ML_DSA_44, ml_dsa)
    assert data.startswith(b"custodian c")
    for bad in (
        b"log x\n",
        b"custodian x\n",
        b"\xff",
        data.replace(b"custodian c", b"custodian x"),
    ):
        with pytest.raises(BadRequest):
            read_cosigning(bad)
