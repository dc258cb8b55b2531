"""Evidence files and policies: both readers on every vector, and on the same mutated bytes."""

from __future__ import annotations

from base64 import b64decode
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.wire.evidence import encode_evidence
from ledger.wire.evidence_reading import decode_evidence
from tests.agreement.readers import accepted, load
from verifier.evidence.check import check_evidence
from verifier.evidence.container import parse_evidence
from verifier.formats.policy import parse_policy

VECTORS: dict[str, Any] = load("evidence.json")
CASES = VECTORS["cases"]
POLICY = parse_policy(VECTORS["policy"].encode())


@cache
def _files() -> list[bytes]:
    return [b64decode(case["file"]) for case in CASES if case["valid"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_both_read_every_vector_alike(case: dict[str, Any]) -> None:
    data = b64decode(case["file"])
    assert accepted(decode_evidence, data) is case["reads"]
    assert accepted(parse_evidence, data) is case["reads"]
    assert check_evidence(data, POLICY).verified is case["valid"]
    if case["reads"]:
        assert encode_evidence(decode_evidence(data)) == data


@given(st.data())
def test_both_read_mutated_files_alike(draw: st.DataObject) -> None:
    data = bytearray(draw.draw(st.sampled_from(_files())))
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] = draw.draw(st.integers(0, 255))
    cut = draw.draw(st.sampled_from((len(data), len(data) - 1, len(data) // 2)))
    changed = bytes(data[:cut])
    reads = accepted(decode_evidence, changed)
    assert accepted(parse_evidence, changed) is reads
    if reads:
        assert encode_evidence(decode_evidence(changed)) == changed


@given(st.binary(max_size=200))
def test_both_read_any_bytes_alike(rest: bytes) -> None:
    start = _files()[0][:50]
    for data in (rest, start + rest):
        assert accepted(parse_evidence, data) is accepted(decode_evidence, data)


@pytest.mark.parametrize("case", load("policy.json")["cases"], ids=lambda case: str(case["name"]))
def test_the_verifier_reads_every_policy(case: dict[str, Any]) -> None:
    assert accepted(parse_policy, b64decode(case["policy"])) is case["valid"]
