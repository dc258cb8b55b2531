"""Signing keys: both algorithms, keys that are kept elsewhere, and signers that fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import BadRequest, LedgerFault
from ledger.wire.claim import Claim
from ledger.wire.keys import ED25519, ML_DSA_44, key_id, load_ed25519, verifies
from ledger.wire.statement import StatementKey, parse_statement
from tests.vectors.entries_world import AUTHOR_ML_DSA, CLINIC

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "statement.json").read_text())
RECORD = next(bytes.fromhex(c["statement"]) for c in VECTORS["cases"] if c["name"] == "record")
CLAIM = parse_statement(RECORD).claim


@dataclass(frozen=True)
class Elsewhere:
    """A signer of somebody else's making."""

    alg: int
    public_key: bytes
    sign: Callable[[bytes], bytes]


def test_ed25519_gives_the_vector() -> None:
    key = StatementKey.of(CLINIC.private)
    assert (key.alg, key.public_key, key.kid.hex()) == (ED25519, CLINIC.public, VECTORS["kid"])
    assert key.sign(Claim.decode(CLAIM)) == key.sign_bytes(CLAIM) == RECORD


def test_ml_dsa_differs_from_the_vector_in_its_signature_only() -> None:
    vector = VECTORS["ml_dsa_44"]
    key = StatementKey.of(AUTHOR_ML_DSA)
    assert (key.alg, key.public_key.hex()) == (ML_DSA_44, vector["key"])
    assert key.kid.hex() == vector["kid"]
    made, stored = key.sign_bytes(CLAIM), bytes.fromhex(vector["statement"])
    assert made[:-2420] == stored[:-2420]
    assert made[-2420:] != stored[-2420:]
    parsed = parse_statement(made)
    assert parsed.signed.hex() == vector["signed"]
    public = MLDSA44PublicKey.from_public_bytes(key.public_key)
    public.verify(parsed.signature, parsed.signed)


def test_a_key_that_is_kept_elsewhere() -> None:
    signer = Elsewhere(ED25519, CLINIC.public, CLINIC.private.sign)
    key = StatementKey.of(signer)
    assert key.kid == key_id(ED25519, CLINIC.public)
    assert key.signer is signer
    assert key.sign_bytes(CLAIM) == RECORD


def test_a_bare_signature() -> None:
    signature = StatementKey.of(CLINIC.private).sign_raw(b"approved")
    assert verifies(load_ed25519(CLINIC.public), signature, b"approved")
    ours = StatementKey.of(AUTHOR_ML_DSA).sign_raw(b"approved")
    AUTHOR_ML_DSA.public_key().verify(ours, b"approved")


@pytest.mark.parametrize("answer", [b"", bytes(63), bytes(65), bytes(2420)], ids=len)
def test_a_signer_that_gives_no_signature(answer: bytes) -> None:
    key = StatementKey.of(Elsewhere(ED25519, CLINIC.public, lambda _: answer))
    with pytest.raises(LedgerFault):
        key.sign_bytes(CLAIM)


def test_another_algorithm() -> None:
    with pytest.raises(BadRequest):
        StatementKey.of(Elsewhere(-8, CLINIC.public, CLINIC.private.sign))


def test_a_key_does_not_show_its_private_part() -> None:
    assert "signer" not in repr(StatementKey.of(CLINIC.private))
