"""Authors' public keys: algorithm, key id, and the check that a key is one that may be used.

    kid = SHA-256("counterfoil/kid/v1" ‖ CBOR(alg) ‖ raw public key)

ML-DSA-44 (alg -48, FIPS 204): 1,312 bytes, every one of which is some key's encoding. Ed25519 (alg
-19, RFC 9864; RFC 8032 section 5.1): the encoding must be canonical and the point must
be in the prime-order subgroup and not the identity. With a small-order key OpenSSL accepts
signatures over *every* message, so the check is made once for each key before it is used for the
first time.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final, NewType, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import BadRequest
from ledger.wire import cbor

KeyId = NewType("KeyId", bytes)
"""32 bytes."""
PublicKey: TypeAlias = Ed25519PublicKey | MLDSA44PublicKey

ED25519: Final = -19
ML_DSA_44: Final = -48
ED25519_KEY_SIZE: Final = 32
ML_DSA_44_KEY_SIZE: Final = 1312

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int, int]
_IDENTITY: Final[_Point] = (0, 1, 1, 0)


def key_id(alg: int, public_key: bytes) -> KeyId:
    """The 32-byte id under which statements name a key."""
    return KeyId(sha256(b"counterfoil/kid/v1" + cbor.encode(alg) + public_key).digest())


@lru_cache(maxsize=4096)
def load_ed25519(raw: bytes) -> Ed25519PublicKey:
    """A checked Ed25519 public key. Raises BadRequest for one that must not be used.

    The check takes milliseconds and a registry asks for each key several times.
    """
    if len(raw) != ED25519_KEY_SIZE:
        raise BadRequest(f"an Ed25519 key has 32 bytes, not {len(raw)}")
    point = _decode(raw)
    if _same(point, _IDENTITY) or not _same(_multiply(_L, point), _IDENTITY):
        raise BadRequest(
            "Ed25519 key is not in the prime-order subgroup", hint="generate a new key"
        )
    return Ed25519PublicKey.from_public_bytes(raw)


def check_key(alg: int, raw: bytes) -> None:
    """Raises BadRequest for a public key that must not be used, or of an unknown algorithm."""
    if alg == ED25519:
        load_ed25519(raw)
    elif alg != ML_DSA_44:
        raise BadRequest(
            f"keys of algorithm {alg} are unknown", hint="use Ed25519 (-19) or ML-DSA-44 (-48)"
        )
    elif len(raw) != ML_DSA_44_KEY_SIZE:
        raise BadRequest(f"an ML-DSA-44 key has {ML_DSA_44_KEY_SIZE} bytes, not {len(raw)}")


@lru_cache(maxsize=4096)
def registered_key(raw: bytes) -> PublicKey:
    """A key that passed ``check_key`` when it was registered; its length tells the algorithm."""
    if len(raw) == ED25519_KEY_SIZE:
        return Ed25519PublicKey.from_public_bytes(raw)
    return MLDSA44PublicKey.from_public_bytes(raw)


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 raw bytes of the public half."""
    return key.public_key().public_bytes_raw()


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is good. Releases the GIL while it works."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _decode(raw: bytes) -> _Point:
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        raise BadRequest("Ed25519 key is not canonically encoded")
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P:
        raise BadRequest("Ed25519 key is not a point of the curve")
    if x == 0 and sign:
        raise BadRequest("Ed25519 key is not canonically encoded")
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(factor: int, point: _Point) -> _Point:
    result = _IDENTITY
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _same(p: _Point, q: _Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % _P == 0 and (p[1] * q[2] - q[1] * p[2]) % _P == 0
