"""The login challenge: its vectors, its bounds, and which keys answer it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import BadRequest
from ledger.wire.ids import MAX_INTEGER, Hash
from ledger.wire.keys import ML_DSA_44
from ledger.wire.login_challenge import login_message, login_verifies
from ledger.wire.login_keys import ES384, RS384
from tests.vectors.entries_login import ES384_PUBLIC, RS384_PUBLIC

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "login.json").read_text())
LOG, NONCE = Hash(b"l" * 32), b"n" * 32
SERVICE = "https://records.example.org"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    log, nonce = Hash(bytes.fromhex(case["log"])), bytes.fromhex(case["nonce"])
    message = login_message(log, nonce, case["expiry"], case["service"])
    assert message.hex() == case["signed"]
    key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["signature"])
    assert login_verifies(case["alg"], key, signature, message) is case["valid"]


def test_ml_dsa_44() -> None:
    key = MLDSA44PrivateKey.generate()
    raw, message = key.public_key().public_bytes_raw(), login_message(LOG, NONCE, 1, SERVICE)
    assert login_verifies(ML_DSA_44, raw, key.sign(message), message)
    assert not login_verifies(ML_DSA_44, raw, key.sign(message), message + b"x")


@pytest.mark.parametrize(("alg", "raw"), [(ES384, ES384_PUBLIC), (RS384, RS384_PUBLIC)])
def test_keys_for_tokens_answer_no_challenge(alg: int, raw: bytes) -> None:
    assert not login_verifies(alg, raw, b"s" * 96, login_message(LOG, NONCE, 1, SERVICE))


@pytest.mark.parametrize(
    ("log", "nonce", "expiry", "service"),
    [
        (LOG[:31], NONCE, 1, SERVICE),
        (LOG, NONCE + b"n", 1, SERVICE),
        (LOG, b"", 1, SERVICE),
        (LOG, NONCE, -1, SERVICE),
        (LOG, NONCE, MAX_INTEGER + 1, SERVICE),
        (LOG, NONCE, 1, ""),
        (LOG, NONCE, 1, "https://" + "x" * 248),
        (LOG, NONCE, 1, "https://récords.example.org"),
        (LOG, NONCE, 1, "https://records.example.org/ x"),
        (LOG, NONCE, 1, "https://records.example.org\n"),
    ],
)
def test_bounds(log: Hash, nonce: bytes, expiry: int, service: str) -> None:
    with pytest.raises(BadRequest):
        login_message(log, nonce, expiry, service)
