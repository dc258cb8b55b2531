"""The statement: COSE_Sign1 around a claim, in one fixed layout per algorithm.

    d2 84 | bstr protected | a0 | bstr claim | bstr signature
    protected = {1: alg, 3: "application/vnd.counterfoil.claim", 4: kid (32),
                 15: {1: hex author, 2: hex chain}}
    signed    = 84 6a "Signature1" | bstr protected | 40 | bstr claim

    Ed25519    alg -19 (32)     protected 146 bytes (58 92)   signature   64 bytes (58 40)
    ML-DSA-44  alg -48 (38 2f)  protected 147 bytes (58 93)   signature 2420 bytes (59 09 74)

A reader slices at these offsets, renders the statement again from the fields and compares all
bytes: the strictest check there is, and it needs no CBOR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import CLAIM_BYTES, Claim, parse_claim
from verifier.formats.keys import ED25519, ML_DSA_44

_TAG = b"\xd2\x84"
_CONTENT_TYPE = b"application/vnd.counterfoil.claim"
_ISSUER = b"\x0f\xa2\x01\x78\x20"
_SUBJECT = b"\x02\x78\x20"
_SIGNED = b"\x84\x6aSignature1"


@dataclass(frozen=True, slots=True)
class _Layout:
    alg: int
    head: bytes
    """Everything up to the kid."""
    claim_at: int
    signature_head: bytes
    signature_bytes: int


def _layout(alg: int, alg_cbor: bytes, signature_head: bytes, signature_bytes: int) -> _Layout:
    start = (
        b"\xa4\x01"
        + alg_cbor
        + b"\x03\x78"
        + bytes([len(_CONTENT_TYPE)])
        + _CONTENT_TYPE
        + b"\x04\x58\x20"
    )
    protected = len(start) + 32 + len(_ISSUER) + 32 + len(_SUBJECT) + 32
    head = _TAG + b"\x58" + bytes([protected]) + start
    return _Layout(alg, head, len(_TAG) + 2 + protected + 1, signature_head, signature_bytes)


_LAYOUTS = {
    0x92: _layout(ED25519, b"\x32", b"\x58\x40", 64),
    0x93: _layout(ML_DSA_44, b"\x38\x2f", b"\x59\x09\x74", 2420),
}


_ED25519 = _LAYOUTS[0x92]
ED25519_LAYOUT = (
    _ED25519.head,
    _ISSUER,
    _SUBJECT,
    b"\xa0\x58" + bytes([CLAIM_BYTES]),
    _ED25519.signature_head,
)
"""Of a statement over a claim without a body: what stands before kid, author, chain, claim and
signature.
"""


_PROTECTED_END = _ED25519.claim_at - 1
_SIGNATURE_END = -_ED25519.signature_bytes - len(_ED25519.signature_head)


def signed_bytes(raw: bytes, at: int = 0) -> bytes:
    """What the signature covers, of a statement in this layout that begins `at` there and goes to
    the end.
    """
    end = at + _PROTECTED_END
    return _SIGNED + raw[at + len(_TAG) : end] + b"\x40" + raw[end + 1 : _SIGNATURE_END]


class Statement(NamedTuple):
    alg: int
    kid: bytes
    claim: Claim
    claim_bytes: bytes
    signature: bytes
    signed: bytes
    """The COSE Sig_structure: what the signature covers."""


def parse_statement(raw: bytes) -> Statement:
    layout = _LAYOUTS.get(raw[3]) if len(raw) > 3 else None
    if layout is None:
        raise _false("a statement with alg Ed25519 or ML-DSA-44", raw[:8].hex() or "nothing")
    claim_at = layout.claim_at
    signature_at = len(raw) - layout.signature_bytes
    claim_end = signature_at - len(layout.signature_head)
    claim_field = claim_end - claim_at
    claim_head = b""
    if CLAIM_BYTES <= claim_field - 2 <= 0xFF:
        claim_head = b"\x58" + (claim_field - 2).to_bytes(1, "big")
    elif 0x100 <= claim_field - 3 <= 0xFFFF:
        claim_head = b"\x59" + (claim_field - 3).to_bytes(2, "big")
    else:
        raise _false("room for a claim", f"{len(raw)} bytes in all")
    claim_bytes = raw[claim_at + len(claim_head) : claim_end]
    author, chain = claim_bytes[50:66], claim_bytes[34:50]
    kid_at = len(layout.head)
    kid, signature = raw[kid_at : kid_at + 32], raw[signature_at:]
    protected = (
        layout.head + kid + _ISSUER + author.hex().encode() + _SUBJECT + chain.hex().encode()
    )
    payload = claim_head + claim_bytes
    rendered = protected + b"\xa0" + payload + layout.signature_head + signature
    if rendered != raw:
        at = next(i for i, (a, b) in enumerate(zip(rendered, raw, strict=True)) if a != b)
        raise _false(f"{rendered[at : at + 8].hex()} at byte {at}", raw[at : at + 8].hex())
    signed = _SIGNED + protected[len(_TAG) :] + b"\x40" + payload
    claim = parse_claim(claim_bytes)
    return Statement(layout.alg, kid, claim, claim_bytes, signature, signed)


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("statement", expected, found)
