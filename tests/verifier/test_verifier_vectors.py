"""Vectors that others made: they show agreement with the outside world."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verifier.errors import NotVerified
from verifier.formats.ed25519 import check_public_key
from verifier.formats.keys import verifies
from verifier.formats.merkle import EMPTY_ROOT, check_consistency, check_inclusion, leaf_hash, root
from verifier.formats.note import parse_note, parse_verifier_key

VECTORS = Path(__file__).parents[1] / "vectors" / "thirdparty"


def load(path: str) -> Any:
    return json.loads((VECTORS / path).read_text())


def test_rfc6962_roots() -> None:
    vectors = load("merkle/rfc6962_basic.json")
    hashes = [leaf_hash(bytes.fromhex(item)) for item in vectors["leaf_inputs_hex"]]
    assert [item.hex() for item in hashes] == vectors["leaf_hashes_hex"]
    roots = next(v for k, v in vectors.items() if "root" in k)
    assert [root(hashes[:size]).hex() for size in range(len(roots))] == roots
    assert EMPTY_ROOT.hex() == roots[0]


def test_inclusion_proofs() -> None:
    cases = sorted((VECTORS / "merkle/testdata/inclusion").rglob("*.json"))
    assert len(cases) == 98
    for path in cases:
        case = json.loads(path.read_text())
        proof = [base64.b64decode(item) for item in case["proof"] or []]
        hashed, expected = (base64.b64decode(case[k] or "") for k in ("leafHash", "root"))
        try:
            check_inclusion(case["leafIdx"], case["treeSize"], hashed, proof, expected)
            accepted = True
        except NotVerified:
            accepted = False
        assert accepted is not case["wantErr"], path.name


def test_consistency_proofs() -> None:
    cases = sorted((VECTORS / "merkle/testdata/consistency").rglob("*.json"))
    assert len(cases) > 90
    for path in cases:
        case = json.loads(path.read_text())
        proof = [base64.b64decode(item) for item in case["proof"] or []]
        first, second = (base64.b64decode(case[k] or "") for k in ("root1", "root2"))
        try:
            check_consistency(case["size1"], first, case["size2"], second, proof)
            accepted = True
        except NotVerified:
            accepted = False
        # Refused here: an empty tree, which no checkpoint shows, and roots of 12 bytes.
        refused = case["wantErr"] or case["size1"] == 0 or len(first) != 32
        assert accepted is not refused, path.name


def test_wycheproof_ed25519() -> None:
    count = 0
    for group in load("wycheproof/ed25519_test.json")["testGroups"]:
        raw = bytes.fromhex(group["publicKey"]["pk"])
        check_public_key(raw)
        key = Ed25519PublicKey.from_public_bytes(raw)
        for case in group["tests"]:
            good = verifies(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert good is (case["result"] == "valid"), case["tcId"]
            count += 1
    assert count == 151


def test_signed_note_example() -> None:
    """The example in the specification of signed notes."""
    key = parse_verifier_key(
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    )
    line = (
        "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3"
        "mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    note = parse_note(f"This is an example message.\n\n{line}".encode())
    assert note.text == "This is an example message.\n"
    (signature,) = note.signatures
    assert (signature.name, signature.key_id) == (key.name, key.key_id)
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(
        signature.signature, note.text.encode()
    )


@pytest.mark.parametrize("scalar", [2, 3, 1000])
def test_multiples_of_the_base_point_are_keys(scalar: int) -> None:
    from verifier.formats import ed25519

    base = ed25519._decompress((4 * pow(5, -1, ed25519.P) % ed25519.P).to_bytes(32, "little"))
    point = base
    for _ in range(scalar - 1):
        point = ed25519._add(point, base)
    raw = encode(point)
    check_public_key(raw)
    # The same point plus one of order 2 is on the curve, but outside the subgroup.
    mixed = encode(ed25519._add(point, (0, ed25519.P - 1, 1, 0)))
    with pytest.raises(NotVerified, match="outside the prime-order subgroup"):
        check_public_key(mixed)


def encode(point: tuple[int, int, int, int]) -> bytes:
    p = 2**255 - 19
    inverse = pow(point[2], -1, p)
    x, y = point[0] * inverse % p, point[1] * inverse % p
    return (y | (x & 1) << 255).to_bytes(32, "little")
