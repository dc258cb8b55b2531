"""Our own vectors (tests/vectors/merkle.json), and that the generator still makes all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadEvidence, BadRequest
from ledger.merkle import (
    Frontier,
    check_consistency,
    check_inclusion,
    check_multi,
    leaf_hash,
)
from tests.vectors import generate_tree

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "merkle.json").read_text())


def name(case: dict[str, Any]) -> str:
    return str(case["name"])


def hashes(case: dict[str, Any], field: str) -> list[bytes]:
    return [bytes.fromhex(value) for value in case[field]]


def test_the_generator_makes_these_files() -> None:
    assert generate_tree.main(["--check"]) == 0


@pytest.mark.parametrize("case", VECTORS["roots"], ids=lambda case: str(case["size"]))
def test_roots(case: dict[str, Any]) -> None:
    frontier = Frontier()
    frontier.extend([leaf_hash(b"leaf %d" % index) for index in range(case["size"])])
    assert frontier.root().hex() == case["root"]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=name)
def test_inclusion(case: dict[str, Any]) -> None:
    leaf, root = bytes.fromhex(case["leaf_hash"]), bytes.fromhex(case["root"])
    proof = hashes(case, "proof")
    if case["valid"]:
        check_inclusion(case["index"], leaf, case["size"], proof, root)
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            check_inclusion(case["index"], leaf, case["size"], proof, root)


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=name)
def test_consistency(case: dict[str, Any]) -> None:
    old, new = bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])
    sizes, proof = (case["old_size"], case["new_size"]), hashes(case, "proof")
    if case["valid"]:
        check_consistency(sizes[0], old, sizes[1], new, proof)
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            check_consistency(sizes[0], old, sizes[1], new, proof)


@pytest.mark.parametrize("case", VECTORS["multi"], ids=name)
def test_multi(case: dict[str, Any]) -> None:
    leaves, proof = hashes(case, "leaf_hashes"), hashes(case, "proof")
    root = bytes.fromhex(case["root"])
    if case["valid"]:
        check_multi(case["indexes"], leaves, case["size"], proof, root)
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            check_multi(case["indexes"], leaves, case["size"], proof, root)
