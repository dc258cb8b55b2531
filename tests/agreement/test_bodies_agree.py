"""Erasure bodies and succession files: ledger and verifier take the same bytes.

The seeds are made by the verifier's log maker, which knows neither reader.
"""

from __future__ import annotations

from base64 import b64decode
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings

from ledger.wire.erasure import decode_erasure
from ledger.wire.succession import parse_succession
from tests.agreement.mutations import nearly
from tests.agreement.readers import accepted, load
from tests.verifier.formats import cbor
from tests.verifier.logmaker import Sample
from verifier.formats.erasure import parse_erasure
from verifier.formats.succession import parse_succession_file
from verifier.proof import parse_proof

HASHES = [bytes([number]) * 32 for number in range(1, 4)]
ERASURES = [
    cbor({"op": "order", "scope": "entries", "entries": HASHES}),
    cbor({"op": "order", "scope": "record"}),
    cbor({"op": "attest", "order": HASHES[0]}),
]


def files() -> list[bytes]:
    old = Sample()
    new = old.succeed("two")
    return [new.succession_file(size, old, lines="e") for size in (1, 9, 15)]


FILES = files()


def verifier_file(data: bytes) -> None:
    """The file, and the receipt in it as far as the ledger's reader takes it apart."""
    receipt = parse_proof(parse_succession_file(data).receipt)
    assert receipt.extra is not None


def erasures_agree(data: bytes) -> bool:
    return accepted(decode_erasure, data) == accepted(parse_erasure, data)


def test_seeds() -> None:
    assert all(
        accepted(decode_erasure, data) and accepted(parse_erasure, data) for data in ERASURES
    )
    assert all(accepted(parse_succession, data) and accepted(verifier_file, data) for data in FILES)


BODIES = [
    dict(zip(("op", "scope", "entries", "order"), values, strict=True))
    for values in product(
        ("order", "attest", 1, None),
        ("entries", "record", "all", None),
        (HASHES, HASHES[::-1], [], [b"x"], HASHES[:1] * 2, [1], None),
        (HASHES[0], b"x", None),
    )
]


def test_erasures_with_every_set_of_fields() -> None:
    taken = 0
    for body in BODIES:
        data = cbor({name: value for name, value in body.items() if value is not None})
        assert erasures_agree(data), body
        taken += accepted(parse_erasure, data)
    assert taken == 3


@pytest.mark.parametrize("count", [256, 257])
def test_entries_at_the_limit(count: int) -> None:
    hashes = [number.to_bytes(32, "big") for number in range(count)]
    data = cbor({"op": "order", "scope": "entries", "entries": hashes})
    assert accepted(decode_erasure, data) == accepted(parse_erasure, data) == (count == 256)


@given(nearly(ERASURES))
@settings(max_examples=300, deadline=None)
def test_fuzz_erasures(data: bytes) -> None:
    assert erasures_agree(data)


@given(nearly([data.split(b"\n\n")[0] + b"\n\n" for data in FILES]))
@settings(max_examples=300, deadline=None)
def test_fuzz_succession_files(head: bytes) -> None:
    data = head + FILES[0].split(b"\n\n", 1)[1]
    assert accepted(parse_succession, data) == accepted(verifier_file, data)


@pytest.mark.parametrize("old", [b"0", b"1", b"01", b"+1", b"%d" % (2**53 - 1), b"%d" % 2**53])
def test_sizes(old: bytes) -> None:
    data = FILES[0].replace(b"old 1\n", b"old " + old + b"\n", 1)
    assert accepted(parse_succession, data) == accepted(verifier_file, data)


@pytest.mark.parametrize("case", load("succession.json")["files"], ids=lambda case: case["name"])
def test_vectors_of_succession_files(case: dict[str, Any]) -> None:
    data = b64decode(case["file"])
    both = [accepted(parse_succession, data), accepted(verifier_file, data)]
    assert both == [case["valid"]] * 2
