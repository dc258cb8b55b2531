"""Whatever comes in, a resource is admitted or refused by BadRequest, with message and hint."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.fhir import codes, validate

OBSERVATION = (
    b'{"resourceType":"Observation","id":"x","status":"final","code":{"text":"x"},'
    b'"subject":{"reference":"Patient/1"},"valueQuantity":{"value":1.5}}'
)


def taken_or_refused(raw: bytes) -> None:
    try:
        validate(raw)
    except BadRequest as error:
        refusal = error
    else:
        return
    assert refusal.message
    assert refusal.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KINDS = ["Observation", "Patient", "Encounter", "Bundle", "Binary", "Basic", "Composition"]
VALID = st.sampled_from([{"text": "x"}, {"reference": "Patient/1"}, "final", True, 1, [{}]])


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_any_shape_is_taken_or_refused(kind: str, data: st.DataObject) -> None:
    names = ["contained", "extension", "_status", "id", "code", *codes.table().types[kind]]
    elements = data.draw(st.dictionaries(st.sampled_from(names), JSON | VALID))
    taken_or_refused(json.dumps({"resourceType": kind, **elements}).encode())


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_byte_changed_is_taken_or_refused(data: st.DataObject) -> None:
    raw = bytearray(OBSERVATION)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    taken_or_refused(bytes(raw))
