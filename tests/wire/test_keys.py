"""Author keys: the vectors, wycheproof, and what a key outside the subgroup would allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import BadRequest
from ledger.wire.keys import key_id, load_ed25519, raw_public, verifies

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS = json.loads((FOLDER / "keys.json").read_text())
IDS = json.loads((FOLDER / "ids.json").read_text())
WYCHEPROOF = json.loads((FOLDER / "thirdparty" / "wycheproof" / "ed25519_test.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_keys(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["key"])
    if case["valid"]:
        assert load_ed25519(raw).public_bytes_raw() == raw
    else:
        with pytest.raises(BadRequest):
            load_ed25519(raw)


@pytest.mark.parametrize("case", IDS["kids"], ids=lambda case: str(case["alg"]))
def test_key_ids(case: dict[str, Any]) -> None:
    assert key_id(case["alg"], bytes.fromhex(case["key"])).hex() == case["kid"]


def test_wycheproof() -> None:
    count = 0
    for group in WYCHEPROOF["testGroups"]:
        key = load_ed25519(bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            good = verifies(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert good is (case["result"] == "valid"), case["tcId"]
            count += 1
    assert count == WYCHEPROOF["numberOfTests"] == 151


def test_why_small_order_is_refused() -> None:
    """With the identity as key, R = identity and S = 0, every message verifies."""
    identity = (1).to_bytes(32, "little")
    key = Ed25519PublicKey.from_public_bytes(identity)
    assert verifies(key, identity + bytes(32), b"any message at all")
    with pytest.raises(BadRequest):
        load_ed25519(identity)


def test_fresh_keys_are_taken() -> None:
    for _ in range(5):
        key = Ed25519PrivateKey.generate()
        loaded = load_ed25519(raw_public(key))
        assert verifies(loaded, key.sign(b"m"), b"m")
        assert not verifies(loaded, key.sign(b"m"), b"n")


@pytest.mark.parametrize("length", [0, 63, 65])
def test_signatures_of_a_wrong_length(length: int) -> None:
    key = load_ed25519(bytes.fromhex(VECTORS["cases"][0]["key"]))
    assert not verifies(key, bytes(length), b"m")
