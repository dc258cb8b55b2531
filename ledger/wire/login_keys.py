"""Public keys for logging in: those of ``ledger.wire.keys``, and the two that SMART asks for.

ES384 (alg -35; RFC 9053, RFC 7518 section 3.4): a point of P-384 in compressed form (SEC 1 section
2.3.3), 49 bytes: 02 or 03 ‖ x. RS384 (alg -258; RFC 8812): the modulus, big-endian without leading
zero, 2,048 to 4,096 bits, odd; the exponent is 65537. They sign JSON Web Tokens only: no entry, no
approval and no cosignature is of these algorithms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import BadRequest
from ledger.wire.keys import ED25519, ML_DSA_44, check_key, load_ed25519

LoginKey: TypeAlias = Ed25519PublicKey | MLDSA44PublicKey | EllipticCurvePublicKey | RSAPublicKey

ES384: Final = -35
RS384: Final = -258
ALGORITHM_NAMES: Final = {
    ED25519: "Ed25519",
    ML_DSA_44: "ML-DSA-44",
    ES384: "ES384",
    RS384: "RS384",
}
"""As people are told, of any registered key."""
EXPONENT: Final = 65_537
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 4096
_POINT_SIZE: Final = 49
_COMPRESSED: Final = (2, 3)


def check_login_key(alg: int, raw: bytes) -> None:
    """Raises BadRequest for a key that nobody may log in with."""
    if alg == ES384:
        _load_point(raw)
    elif alg == RS384:
        _check_modulus(raw)
    else:
        check_key(alg, raw)


@lru_cache(maxsize=4096)
def load_login_key(alg: int, raw: bytes) -> LoginKey:
    """The key, checked. Raises BadRequest."""
    check_login_key(alg, raw)
    if alg == ES384:
        return _load_point(raw)
    if alg == RS384:
        return RSAPublicNumbers(EXPONENT, int.from_bytes(raw, "big")).public_key()
    return load_ed25519(raw) if alg == ED25519 else MLDSA44PublicKey.from_public_bytes(raw)


def encode_login_key(key: object) -> tuple[int, bytes]:
    """Algorithm and raw key, checked. Raises BadRequest."""
    match key:
        case Ed25519PublicKey():
            alg, raw = ED25519, key.public_bytes_raw()
        case MLDSA44PublicKey():
            alg, raw = ML_DSA_44, key.public_bytes_raw()
        case EllipticCurvePublicKey(curve=SECP384R1()):
            alg, raw = ES384, key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        case RSAPublicKey() if key.public_numbers().e == EXPONENT:
            modulus = key.public_numbers().n
            alg, raw = RS384, modulus.to_bytes(-(-modulus.bit_length() // 8), "big")
        case _:
            raise BadRequest(
                "nobody can log in with a key of this kind",
                hint="use Ed25519, ES384 (P-384), RS384 (RSA with exponent 65537) or ML-DSA-44",
            )
    check_login_key(alg, raw)
    return alg, raw


def _load_point(raw: bytes) -> EllipticCurvePublicKey:
    if len(raw) != _POINT_SIZE or raw[0] not in _COMPRESSED:
        raise BadRequest(f"an ES384 key is a compressed point of {_POINT_SIZE} bytes")
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP384R1(), raw)
    except ValueError as error:
        raise BadRequest("ES384 key is not a point of P-384") from error


def _check_modulus(raw: bytes) -> None:
    modulus = int.from_bytes(raw, "big")
    if not raw or raw[0] == 0 or not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise BadRequest(
            f"an RS384 key is a modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, without leading "
            "zero"
        )
    if modulus % 2 == 0:
        raise BadRequest("the modulus of an RS384 key is even", hint="generate a new key")
