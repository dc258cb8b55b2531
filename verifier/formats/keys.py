"""Public keys of authors and governors, and their ids.

Ed25519    alg -19 (32)       32 bytes, a point as in `ed25519`
ML-DSA-44  alg -48 (38 2f)  1312 bytes, any
to log in also ES384 and RS384, as in `loginkeys`; nothing is verified with these here
kid = SHA-256("counterfoil/kid/v1" | alg as CBOR | key)
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from verifier.errors import NotVerified
from verifier.formats.ed25519 import check_public_key
from verifier.formats.loginkeys import ES384, RS384, check_modulus, check_point

ED25519, ML_DSA_44 = -19, -48
ALG_CBOR = {
    ED25519: b"\x32",
    ML_DSA_44: b"\x38\x2f",
    ES384: b"\x38\x22",
    RS384: b"\x39\x01\x01",
}
SIGNATURE_HEAD = {ED25519: b"\x58\x40", ML_DSA_44: b"\x59\x09\x74"}
"""How a signature begins as a CBOR byte string: its length is fixed."""
_ML_DSA_44_BYTES = 1312

LoadedKey: TypeAlias = Ed25519PublicKey | MLDSA44PublicKey


class PublicKey(NamedTuple):
    alg: int
    raw: bytes

    @property
    def kid(self) -> bytes:
        return sha256(b"counterfoil/kid/v1" + ALG_CBOR[self.alg] + self.raw).digest()

    def load(self) -> LoadedKey:
        if self.alg == ED25519:
            return Ed25519PublicKey.from_public_bytes(self.raw)
        if self.alg == ML_DSA_44:
            return MLDSA44PublicKey.from_public_bytes(self.raw)
        raise NotVerified("key", f"alg {ED25519} or {ML_DSA_44}", str(self.alg))


@lru_cache(maxsize=4096)
def load_key(key: PublicKey) -> LoadedKey:
    """The same few keys sign again and again."""
    return key.load()


def checked_key(alg: int, raw: bytes) -> PublicKey:
    """The key, if anything may be signed with it. Raises NotVerified."""
    if alg == ED25519:
        check_public_key(raw)
    elif alg != ML_DSA_44:
        raise NotVerified("key", f"alg {ED25519} or {ML_DSA_44}", str(alg))
    elif len(raw) != _ML_DSA_44_BYTES:
        raise NotVerified("key", f"{_ML_DSA_44_BYTES} bytes", f"{len(raw)} bytes")
    return PublicKey(alg, raw)


def checked_login_key(alg: int, raw: bytes) -> PublicKey:
    """The key, if anybody may log in with it. Raises NotVerified."""
    if alg == ES384:
        check_point(raw)
    elif alg == RS384:
        check_modulus(raw)
    else:
        checked_key(alg, raw)
    return PublicKey(alg, raw)


def verifies(key: LoadedKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
