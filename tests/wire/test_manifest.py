"""Manifests and chunks: round trips at every boundary, and everything that may be exchanged."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest
from ledger.wire import cbor
from ledger.wire.manifest import (
    MAX_SIZE,
    MIN_CHUNK,
    TAG,
    Manifest,
    chunk_count,
    open_chunk,
    seal_chunk,
    texts,
)
from ledger.wire.sealed import padme
from tests.vectors.files import stored as load

PLACE = bytes(range(64))
KEY = b"k" * 32
CHUNK = MIN_CHUNK


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 700))


def sealed(content: bytes, key: bytes = KEY, place: bytes = PLACE) -> tuple[Manifest, list[bytes]]:
    chunks = [
        seal_chunk(key, place, number, last, text)
        for number, (text, _, last) in enumerate(texts(io.BytesIO(content), CHUNK))
    ]
    hashes = b"".join(sha256(chunk).digest() for chunk in chunks)
    return Manifest(len(content), "a/b", hashes, CHUNK), chunks


def opened(manifest: Manifest, chunks: list[bytes], place: bytes = PLACE) -> bytes:
    manifest = Manifest.decode(manifest.encode())
    return b"".join(
        open_chunk(manifest, KEY, place, number, chunks[number]) for number in range(manifest.count)
    )


SIZES = [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3000, 4096, 10_000, 65_536, 65_537, 100_000]


VECTORS = load("large-payload.json")


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_vectors(case: dict[str, Any]) -> None:
    key, place = (bytes.fromhex(VECTORS[name]) for name in ("key", "place"))
    chunks = [bytes.fromhex(chunk) for chunk in case["chunks"]]

    def opening() -> bytes:
        manifest = Manifest.decode(bytes.fromhex(case["manifest"]))
        padded = chunks + [b""] * (manifest.count - len(chunks))
        return b"".join(
            open_chunk(manifest, key, place, number, padded[number])
            for number in range(manifest.count)
        )

    if case["valid"]:
        assert opening() == bytes.fromhex(case["content"])
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            opening()


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    content = os.urandom(size)
    manifest, chunks = sealed(content)
    assert manifest.count == len(chunks) == chunk_count(size, CHUNK)
    assert sum(len(chunk) - TAG for chunk in chunks) == padme(size)
    assert {len(chunk) for chunk in chunks[:-1]} <= {CHUNK + TAG}
    assert opened(manifest, chunks) == content


@given(st.binary(max_size=9000))
@settings(max_examples=50, deadline=None)
def test_a_pipe_gives_the_same_chunks(content: bytes) -> None:
    source = Pipe(content)
    assert list(texts(source, CHUNK)) == list(texts(io.BytesIO(content), CHUNK))  # type: ignore[arg-type]


def test_chunks_reordered_dropped_cut_or_of_another_entry_are_caught() -> None:
    content = os.urandom(5 * CHUNK)
    manifest, chunks = sealed(content)
    foreign = sealed(content, place=bytes(64))[1]
    other_key = sealed(content, key=b"o" * 32)[1]
    wrong = [
        [chunks[1], chunks[0], *chunks[2:]],
        [*chunks[1:], chunks[0]],
        [chunks[0][:-1], *chunks[1:]],
        [b"", *chunks[1:]],
        [foreign[0], *chunks[1:]],
        [other_key[0], *chunks[1:]],
    ]
    for one in wrong:
        with pytest.raises(BadEvidence, match="hash of a chunk"):
            opened(manifest, one)
        # Even a manifest that names them does not make them open.
        hashes = b"".join(sha256(chunk).digest() for chunk in one)
        with pytest.raises(BadEvidence, match=r"authentication tag|length"):
            opened(replace(manifest, hashes=hashes), one)


def test_a_payload_cut_at_a_chunk_is_caught_though_its_manifest_says_so() -> None:
    """The end is authenticated, not only counted."""
    manifest, chunks = sealed(os.urandom(4 * CHUNK))
    shorter = Manifest(2 * CHUNK, "a/b", manifest.hashes[:64], CHUNK)
    with pytest.raises(BadEvidence, match="authentication tag"):
        opened(shorter, chunks[:2])


def test_padding_that_hides_something_is_refused() -> None:
    manifest, chunks = sealed(os.urandom(3000) + b"x")
    with pytest.raises(BadEvidence, match="padding"):
        opened(replace(manifest, size=3000), chunks)


@pytest.mark.parametrize(
    "fields",
    [
        {"chunk": CHUNK, "hashes": bytes(32), "size": 1},
        {"chunk": CHUNK, "hashes": bytes(32), "size": 1, "type": b"a/b"},
        {"chunk": CHUNK, "hashes": bytes(32), "size": 1, "type": "a/b", "x": 1},
        {"chunk": CHUNK, "hashes": bytes(31), "size": 1, "type": "a/b"},
        {"chunk": CHUNK, "hashes": bytes(64), "size": 1, "type": "a/b"},
        {"chunk": CHUNK, "hashes": b"", "size": 0, "type": "a/b"},
        {"chunk": CHUNK - 1, "hashes": bytes(32), "size": 1, "type": "a/b"},
        {"chunk": CHUNK // 2, "hashes": bytes(32), "size": 1, "type": "a/b"},
        {"chunk": 1 << 25, "hashes": bytes(32), "size": 1, "type": "a/b"},
        {"chunk": 0, "hashes": bytes(32), "size": 1, "type": "a/b"},
        {"chunk": CHUNK, "hashes": bytes(32), "size": -1, "type": "a/b"},
        {"chunk": 1 << 24, "hashes": bytes(32 << 16), "size": MAX_SIZE + 1, "type": "a/b"},
    ],
)
def test_a_manifest_has_one_form(fields: dict[str, cbor.Value]) -> None:
    with pytest.raises(BadRequest):
        Manifest.decode(cbor.encode(fields, 1 << 24))


def test_the_largest_payload_has_a_manifest() -> None:
    manifest = Manifest(MAX_SIZE, "a/b", bytes(32 << 18))
    assert Manifest.decode(manifest.encode()) == manifest
