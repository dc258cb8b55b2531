"""Statements: the vectors, COSE as others read it, and that no byte of one can be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.claim import CLAIM_SIZE, MAX_CLAIM, Claim
from ledger.wire.keys import ED25519, ML_DSA_44, load_ed25519, verifies
from ledger.wire.statement import (
    Statement,
    parse_statement,
    slice_claim,
    slice_kid,
    to_be_signed,
)
from tests.agreement.mutations import nearly, round_trip
from tests.vectors.entries_world import CLINIC

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS = json.loads((FOLDER / "statement.json").read_text())
CASES = {case["name"]: case for case in VECTORS["cases"]}
KEY = load_ed25519(bytes.fromhex(VECTORS["key"]))
GOOD = [bytes.fromhex(case["statement"]) for case in CASES.values() if case["signature"]]
RECORD = bytes.fromhex(CASES["record"]["statement"])
ML_DSA = bytes.fromhex(VECTORS["ml_dsa_44"]["statement"])
CLAIM_AT = 4 + 146 + 1 + 2
"""In a statement of Ed25519 over 170 bytes."""


def again(data: bytes) -> bytes:
    return parse_statement(data).encode()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["statement"])
    if not case["valid"]:
        with pytest.raises(BadRequest):
            parse_statement(data)
        return
    statement = parse_statement(data)
    assert statement.encode() == data
    assert slice_claim(data) == statement.claim
    assert slice_kid(data) == statement.kid
    assert statement.signed == to_be_signed(statement.alg, statement.kid, statement.claim)
    assert verifies(KEY, statement.signature, statement.signed) is case["signature"]


def test_what_is_signed() -> None:
    statement = parse_statement(RECORD)
    assert statement.signed.hex() == VECTORS["signed"]["record"]
    assert (statement.alg, statement.kid.hex()) == (ED25519, VECTORS["kid"])


def test_ml_dsa_44() -> None:
    vector = VECTORS["ml_dsa_44"]
    statement = parse_statement(ML_DSA)
    assert again(ML_DSA) == ML_DSA
    assert (statement.alg, statement.kid.hex()) == (ML_DSA_44, vector["kid"])
    assert statement.signed.hex() == vector["signed"]
    assert len(statement.signature) == 2420
    key = MLDSA44PublicKey.from_public_bytes(bytes.fromhex(vector["key"]))
    key.verify(statement.signature, statement.signed)


@pytest.mark.parametrize("data", [*GOOD, ML_DSA], ids=len)
def test_another_cose_reader_agrees(data: bytes) -> None:
    """Taken apart by cbor2: COSE_Sign1, SCITT's header fields, RFC 9052's Sig_structure."""
    tagged = cbor2.loads(data)
    assert tagged.tag == 18
    protected, unprotected, payload, signature = tagged.value
    statement = parse_statement(data)
    assert (unprotected, payload, signature) == ({}, statement.claim, statement.signature)
    author, chain = payload[50:66], payload[34:50]
    assert cbor2.loads(protected) == {
        1: statement.alg,
        3: "application/vnd.counterfoil.claim",
        4: statement.kid,
        15: {1: author.hex(), 2: chain.hex()},
    }
    assert cbor2.dumps(["Signature1", protected, b"", payload]) == statement.signed
    assert cbor.encode(cbor2.loads(protected)) == protected


EXAMPLES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((FOLDER / "thirdparty" / "cose").rglob("*.json"))
}
COSE_SIGN1 = {name: one for name, one in EXAMPLES.items() if "sign0" in one["input"]}


@pytest.mark.parametrize("example", COSE_SIGN1.values(), ids=COSE_SIGN1)
def test_third_party_to_be_signed_bytes(example: dict[str, Any]) -> None:
    """Our Sig_structure is put together of the same pieces as COSE's examples."""
    expected = bytes.fromhex(example["intermediates"]["ToBeSign_hex"])
    context, protected, external, payload = cbor2.loads(expected)
    assert context == "Signature1"
    built = b"\x84" + b"".join(
        cbor.encode(item) for item in ("Signature1", protected, external, payload)
    )
    assert built == expected
    if external:
        return
    ours = parse_statement(RECORD)
    prefix, middle = expected.split(cbor.encode(protected))[0], b"\x40"
    assert ours.signed.startswith(prefix)
    assert ours.signed.endswith(middle + cbor.head(2, CLAIM_SIZE) + ours.claim)


def test_third_party_eddsa_signatures() -> None:
    """One of the EdDSA examples is of Ed25519; the other is of Ed448."""
    count = 0
    for example in COSE_SIGN1.values():
        key = example["input"]["sign0"]["key"]
        if key.get("crv") != "Ed25519":
            continue
        signature = cbor2.loads(bytes.fromhex(example["output"]["cbor"])).value[3]
        signed = bytes.fromhex(example["intermediates"]["ToBeSign_hex"])
        assert verifies(load_ed25519(bytes.fromhex(key["x_hex"])), signature, signed)
        count += 1
    assert count == 1


def is_free(at: int) -> bool:
    """Whether any value may stand at this byte of RECORD, as far as parsing goes."""
    in_kid = 46 <= at < 78
    in_claim = CLAIM_AT <= at < CLAIM_AT + CLAIM_SIZE
    named_above = CLAIM_AT + 34 <= at < CLAIM_AT + 66
    return in_kid or (in_claim and not named_above) or at >= len(RECORD) - 64


def test_every_other_byte_is_fixed() -> None:
    for at in range(len(RECORD)):
        if is_free(at):
            continue
        for value in range(256):
            changed = RECORD[:at] + bytes([value]) + RECORD[at + 1 :]
            if changed != RECORD:
                with pytest.raises(BadRequest):
                    parse_statement(changed)


@pytest.mark.parametrize("part", range(4))
def test_no_bit_can_be_changed_under_the_signature(part: int) -> None:
    original = parse_statement(RECORD)
    free = [at for at in range(len(RECORD)) if is_free(at)]
    for at in free[part::4]:
        for bit in range(8):
            changed = RECORD[:at] + bytes([RECORD[at] ^ 1 << bit]) + RECORD[at + 1 :]
            statement = parse_statement(changed)
            assert not verifies(KEY, statement.signature, statement.signed)
            assert statement != original


@given(nearly([*GOOD, ML_DSA]))
@settings(max_examples=500, deadline=None)
def test_fuzz(data: bytes) -> None:
    round_trip(data, again)


@given(st.integers(CLAIM_SIZE, MAX_CLAIM) | st.sampled_from([170, 171, 255, 256, 257, MAX_CLAIM]))
@settings(max_examples=50, deadline=None)
def test_claims_of_every_length(size: int) -> None:
    claim = parse_statement(RECORD).claim + bytes(size - CLAIM_SIZE)
    data = CLINIC.key.sign_bytes(claim)
    statement = parse_statement(data)
    assert statement.claim == claim
    assert statement.encode() == data
    assert verifies(KEY, statement.signature, statement.signed)


def test_a_claim_over_the_limit() -> None:
    claim = parse_statement(RECORD).claim
    with pytest.raises(BadRequest):
        parse_statement(CLINIC.key.sign_bytes(claim + bytes(MAX_CLAIM - CLAIM_SIZE + 1)))


def test_signing() -> None:
    claim = Claim.decode(parse_statement(RECORD).claim)
    assert CLINIC.key.sign(claim) == RECORD
    assert isinstance(parse_statement(RECORD), Statement)
