"""Checkpoints: the vectors, both ways of signing, required keys, cosignatures, random bytes."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.wire.checkpoint import (
    Checkpoint,
    Ed25519CosignatureVerifier,
    MlDsaSigner,
    MlDsaVerifier,
    checkpoint_verifier,
    cosignature_time,
    open_checkpoint,
    parse_checkpoint,
    sign_provisional,
    sign_published,
)
from ledger.wire.ids import MAX_INTEGER, Hash, TreeSize
from ledger.wire.note import Ed25519Signer, Ed25519Verifier, VerifierKey, sign_note
from tests.vectors.tree_keys import (
    CHECKPOINT,
    LOG,
    LOG_ML_DSA,
    ORIGIN,
    STRANGER,
    TIME,
    WITNESS_VKEY,
    cosignature,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "checkpoint.json").read_text())
KEYS = {label: checkpoint_verifier(vkey) for label, vkey in VECTORS["vkeys"].items()}
ED25519, ML_DSA, WITNESS = KEYS["ed25519"], KEYS["ml-dsa-44"], KEYS["witness"]
NOTES = {case["name"]: b64decode(case["note"]) for case in VECTORS["cases"]}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_checkpoint_vectors(case: dict[str, Any]) -> None:
    note = b64decode(case["note"])
    required = [KEYS[label] for label in case["required"]]
    if case["valid"]:
        opened = open_checkpoint(note, VECTORS["origin"], required)
        assert opened.checkpoint.text() == note[: note.index(b"\n\n") + 1]
        assert opened.provisional == ("ml-dsa-44" not in case["required"])
        assert len(opened.signatures) == len(required)
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            open_checkpoint(note, VECTORS["origin"], required)


def test_provisional_then_published() -> None:
    provisional = sign_provisional(CHECKPOINT, LOG)
    assert provisional == NOTES["provisional"] == sign_note(CHECKPOINT.text(), [LOG])
    published = sign_published(CHECKPOINT, LOG, LOG_ML_DSA, TIME)
    assert published.startswith(provisional)
    opened = open_checkpoint(published, ORIGIN, [ED25519, ML_DSA])
    assert (opened.checkpoint, opened.note, opened.provisional) == (CHECKPOINT, published, False)
    assert cosignature_time(opened.signatures[1]) == TIME


def test_a_known_key_may_be_missing_but_not_bad() -> None:
    assert open_checkpoint(NOTES["provisional"], ORIGIN, [ED25519], [ML_DSA]).provisional
    assert not open_checkpoint(NOTES["published"], ORIGIN, [ED25519], [ML_DSA]).provisional
    with pytest.raises(BadEvidence):
        open_checkpoint(NOTES["ml-dsa-bit-flipped"], ORIGIN, [ED25519], [ML_DSA])


def test_a_witness_s_ml_dsa_line_publishes_nothing() -> None:
    witness = MlDsaSigner("witness.example.org/w2", LOG_ML_DSA.key)
    note = sign_provisional(CHECKPOINT, LOG) + witness.line(CHECKPOINT, TIME)
    opened = open_checkpoint(note, ORIGIN, [ED25519, MlDsaVerifier(witness.vkey)])
    assert opened.provisional


def test_the_ml_dsa_line_binds_the_cosigner_s_name() -> None:
    other = MlDsaSigner("witness.example.org/w2", LOG_ML_DSA.key)
    line = LOG_ML_DSA.line(CHECKPOINT, TIME)
    blob = b64decode(line.rsplit(b" ", 1)[1])[4:]
    assert MlDsaVerifier(LOG_ML_DSA.vkey).verify(CHECKPOINT.text(), blob)
    assert not MlDsaVerifier(other.vkey).verify(CHECKPOINT.text(), blob)


def test_ed25519_cosignature_time() -> None:
    opened = open_checkpoint(NOTES["witnessed"], ORIGIN, [ED25519, WITNESS])
    assert cosignature_time(opened.signatures[1]) == TIME
    late = sign_provisional(CHECKPOINT, LOG) + cosignature(CHECKPOINT.text(), MAX_INTEGER + 1)
    with pytest.raises(BadEvidence):
        open_checkpoint(late, ORIGIN, [ED25519, WITNESS])


def test_some_key_is_required() -> None:
    with pytest.raises(BadRequest):
        open_checkpoint(NOTES["published"], ORIGIN, [], [ED25519])


def test_a_key_signs_for_its_own_log_only() -> None:
    with pytest.raises(BadRequest):
        sign_provisional(CHECKPOINT, STRANGER)
    with pytest.raises(BadRequest):
        sign_published(CHECKPOINT, LOG, MlDsaSigner("another", LOG_ML_DSA.key), TIME)


@pytest.mark.parametrize("time", [-1, MAX_INTEGER + 1])
def test_times_outside_the_format(time: int) -> None:
    with pytest.raises(BadRequest):
        sign_published(CHECKPOINT, LOG, LOG_ML_DSA, time)


def test_names_fit_their_length_byte() -> None:
    text = Checkpoint("o" * 256, TreeSize(0), CHECKPOINT.root).text()
    with pytest.raises(BadRequest):
        parse_checkpoint(text)
    with pytest.raises(BadRequest):
        MlDsaSigner("o" * 256, LOG_ML_DSA.key)


def test_each_verifier_takes_its_own_type() -> None:
    with pytest.raises(BadRequest):
        Ed25519Verifier(WITNESS_VKEY)
    with pytest.raises(BadRequest):
        Ed25519CosignatureVerifier(LOG.vkey)
    with pytest.raises(BadRequest):
        MlDsaVerifier(LOG.vkey)
    with pytest.raises(BadRequest):
        checkpoint_verifier(str(VerifierKey("a", 0x05, bytes(32))))


def test_private_keys_are_not_shown() -> None:
    assert "Private" not in repr(LOG) + repr(LOG_ML_DSA)
    assert isinstance(LOG, Ed25519Signer)


@given(st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(data: bytes) -> None:
    for text in (data, ORIGIN.encode() + b"\n" + data, ORIGIN.encode() + b"\n5\n" + data):
        with pytest.raises((BadRequest, BadEvidence)):
            parse_checkpoint(text)


@given(st.integers(1, MAX_INTEGER), st.binary(min_size=32, max_size=32))
@settings(deadline=None)
def test_text_and_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, TreeSize(size), Hash(root))
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@given(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_mutated_checkpoints_are_refused(at: int, put: bytes, cut: int) -> None:
    good = NOTES["published"]
    at %= len(good)
    changed = good[:at] + put + good[at + cut :]
    if changed == good:
        return
    with pytest.raises((BadRequest, BadEvidence)):
        open_checkpoint(changed, ORIGIN, [ED25519, ML_DSA])
