"""Cases for statements and leaves: good ones, and one mutation each."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.wire import cbor
from ledger.wire.claim import CLAIM_SIZE
from ledger.wire.ids import ZERO_HASH
from ledger.wire.keys import ED25519, ML_DSA_44, key_id
from ledger.wire.leaf import HEADER, MEMBER_HEADER
from ledger.wire.statement import CONTENT_TYPE, Statement, to_be_signed
from tests.vectors.entries_claims import good_claims
from tests.vectors.entries_world import (
    AUTHOR_ML_DSA,
    CLINIC,
    GOVERNOR,
    START_MS,
    cases,
    flipped,
    patched,
)
from tests.vectors.tree_keys import seed


def statement(claim: bytes, protected: bytes, signature: bytes, *, tail: bytes = b"") -> bytes:
    """A COSE_Sign1 of these parts."""
    parts = _bytes(protected) + b"\xa0" + _bytes(claim) + _bytes(signature)
    return b"\xd2\x84" + parts + tail


def _bytes(data: bytes) -> bytes:
    return cbor.head(2, len(data)) + data


def _protected(claim: bytes, kid: bytes, **change: cbor.Value) -> bytes:
    fields: dict[int, cbor.Value] = {
        1: ED25519,
        3: CONTENT_TYPE,
        4: kid,
        15: {1: claim[50:66].hex(), 2: claim[34:50].hex()},
    }
    fields.update({int(label.removeprefix("label_")): value for label, value in change.items()})
    return cbor.encode(fields)


def signed_as_is(key: Ed25519PrivateKey, claim: bytes, protected: bytes) -> bytes:
    """A statement with this protected header, correctly signed over it."""
    signed = b"\x84\x6aSignature1" + _bytes(protected) + b"\x40" + _bytes(claim)
    return statement(claim, protected, key.sign(signed))


def good_statements() -> dict[str, bytes]:
    """Claims of 170 bytes, of under 256 and of more, which have heads of different lengths."""
    claims = good_claims()
    good = {
        name: CLINIC.key.sign_bytes(claims[name])
        for name in ("record", "amend", "batch", "enrol-with-name", "genesis")
    }
    for size in (171, 255, 256, 1000):
        # The claim is sliced, not read, by whoever parses a statement: this body means nothing.
        padding = b"\x00" * (size - CLAIM_SIZE)
        good[f"claim-of-{size}-bytes"] = CLINIC.key.sign_bytes(claims["batch"][:170] + padding)
    return good


def bad_statements() -> dict[str, bytes]:
    """One mutation each; wherever it can, the signature is right."""
    claim = good_claims()["record"]
    kid, key = CLINIC.key.kid, CLINIC.private
    good = CLINIC.key.sign_bytes(claim)
    signature = good[-64:]
    right = _protected(claim, kid)

    def header(**change: cbor.Value) -> bytes:
        return signed_as_is(key, claim, _protected(claim, kid, **change))

    author, chain = claim[50:66].hex(), claim[34:50].hex()
    indefinite = b"\xbf" + right[1:] + b"\xff"
    wide = right.replace(b"\x01\x32", b"\x01\x38\x12", 1)
    unordered = b"\xa4" + right[3:] + right[1:3]
    return {
        "empty": b"",
        "tag-missing": good[1:],
        "tag-98": patched(good, 0, b"\xd8")[:1] + b"\x62" + good[1:],
        "array-of-3": patched(good, 1, b"\x83"),
        "array-indefinite": patched(good, 1, b"\x9f") + b"\xff",
        "protected-as-text": patched(good, 2, b"\x78"),
        "protected-length-not-shortest": good[:2] + b"\x59\x00" + good[3:],
        "protected-indefinite-map": signed_as_is(key, claim, indefinite),
        "protected-alg-not-shortest": signed_as_is(key, claim, wide),
        "protected-keys-unordered": signed_as_is(key, claim, unordered),
        "protected-empty": signed_as_is(key, claim, b""),
        "protected-with-one-more": header(label_16=1),
        "alg-eddsa": header(label_1=-8),
        "alg-es256": header(label_1=-7),
        "alg-ml-dsa-44-with-64-bytes": header(label_1=ML_DSA_44),
        "content-type-another": header(label_3="application/vnd.counterfoil.claiM"),
        "content-type-missing": signed_as_is(
            key, claim, cbor.encode({1: ED25519, 4: kid, 15: {1: author, 2: chain}})
        ),
        "kid-of-31-bytes": header(label_4=kid[:31]),
        "kid-as-text": header(label_4="k" * 32),
        "issuer-another": header(label_15={1: "0" * 32, 2: chain}),
        "issuer-upper-case": header(label_15={1: author.upper(), 2: chain}),
        "issuer-as-bytes": header(label_15={1: claim[50:66], 2: chain}),
        "subject-another": header(label_15={1: author, 2: "0" * 32}),
        "subject-missing": header(label_15={1: author}),
        "issuer-and-subject-swapped": header(label_15={1: chain, 2: author}),
        "unprotected-not-empty": good.replace(b"\xa0\x58\xaa", b"\xa1\x01\x01\x58\xaa", 1),
        "payload-detached": good.replace(b"\x58\xaa" + claim, b"\xf6", 1),
        "payload-as-text": good.replace(b"\x58\xaa", b"\x78\xaa", 1),
        "payload-length-not-shortest": good.replace(b"\x58\xaa", b"\x59\x00\xaa", 1),
        "payload-a-byte-short": statement(claim[:-1], right, signature),
        "signature-of-63-bytes": statement(claim, right, signature[:-1]),
        "signature-of-65-bytes": statement(claim, right, signature + b"\x00"),
        "signature-empty": statement(claim, right, b""),
        "signature-length-not-shortest": good[:-66] + b"\x59\x00\x40" + signature,
        "byte-added": good + b"\x00",
        "last-byte-missing": good[:-1],
    }


def unsigned_statements() -> dict[str, bytes]:
    """Well formed, but the signature does not verify under the clinic's key."""
    claim = good_claims()["record"]
    good = CLINIC.key.sign_bytes(claim)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(good[-32:], "little") + order
    without_context = CLINIC.private.sign(claim)
    return {
        "signature-r-bit-flipped": flipped(good, -64),
        "signature-s-bit-flipped": flipped(good, -32),
        "signature-s-plus-order": good[:-32] + s.to_bytes(32, "little"),
        "signature-zero": good[:-64] + bytes(64),
        "signature-over-the-claim-alone": good[:-64] + without_context,
        "signature-of-another-key": good[:-64] + GOVERNOR.key.sign_bytes(claim)[-64:],
        "kid-bit-flipped": flipped(good, 46),
        "claim-time-changed": flipped(good, 153 + 89),
    }


ML_DSA_KID: Final = key_id(ML_DSA_44, AUTHOR_ML_DSA.public_key().public_bytes_raw())


def ml_dsa_signed() -> bytes:
    """What the ML-DSA-44 signature covers."""
    return to_be_signed(ML_DSA_44, ML_DSA_KID, good_claims()["record"])


def ml_dsa_statement(stored: bytes | None) -> bytes:
    """The stored ML-DSA-44 statement as long as it verifies, else a new one."""
    claim, signed = good_claims()["record"], ml_dsa_signed()
    if stored is not None and len(stored) > 2420:
        signature = stored[-2420:]
        kept = Statement(ML_DSA_44, ML_DSA_KID, claim, signature, signed).encode()
        try:
            AUTHOR_ML_DSA.public_key().verify(signature, signed)
        except InvalidSignature:
            kept = b""
        if kept == stored:
            return kept
    signature = AUTHOR_ML_DSA.sign(signed)
    return Statement(ML_DSA_44, ML_DSA_KID, claim, signature, signed).encode()


def statement_vectors(ml_dsa: bytes) -> dict[str, object]:
    """Statements of the clinic's key, and one of an ML-DSA-44 key."""
    good, unsigned = good_statements(), unsigned_statements()
    rows = cases("statement", good | unsigned, bad_statements())
    signed = to_be_signed(ED25519, CLINIC.key.kid, good_claims()["record"])
    for row in rows:
        row["signature"] = row["name"] in good
    return {
        "about": "statements in hex; valid: well formed; signature: verifies under the key",
        "key": CLINIC.public.hex(),
        "kid": CLINIC.key.kid.hex(),
        "signed": {"record": signed.hex()},
        "cases": rows,
        "ml_dsa_44": {
            "key": AUTHOR_ML_DSA.public_key().public_bytes_raw().hex(),
            "kid": ML_DSA_KID.hex(),
            "signed": ml_dsa_signed().hex(),
            "statement": ml_dsa.hex(),
        },
    }


# Leaves


def header(
    version: int = 1, seq: int = 0, prev: bytes = ZERO_HASH, at: int = 0, ms: int = START_MS
) -> bytes:
    """The 57 bytes in front of a leaf."""
    return HEADER.pack(version, seq, prev, at, ms)


def _member(claim: bytes, batch: int = 7, position: int = 0, prev: bytes = b"\x11" * 32) -> bytes:
    return MEMBER_HEADER.pack(2, 5, prev, 4, START_MS, batch, position) + claim


def good_leaves() -> dict[str, bytes]:
    """Single entries and batch members."""
    claims, statements = good_claims(), good_statements()
    prev = seed("leaf: prev")
    top = 2**53 - 1
    return {
        "first-of-a-chain": header() + statements["record"],
        "later": header(seq=3, prev=prev, at=2) + statements["record"],
        "later-with-previous-index-0": header(seq=1, prev=prev) + statements["record"],
        "genesis": header() + GOVERNOR.key.sign_bytes(claims["genesis"]),
        "batch": header(seq=1, prev=prev, at=1) + statements["batch"],
        "largest-integers": header(1, top, prev, top - 1, top) + statements["record"],
        "member": _member(claims["record"], prev=prev),
        "member-access": _member(claims["access"], position=4095),
        "continues-an-earlier-log": header(0x81, 3, prev, 9) + statements["record"],
        "member-continues-an-earlier-log": patched(_member(claims["record"]), 0, b"\x82"),
        "member-first-of-a-chain": MEMBER_HEADER.pack(2, 0, ZERO_HASH, 0, START_MS, 7, 2)
        + claims["record"],
    }


def bad_leaves() -> dict[str, bytes]:
    """One mutation each."""
    good = good_leaves()
    later, member, first = good["later"], good["member"], good["first-of-a-chain"]
    claims = good_claims()
    large = (2**53).to_bytes(8, "big")
    versions = {
        f"version-{version:#04x}": patched(later, 0, bytes([version]))
        for version in (0, 2, 3, 0x80, 0x82, 0x83, 0xFF)
    }
    return {
        "empty": b"",
        "only-a-version": b"\x01",
        "only-a-header": later[:57],
        **versions,
        "seq-2-to-the-53": patched(later, 1, large),
        "prev-index-2-to-the-53": patched(later, 41, large),
        "received-2-to-the-53": patched(later, 49, large),
        "seq-0-with-prev-hash": patched(later, 1, bytes(8)),
        "seq-3-with-prev-hash-zero": patched(later, 9, ZERO_HASH),
        "seq-0-that-continues-an-earlier-log": patched(first, 0, b"\x81"),
        "member-seq-0-that-continues-an-earlier-log": patched(
            good["member-first-of-a-chain"], 0, b"\x82"
        ),
        "continues-with-prev-hash-zero": patched(good["continues-an-earlier-log"], 9, ZERO_HASH),
        "seq-0-with-prev-index": patched(first, 41, (1).to_bytes(8, "big")),
        "last-byte-missing": later[:-1],
        "byte-added": later + b"\x00",
        "claim-without-statement": later[:57] + claims["record"],
        "statement-with-a-false-claim": later[:57]
        + CLINIC.key.sign_bytes(patched(claims["record"], 1, b"\x02")),
        "member-as-version-1": patched(member, 0, b"\x01"),
        "member-seq-2-to-the-53": patched(member, 1, large),
        "member-batch-index-2-to-the-53": patched(member, 57, large),
        "member-with-body": _member(claims["batch"]),
        "member-last-byte-missing": member[:-1],
        "member-byte-added": member + b"\x00",
        "member-with-a-false-claim": _member(patched(claims["record"], 1, b"\x02")),
    }


def leaf_vectors() -> dict[str, object]:
    """Leaves by themselves."""
    return {
        "about": "leaves in hex; valid: one leaf alone breaks no rule",
        "cases": cases("leaf", good_leaves(), bad_leaves()),
    }
