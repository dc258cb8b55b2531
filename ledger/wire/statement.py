"""Statement: a claim signed by its author, as a COSE_Sign1 (RFC 9052 section 4.2; SCITT signed
statement).

    d2 84 ‖ bstr(protected) ‖ a0 ‖ bstr(claim) ‖ bstr(signature)

    protected = {1: alg, 3: "application/vnd.counterfoil.claim", 4: kid,
                 15: {1: hex(author), 2: hex(chain)}}              deterministic CBOR

All fields have a fixed length for a given algorithm and claim length, so a reader slices at fixed
offsets, renders the statement again from what it sliced, and compares the bytes: nothing but the
one deterministic encoding passes. Specification: docs/spec/statement.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import BadRequest, LedgerFault
from ledger.wire import cbor
from ledger.wire.claim import AUTHOR_AT, CHAIN_AT, CLAIM_SIZE, MAX_CLAIM, Claim
from ledger.wire.ids import HASH_SIZE
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId, key_id, raw_public

CONTENT_TYPE: Final = "application/vnd.counterfoil.claim"
_HEX: Final = 32


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the fields of a statement lie for one algorithm."""

    alg: int
    signature_size: int
    prefix: bytes
    """From the tag to the head of the kid."""
    signature_head: bytes


_BEFORE_ISS: Final = b"\x0f\xa2\x01" + cbor.head(3, _HEX)
_BEFORE_SUB: Final = b"\x02" + cbor.head(3, _HEX)
_TAIL_SIZE: Final = HASH_SIZE + len(_BEFORE_ISS) + _HEX + len(_BEFORE_SUB) + _HEX


def _layout(alg: int, signature_size: int) -> _Layout:
    before_kid = (
        b"\xa4\x01"
        + cbor.encode(alg)
        + b"\x03"
        + cbor.encode(CONTENT_TYPE)
        + b"\x04"
        + cbor.head(2, 32)
    )
    head = cbor.head(2, len(before_kid) + _TAIL_SIZE)
    return _Layout(
        alg, signature_size, b"\xd2\x84" + head + before_kid, cbor.head(2, signature_size)
    )


_LAYOUTS: Final = (_layout(ED25519, 64), _layout(ML_DSA_44, 2420))
_BY_ALG: Final = {layout.alg: layout for layout in _LAYOUTS}
_PROTECTED_AT: Final = 2
_SIGNATURE1: Final = b"\x84\x6aSignature1"


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement. ``claim`` holds the claim's bytes; ``signed`` is what the signature
    covers.
    """

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
    iss = claim[AUTHOR_AT].hex().encode()
    sub = claim[CHAIN_AT].hex().encode()
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
    """Slice, render again, compare. The claim inside is only sliced: decode it with
    ``Claim.decode``.

    Raises BadRequest for every byte string that is not the deterministic encoding of a statement.
    """
    layout, claim_head, claim_at, claim_end = _slice(data)
    kid_at = len(layout.prefix)
    kid = KeyId(data[kid_at : kid_at + HASH_SIZE])
    claim = data[claim_at:claim_end]
    iss, sub = claim[AUTHOR_AT].hex().encode(), claim[CHAIN_AT].hex().encode()
    middle = b"".join((_BEFORE_ISS, iss, _BEFORE_SUB, sub, b"\xa0", claim_head))
    if data[kid_at + HASH_SIZE : claim_at] != middle:
        raise BadRequest("statement's protected header does not name the claim's author and chain")
    signature_at = claim_end + len(layout.signature_head)
    if data[claim_end:signature_at] != layout.signature_head:
        raise BadRequest("statement's signature is not announced with its length")
    head_at = claim_at - len(claim_head)
    signed = b"".join(
        (_SIGNATURE1, data[_PROTECTED_AT : head_at - 1], b"\x40", data[head_at:claim_end])
    )
    return Statement(layout.alg, kid, claim, data[signature_at:], signed)


def slice_claim(data: bytes) -> bytes:
    """The claim of a statement that was parsed before."""
    _, _, start, stop = _slice(data)
    return data[start:stop]


def slice_kid(data: bytes) -> KeyId:
    """The key id of a statement that was parsed before."""
    kid_at = len(_slice(data)[0].prefix)
    return KeyId(data[kid_at : kid_at + HASH_SIZE])


def _slice(data: bytes) -> tuple[_Layout, bytes, int, int]:
    """Layout, head of the claim, and where the claim lies. Everything else is left to compare."""
    for layout in _LAYOUTS:
        if data.startswith(layout.prefix):
            break
    else:
        raise BadRequest("statement does not begin as a COSE_Sign1 with our protected header")
    head_at = len(layout.prefix) + _TAIL_SIZE + 1
    claim_end = len(data) - layout.signature_size - len(layout.signature_head)
    room = claim_end - head_at
    claim_head = b"\x58\xaa" if room == CLAIM_SIZE + 2 else _long_head(room)
    return layout, claim_head, head_at + len(claim_head), claim_end


def _long_head(room: int) -> bytes:
    """Head of a claim whose head and body take ``room`` bytes together."""
    for width in (2, 3):
        size = room - width
        if CLAIM_SIZE <= size <= MAX_CLAIM and len(head := cbor.head(2, size)) == width:
            return head
    raise BadRequest("statement has no room for a claim, or a claim over the limit")


def to_be_signed(alg: int, kid: KeyId, claim: bytes) -> bytes:
    """The Sig_structure of RFC 9052 section 4.4 for this claim, with empty external data."""
    return b"".join(
        (_SIGNATURE1, _protected(_BY_ALG[alg], kid, claim), b"\x40", _claim_head(len(claim)), claim)
    )


class Signer(Protocol):
    """Whatever holds a private key: a file read into this process, a token, another machine."""

    @property
    def alg(self) -> int:
        """ED25519 or ML_DSA_44."""

    @property
    def public_key(self) -> bytes:
        """Raw: 32 bytes, or 1,312."""

    def sign(self, message: bytes) -> bytes:
        """The signature: 64 bytes, or 2,420."""


@dataclass(frozen=True, slots=True)
class _InProcess:
    alg: int
    public_key: bytes
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class StatementKey:
    """A signing key with its key id, so that signing many claims hashes it once."""

    signer: Signer = field(repr=False)
    alg: int
    kid: KeyId
    public_key: bytes
    """Raw: 32 bytes for Ed25519, 1,312 for ML-DSA-44."""

    @classmethod
    def of(cls, key: Ed25519PrivateKey | MLDSA44PrivateKey | Signer) -> StatementKey:
        """A key of this process, or one that is kept elsewhere. Raises BadRequest for another
        algorithm.
        """
        if isinstance(key, Ed25519PrivateKey):
            signer: Signer = _InProcess(ED25519, raw_public(key), key.sign)
        elif isinstance(key, MLDSA44PrivateKey):
            signer = _InProcess(ML_DSA_44, key.public_key().public_bytes_raw(), key.sign)
        else:
            signer = key
        if signer.alg not in _BY_ALG:
            raise BadRequest("statements are signed with Ed25519 or ML-DSA-44")
        public_key = signer.public_key
        return cls(signer, signer.alg, key_id(signer.alg, public_key), public_key)

    def sign(self, claim: Claim) -> bytes:
        """Encode and sign a claim; returns the statement's bytes."""
        return self.sign_bytes(claim.encode())

    def sign_bytes(self, claim: bytes) -> bytes:
        """Sign an encoded claim; returns the statement's bytes."""
        signature = self.sign_raw(to_be_signed(self.alg, self.kid, claim))
        return _render(_BY_ALG[self.alg], self.kid, claim, signature)

    def sign_raw(self, message: bytes) -> bytes:
        """A bare signature: 64 bytes, or 2,420. Raises LedgerFault when the signer gives none."""
        signature = self.signer.sign(message)
        size = _BY_ALG[self.alg].signature_size
        if len(signature) != size:
            raise LedgerFault(
                f"the signing key gave {len(signature)} bytes in place of a signature of {size}"
            )
        return signature
