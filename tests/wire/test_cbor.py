"""Deterministic CBOR: the vectors, both directions against each other and against cbor2."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any, cast

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire import cbor
from tests.agreement.mutations import nearly, round_trip

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cbor.json").read_text())
GOOD = [bytes.fromhex(case["cbor"]) for case in VECTORS["cases"] if case["valid"]]
NO_SURROGATES = st.characters(exclude_categories=["Cs"])

INTEGERS = st.integers(-(2**53), 2**53 - 1)
TEXTS = st.text(NO_SURROGATES, max_size=30)
VALUES: st.SearchStrategy[Any] = st.recursive(
    INTEGERS | st.binary(max_size=300) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS | INTEGERS, inner, max_size=4)
    ),
    max_leaves=10,
)


def again(data: bytes) -> bytes:
    return cbor.encode(cast("cbor.Value", cbor.decode(data)))


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, (*value.keys(), *value.values())), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 1


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["cbor"])
    if case["valid"]:
        assert again(data) == data
        assert cbor2.loads(data) == cbor.decode(data)
    else:
        with pytest.raises(BadRequest):
            cbor.decode(data)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_round_trip_and_cbor2(value: Any) -> None:
    """cbor2 reads what we write, and writes it too, but for the order of keys."""
    if depth(value) > cbor.MAX_DEPTH:
        with pytest.raises(BadRequest):
            cbor.encode(value)
        return
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor2.loads(data) == value
    if not _has_map(value):
        assert cbor2.dumps(value) == data


@given(st.dictionaries(TEXTS | INTEGERS, INTEGERS, max_size=6))
@settings(deadline=None)
def test_key_order_is_that_of_the_encodings(value: dict[str | int, int]) -> None:
    """RFC 8949 section 4.2.1; cbor2's canonical form is that of RFC 7049: shorter keys first."""
    keys = sorted(value, key=cbor2.dumps)
    assert list(cast("dict[str | int, int]", cbor.decode(cbor.encode(value)))) == keys  # type: ignore[arg-type]


def _has_map(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_map, value)))


@given(st.binary(max_size=60) | nearly(GOOD))
@settings(max_examples=1000, deadline=None)
def test_fuzz(data: bytes) -> None:
    round_trip(data, again)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_nothing_may_be_cut_off(value: Any) -> None:
    if depth(value) > cbor.MAX_DEPTH:
        return
    data = cbor.encode(value)
    for end in range(len(data)):
        with pytest.raises(BadRequest):
            cbor.decode(data[:end])


def test_size_limit() -> None:
    largest = cbor.encode(bytes(65_535 - 3))
    assert len(largest) == cbor.MAX_BYTES
    assert again(largest) == largest
    with pytest.raises(BadRequest):
        cbor.encode(bytes(65_535 - 2))
    with pytest.raises(BadRequest):
        cbor.decode(b"\x59\xff\xfd" + bytes(65_535 - 2))


def deep(depth: int) -> Any:
    return [] if depth == 1 else [deep(depth - 1)]


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        1.0,
        {1: True},
        2**53,
        -(2**53) - 1,
        {b"k": 1},
        {(1,): 1},
        {True: 1},
        bytearray(b"x"),
        range(3),
        {1, 2},
        "\ud800",
        {"\ud800": 1},
        deep(9),
        [deep(8)],
    ],
    ids=repr,
)
def test_values_outside_the_subset(value: Any) -> None:
    with pytest.raises(BadRequest):
        cbor.encode(value)


def test_values_inside_the_subset() -> None:
    assert cbor.encode((1, [2])) == cbor.encode([1, [2]])
    assert cbor.encode(cast("cbor.Value", UserDict({"a": 1}))) == cbor.encode({"a": 1})
    assert again(cbor.encode(deep(8))) == cbor.encode(deep(8))


def test_named_maps() -> None:
    assert cbor.decode_map(cbor.encode({"a": 1, "b": {2: 3}})) == {"a": 1, "b": {2: 3}}
    for data in (b"\xa1\x01\x02", b"\xa2\x01\x02\x61a\x01", b"\x80", b"\x01", b"\x61a"):
        cbor.decode(data)
        with pytest.raises(BadRequest):
            cbor.decode_map(data)


def test_items_are_counted() -> None:
    """A map is one, and so is each of its keys and values."""
    data = cbor.encode({"a": [1, 2], "b": b""})
    assert cbor.decode(data, items=7) == {"a": [1, 2], "b": b""}
    with pytest.raises(BadRequest, match="more items"):
        cbor.decode(data, items=6)
