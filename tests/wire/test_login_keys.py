"""Login keys: the vectors, fresh keys in and out, and what is no login key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384

from ledger.errors import BadRequest
from ledger.identity import NewKey
from ledger.wire.keys import ED25519, ML_DSA_44, check_key
from ledger.wire.login_keys import (
    ALGORITHM_NAMES,
    ES384,
    RS384,
    check_login_key,
    encode_login_key,
    load_login_key,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "keys.json").read_text())
ALGORITHMS = {"es384": ES384, "rs384": RS384}
CASES = [(alg, case) for name, alg in ALGORITHMS.items() for case in VECTORS[name]]


@pytest.mark.parametrize(("alg", "case"), CASES, ids=lambda item: str(item)[:40])
def test_vectors(alg: int, case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["key"])
    if case["valid"]:
        assert encode_login_key(load_login_key(alg, raw)) == (alg, raw)
    else:
        with pytest.raises(BadRequest):
            check_login_key(alg, raw)
        with pytest.raises(BadRequest):
            load_login_key(alg, raw)


@pytest.mark.parametrize("alg", [ES384, RS384])
def test_they_sign_nothing_in_a_log(alg: int) -> None:
    good = next(bytes.fromhex(case["key"]) for one, case in CASES if one == alg and case["valid"])
    with pytest.raises(BadRequest):
        check_key(alg, good)
    NewKey.of_fields({"alg": alg, "key": good, "use": "login"})
    for use in ("statement", "cosign", "custodian"):
        with pytest.raises(BadRequest):
            NewKey.of_fields({"alg": alg, "key": good, "use": use})


def test_fresh_es384_keys_verify_when_loaded() -> None:
    for _ in range(20):
        key = ec.generate_private_key(ec.SECP384R1())
        loaded = load_login_key(*encode_login_key(key.public_key()))
        assert isinstance(loaded, ec.EllipticCurvePublicKey)
        loaded.verify(key.sign(b"m", ec.ECDSA(SHA384())), b"m", ec.ECDSA(SHA384()))


@pytest.mark.parametrize("bits", [2048, 3072])
def test_fresh_rs384_keys_verify_when_loaded(bits: int) -> None:
    key = rsa.generate_private_key(65_537, bits)
    alg, raw = encode_login_key(key.public_key())
    assert (alg, len(raw)) == (RS384, bits // 8)
    loaded = load_login_key(alg, raw)
    assert isinstance(loaded, rsa.RSAPublicKey)
    loaded.verify(key.sign(b"m", padding.PKCS1v15(), SHA384()), b"m", padding.PKCS1v15(), SHA384())


def test_the_keys_that_sign_statements_log_in_too() -> None:
    one = ed25519.Ed25519PrivateKey.generate().public_key()
    other = mldsa.MLDSA44PrivateKey.generate().public_key()
    for key, alg in ((one, ED25519), (other, ML_DSA_44)):
        found, raw = encode_login_key(key)
        assert found == alg
        assert raw == key.public_bytes_raw()
        assert encode_login_key(load_login_key(alg, raw)) == (alg, raw)


def other_kinds() -> list[object]:
    return [
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        rsa.generate_private_key(65_537, 1024).public_key(),
        rsa.generate_private_key(3, 2048).public_key(),
        mldsa.MLDSA65PrivateKey.generate().public_key(),
        b"key",
    ]


def test_other_kinds_are_refused() -> None:
    for key in other_kinds():
        with pytest.raises(BadRequest):
            encode_login_key(key)


@pytest.mark.parametrize("alg", [-7, -8, -36, -257, -259, -49, 0, 5])
def test_other_algorithms_are_unknown(alg: int) -> None:
    with pytest.raises(BadRequest):
        check_login_key(alg, bytes(32))


def test_every_algorithm_has_a_name() -> None:
    assert set(ALGORITHM_NAMES) == {ED25519, ML_DSA_44, ES384, RS384}
