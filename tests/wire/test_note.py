"""Signed notes: the vectors, the C2SP example, caps, and random bytes."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.wire.checkpoint import checkpoint_verifier
from ledger.wire.note import (
    MAX_NOTE_SIZE,
    Ed25519Signer,
    Ed25519Verifier,
    open_note,
    parse_note,
    parse_vkey,
    render_note,
    sign_note,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "note.json").read_text())
VERIFIERS = [checkpoint_verifier(vkey) for vkey in VECTORS["vkeys"]]
NOTES = {case["name"]: b64decode(case["note"]) for case in VECTORS["cases"]}
EXAMPLE = NOTES["c2sp-example"]
SIGNER = Ed25519Signer("example.org/a", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def name(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=name)
def test_note_vectors(case: dict[str, Any]) -> None:
    note = b64decode(case["note"])
    if case["valid"]:
        assert open_note(note, VERIFIERS).signatures
        assert render_note(parse_note(note)) == note
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            open_note(note, VERIFIERS)


@pytest.mark.parametrize("case", VECTORS["verifier_keys"], ids=name)
def test_verifier_key_vectors(case: dict[str, Any]) -> None:
    if case["valid"]:
        assert str(checkpoint_verifier(case["vkey"]).vkey) == case["vkey"]
    else:
        with pytest.raises(BadRequest):
            checkpoint_verifier(case["vkey"])


def test_the_c2sp_example() -> None:
    vkey = parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert (vkey.name, vkey.type, vkey.key_id.hex()) == ("example.com/foo", 1, "530d903a")
    opened = open_note(EXAMPLE, [Ed25519Verifier(vkey)])
    assert opened.text == b"This is an example message.\n"
    assert [one.name for one in opened.signatures] == ["example.com/foo"]


def test_who_is_to_blame() -> None:
    """Bytes that are no note are the sender's; a signature that does not verify is evidence."""
    for case in ("signature-bit-flipped", "text-changed", "only-a-foreign-key", "name-changed"):
        with pytest.raises(BadEvidence) as caught:
            open_note(NOTES[case], VERIFIERS)
        assert (caught.value.step, caught.value.expected) != ("", "")
    for case in ("crlf", "101-lines", "foreign-line-of-text", "known-key-twice"):
        with pytest.raises(BadRequest):
            open_note(NOTES[case], VERIFIERS)


def test_only_verified_signatures_are_handed_on() -> None:
    opened = open_note(NOTES["foreign-line-first"], VERIFIERS)
    assert [one.name for one in opened.signatures] == [VERIFIERS[1].vkey.name]
    assert len(parse_note(NOTES["foreign-line-first"]).signatures) == 2


def test_signing_and_opening() -> None:
    note = sign_note(b"text\n", [SIGNER])
    assert note == b"text\n\n" + SIGNER.line(b"text\n")
    assert open_note(note, [Ed25519Verifier(SIGNER.vkey)]).text == b"text\n"


@pytest.mark.parametrize("text", [b"", b"text", b"te\rxt\n", b"te\x80xt\n"])
def test_what_is_no_text_is_not_signed(text: bytes) -> None:
    with pytest.raises(BadRequest):
        sign_note(text, [SIGNER])


@pytest.mark.parametrize("bad", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\ud800b", "a\x1fb"])
def test_what_is_no_name_names_no_key(bad: str) -> None:
    with pytest.raises(BadRequest):
        Ed25519Signer(bad, SIGNER.key)


def test_a_note_has_at_most_1_000_000_bytes() -> None:
    line = SIGNER.line
    text = b"x" * (MAX_NOTE_SIZE - len(line(b"")) - 2) + b"\n"
    largest = text + b"\n" + line(text)
    assert len(largest) == MAX_NOTE_SIZE
    assert open_note(largest, [Ed25519Verifier(SIGNER.vkey)]).text == text
    with pytest.raises(BadRequest):
        open_note(b"x" + largest, [Ed25519Verifier(SIGNER.vkey)])


def test_a_key_is_given_once_and_of_its_type() -> None:
    with pytest.raises(BadRequest):
        open_note(EXAMPLE, [VERIFIERS[0], VERIFIERS[0]])
    with pytest.raises(BadEvidence):
        open_note(EXAMPLE, [])
    with pytest.raises(BadRequest):
        Ed25519Verifier(parse_vkey(VECTORS["verifier_keys"][2]["vkey"]))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((BadRequest, BadEvidence)):
        open_note(data, VERIFIERS)
    with pytest.raises((BadRequest, BadEvidence)):
        open_note(b"text\n\n\xe2\x80\x94 " + data, VERIFIERS)


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_mutated_notes_are_refused(at: int, put: bytes, cut: int) -> None:
    changed = EXAMPLE[:at] + put + EXAMPLE[at + cut :]
    if changed == EXAMPLE:
        return
    with pytest.raises((BadRequest, BadEvidence)):
        open_note(changed, VERIFIERS)


@given(st.text(max_size=120))
@settings(max_examples=200, deadline=None)
def test_random_text_is_no_verifier_key(text: str) -> None:
    with pytest.raises(BadRequest):
        checkpoint_verifier(text)
    with pytest.raises(BadRequest):
        checkpoint_verifier("example.com/foo+530d903a+" + text)
