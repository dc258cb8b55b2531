"""Statement: a claim signed by its author, as a COSE_Sign1 (RFC 9052 section 4.2; SCITT signed statement).

    d2 84 ‖ bstr(protected) ‖ a0 ‖ bstr(claim) ‖ bstr(signature)

    protected = {1: alg, 3: "application/vnd.counterfoil.claim", 4: kid,
                 15: {1: hex(author), 2: hex(chain)}}              deterministic CBOR

All fields have a fixed length for a given algorithm and claim length, so a reader slices at fixed offsets, renders
the statement again from what it sliced, and compares the bytes: nothing but the one deterministic encoding passes.
Specification: docs/spec/statement.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.claim import CLAIM_SIZE, MAX_CLAIM, Claim
from ledger.wire.ids import HASH_SIZE, ActorId, ChainId
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId, key_id, raw_public

CONTENT_TYPE: Final = "application/vnd.counterfoil.claim"
_AUTHOR: Final = slice(50, 66)
_CHAIN: Final = slice(34, 50)
_HEX: Final = 32


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the fields of a statement lie for one algorithm."""

    alg: int
    signature_size: int
    prefix: bytes
    """From the tag to the head of the kid."""

    @property
    def signature_head(self) -> bytes:
        return cbor.head(2, self.signature_size)


_BEFORE_ISS: Final = b"\x0f\xa2\x01" + cbor.head(3, _HEX)
_BEFORE_SUB: Final = b"\x02" + cbor.head(3, _HEX)
_TAIL_SIZE: Final = HASH_SIZE + len(_BEFORE_ISS) + _HEX + len(_BEFORE_SUB) + _HEX


def _layout(alg: int, signature_size: int) -> _Layout:
    before_kid = (
        b"\xa4\x01" + cbor.encode(alg) + b"\x03" + cbor.encode(CONTENT_TYPE) + b"\x04" + cbor.head(2, 32)
    )
    return _Layout(
        alg, signature_size, b"\xd2\x84" + cbor.head(2, len(before_kid) + _TAIL_SIZE) + before_kid
    )


_LAYOUTS: Final = (_layout(ED25519, 64), _layout(ML_DSA_44, 2420))
_BY_ALG: Final = {layout.alg: layout for layout in _LAYOUTS}
_PROTECTED_AT: Final = 2
_SIGNATURE1: Final = b"\x84\x6aSignature1"


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement. ``claim`` holds the claim's bytes; ``signed`` is what the signature covers."""

    alg: int
    kid: KeyId
    claim: bytes
    signature: bytes
    signed: bytes

    def encode(self) -> bytes:
        """The statement's bytes."""
        return _render(_BY_ALG[self.alg], self.kid, self.claim, self.signature)


def _protected(layout: _Layout, kid: bytes, claim: bytes) -> bytes:
    """The head and bytes of the protected header."""
    iss = claim[_AUTHOR].hex().encode()
    sub = claim[_CHAIN].hex().encode()
    return layout.prefix[_PROTECTED_AT:] + kid + _BEFORE_ISS + iss + _BEFORE_SUB + sub


def _claim_head(size: int) -> bytes:
    return b"\x58\xaa" if size == CLAIM_SIZE else cbor.head(2, size)


def _render(layout: _Layout, kid: bytes, claim: bytes, signature: bytes) -> bytes:
    return b"".join(
        (
            b"\xd2\x84",
            _protected(layout, kid, claim),
            b"\xa0",
            _claim_head(len(claim)),
            claim,
            layout.signature_head,
            signature,
        )
    )


def parse_statement(data: bytes) -> Statement:
    """Slice, render again, compare. The claim inside is only sliced: decode it with ``Claim.decode``.

    Raises BadRequest for every byte string that is not the deterministic encoding of a statement.
    """
    for layout in _LAYOUTS:
        if data.startswith(layout.prefix):
            break
    else:
        raise BadRequest("statement does not begin as a COSE_Sign1 with our protected header")
    kid_at = len(layout.prefix)
    head_at = kid_at + _TAIL_SIZE + 1
    size = len(data) - head_at - len(layout.signature_head) - layout.signature_size
    claim_head = _claim_head(size - 2) if size - 2 == CLAIM_SIZE else _long_head(size)
    claim_at = head_at + len(claim_head)
    signature_at = len(data) - layout.signature_size
    claim = data[claim_at : signature_at - len(layout.signature_head)]
    kid = KeyId(data[kid_at : kid_at + HASH_SIZE])
    if not CLAIM_SIZE <= len(claim) <= MAX_CLAIM:
        raise BadRequest(f"statement has {len(data)} bytes, which leaves no room for a claim")
    signature = data[signature_at:]
    protected = _protected(layout, kid, claim)
    rendered = b"".join(
        (b"\xd2\x84", protected, b"\xa0", claim_head, claim, layout.signature_head, signature)
    )
    if rendered != data:
        raise BadRequest(f"statement differs from its deterministic encoding at byte {_differs(rendered, data)}")
    signed = b"".join((_SIGNATURE1, protected, b"\x40", claim_head, claim))
    return Statement(layout.alg, kid, claim, signature, signed)


def _long_head(size: int) -> bytes:
    """Head of a claim whose head and body take ``size`` bytes together."""
    if size <= CLAIM_SIZE or size > MAX_CLAIM + 3:
        raise BadRequest("statement has no room for a claim, or a claim over the limit")
    for width in (2, 3):
        if len(head := cbor.head(2, size - width)) == width:
            return head
    raise BadRequest("statement's claim length is not in shortest form")


def _differs(a: bytes, b: bytes) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def to_be_signed(alg: int, kid: KeyId, claim: bytes) -> bytes:
    """The Sig_structure of RFC 9052 section 4.4 for this claim, with empty external data."""
    return b"".join(
        (_SIGNATURE1, _protected(_BY_ALG[alg], kid, claim), b"\x40", _claim_head(len(claim)), claim)
    )


@dataclass(frozen=True, slots=True)
class StatementKey:
    """An author's Ed25519 signing key with its key id, so that signing many claims hashes it once."""

    private: Ed25519PrivateKey
    kid: KeyId

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> StatementKey:
        return cls(private, key_id(ED25519, raw_public(private)))

    def sign(self, claim: Claim) -> bytes:
        """Encode and sign a claim; returns the statement's bytes."""
        return self.sign_bytes(claim.encode())

    def sign_bytes(self, claim: bytes) -> bytes:
        """Sign an encoded claim; returns the statement's bytes."""
        signature = self.private.sign(to_be_signed(ED25519, self.kid, claim))
        return _render(_BY_ALG[ED25519], self.kid, claim, signature)


def issuer_and_subject(claim: bytes) -> tuple[ActorId, ChainId]:
    """Author and chain of an encoded claim, by slicing."""
    return ActorId(claim[_AUTHOR]), ChainId(claim[_CHAIN])
