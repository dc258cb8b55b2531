"""The cases of transparency-dev/merkle (tests/vectors/thirdparty)."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from ledger.errors import BadEvidence
from ledger.merkle import Frontier, check_consistency, check_inclusion, leaf_hash

VECTORS = Path(__file__).parent.parent / "vectors" / "thirdparty" / "merkle"
INCLUSION = sorted((VECTORS / "testdata" / "inclusion").rglob("*.json"))
CONSISTENCY = sorted((VECTORS / "testdata" / "consistency").rglob("*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def test_all_cases_are_here() -> None:
    assert (len(INCLUSION), len(CONSISTENCY)) == (98, 98)


@pytest.mark.parametrize("path", INCLUSION, ids=name)
def test_inclusion(path: Path) -> None:
    case = json.loads(path.read_text())
    proof = [b64decode(one) for one in case["proof"] or []]
    leaf, root = b64decode(case["leafHash"] or ""), b64decode(case["root"] or "")
    if not case["wantErr"]:
        check_inclusion(case["leafIdx"], leaf, case["treeSize"], proof, root)
        return
    with pytest.raises(BadEvidence):
        check_inclusion(case["leafIdx"], leaf, case["treeSize"], proof, root)


@pytest.mark.parametrize("path", CONSISTENCY, ids=name)
def test_consistency(path: Path) -> None:
    case = json.loads(path.read_text())
    proof = [b64decode(one) for one in case["proof"] or []]
    old, new = b64decode(case["root1"] or ""), b64decode(case["root2"] or "")
    if path.stem == "sizes-are-equal-one-and-proof-is-empty":
        # Its roots are 12 bytes of text, which is no hash here: only the verdict differs.
        assert len(old) != 32
        case["wantErr"] = True
    if not case["wantErr"]:
        check_consistency(case["size1"], old, case["size2"], new, proof)
        return
    with pytest.raises(BadEvidence):
        check_consistency(case["size1"], old, case["size2"], new, proof)


def test_rfc6962_roots() -> None:
    case = json.loads((VECTORS / "rfc6962_basic.json").read_text())
    frontier = Frontier()
    roots = [frontier.root().hex()]
    for leaf, expected in zip(case["leaf_inputs_hex"], case["leaf_hashes_hex"], strict=True):
        assert leaf_hash(bytes.fromhex(leaf)).hex() == expected
        frontier.append(leaf_hash(bytes.fromhex(leaf)))
        roots.append(frontier.root().hex())
    assert roots == case["roots_hex_by_size"]
