"""Sealed blobs: vectors made from the specification alone, round trips, tampering, limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.wire import cbor
from ledger.wire.claim import MAX_BLOB
from ledger.wire.ids import ChainId, EntryId, Hash
from ledger.wire.sealed import (
    MAX_CONTENT,
    MAX_HEADER,
    MIN_BLOB,
    associated_data,
    commits_to,
    padme,
    seal,
    unseal,
)
from tests.agreement.mutations import nearly
from tests.vectors.entries_sealed import Recipe, padded

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "sealed-blob.json").read_text())
CASES = {case["name"]: case for case in VECTORS["cases"]}
PLACE = bytes.fromhex(CASES["record"]["place"])
BLOB = bytes.fromhex(CASES["record"]["blob"])
KEY = bytes.fromhex(CASES["record"]["key"])
HEADER: dict[str, cbor.Value] = {"type": "text/plain"}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    blob, key, place = (bytes.fromhex(case[part]) for part in ("blob", "key", "place"))
    if not case["valid"]:
        with pytest.raises((BadRequest, BadEvidence)):
            unseal(blob, key, place)
        return
    opened = unseal(blob, key, place)
    assert opened.content.hex() == case["content"]
    assert cbor.encode(cast("cbor.Value", opened.header)).hex() == case["header"]
    assert commits_to(blob, key)


def test_who_is_to_blame() -> None:
    """False evidence is told from bytes that never were a blob."""
    for name in ("key-another", "place-another-entry", "tag-bit-flipped"):
        case = CASES[name]
        with pytest.raises(BadEvidence):
            unseal(*(bytes.fromhex(case[part]) for part in ("blob", "key", "place")))
    with pytest.raises(BadRequest):
        unseal(b"", KEY, PLACE)


@pytest.mark.parametrize("case", VECTORS["padme"], ids=lambda case: str(case["length"]))
def test_padme_vectors(case: dict[str, int]) -> None:
    assert padme(case["length"]) == case["padded"]


def test_padme() -> None:
    for length in [*range(3000), *range(65_000, 66_000)]:
        size = padme(length)
        assert size == padded(length)
        assert size >= length
        assert padme(size) == size
        assert length < 2 or (size - length) / length <= 0.12


def test_padme_values_of_the_paper() -> None:
    """Nikitin et al., section 4.3: L = 9 has two bits of mantissa, and so on."""
    assert [padme(length) for length in (0, 1, 2, 3, 4, 5, 8, 9, 10, 11)] == [
        *(0, 1, 2, 3, 4, 5, 8),
        *(10, 10, 12),
    ]


@given(
    st.binary(max_size=600),
    st.dictionaries(st.sampled_from(["purpose", "n", "name"]), st.integers(0, 9) | st.just("x")),
    st.binary(min_size=64, max_size=64),
)
@settings(max_examples=100, deadline=None)
def test_round_trip(content: bytes, more: dict[str, Any], place: bytes) -> None:
    header: dict[str, cbor.Value] = {"type": "text/plain", **more}
    sealed = seal(content, header, place)
    opened = unseal(sealed.blob, sealed.key, place)
    assert (opened.content, opened.header, opened.media_type) == (content, header, "text/plain")
    assert commits_to(sealed.blob, sealed.key)
    # Only zeros were added, and as many as Padmé says.
    plain = len(sealed.blob) - 45 - 16
    assert plain == padme(4 + len(cbor.encode(header)) + 8 + len(content))


def test_fresh_keys_and_nonces() -> None:
    one, other = (seal(b"x", HEADER, PLACE) for _ in range(2))
    assert one.key != other.key
    assert one.blob[1:45] != other.blob[1:45]
    assert len(one.key) == 32


def test_place_is_log_chain_entry() -> None:
    log, chain, entry = Hash(PLACE[:32]), ChainId(PLACE[32:48]), EntryId(PLACE[48:])
    assert associated_data(log, chain, entry) == PLACE


def test_no_bit_can_be_changed() -> None:
    for at in range(len(BLOB)):
        changed = BLOB[:at] + bytes([BLOB[at] ^ 1 << at % 8]) + BLOB[at + 1 :]
        with pytest.raises((BadRequest, BadEvidence)):
            unseal(changed, KEY, PLACE)
    for end in range(len(BLOB)):
        with pytest.raises((BadRequest, BadEvidence)):
            unseal(BLOB[:end], KEY, PLACE)


@given(nearly([BLOB]))
@settings(max_examples=200, deadline=None)
def test_fuzz_blob(data: bytes) -> None:
    if data != BLOB:
        with pytest.raises((BadRequest, BadEvidence)):
            unseal(data, KEY, PLACE)


@given(nearly([Recipe(b"content").text(), Recipe(b"", b"\xa1\x64type\x61a").text()]))
@settings(max_examples=300, deadline=None)
def test_fuzz_plain_text(text: bytes) -> None:
    """Whoever holds the key may seal anything: it is refused, or has the one right form."""
    recipe = Recipe(b"")
    blob = _sealed(recipe, text)
    try:
        opened = unseal(blob, recipe.key, recipe.place)
    except BadRequest:
        return
    header = cbor.encode(cast("cbor.Value", opened.header))
    assert Recipe(opened.content, header).text() == text


def _sealed(recipe: Recipe, text: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from tests.vectors.entries_sealed import derive

    encryption, commitment = derive(recipe.key)
    sealed = AESGCM(encryption).encrypt(recipe.nonce, text, recipe.place)
    return b"\x01" + commitment + recipe.nonce + sealed


def test_largest_content() -> None:
    header = {"note": "x" * (MAX_HEADER - 30), "type": "text/plain"}
    while len(cbor.encode(header)) < MAX_HEADER:
        header["note"] += "x"
    assert len(cbor.encode(header)) == MAX_HEADER
    sealed = seal(bytes(MAX_CONTENT), {**header}, PLACE)
    assert len(sealed.blob) <= MAX_BLOB
    assert len(unseal(sealed.blob, sealed.key, PLACE).content) == 16 * 1024 * 1024
    with pytest.raises(BadRequest):
        seal(bytes(MAX_CONTENT + 1), HEADER, PLACE)
    with pytest.raises(BadRequest):
        seal(b"", {"note": header["note"] + "x", "type": "text/plain"}, PLACE)


def test_content_over_the_limit_is_not_opened() -> None:
    recipe = Recipe(bytes(MAX_CONTENT + 1))
    with pytest.raises(BadRequest):
        unseal(recipe.blob(), recipe.key, recipe.place)


BAD_HEADERS: dict[str, Any] = {
    "no-type": {},
    "type-of-bytes": {"type": b"a/b"},
    "type-integer": {"type": 1},
    "integer-key": {"type": "a/b", 1: 2},
    "boolean": {"type": "a/b", "x": True},
    "over-65535-bytes": {"type": "a/b", "x": "x" * 70_000},
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_headers_that_are_not_sealed(header: dict[str, cbor.Value]) -> None:
    with pytest.raises(BadRequest):
        seal(b"", header, PLACE)


def test_smallest_blob() -> None:
    assert MIN_BLOB == 73
    assert not commits_to(BLOB, bytes(32))
