"""Login keys as files: private ones to be made for a client, public ones to be registered."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from ledger.errors import BadRequest
from ledger.store.files import write_new
from ledger.wire.keys import ED25519
from ledger.wire.login_keys import ES384, EXPONENT, RS384, encode_login_key

LoginPrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey

LOGIN_ALGORITHMS: Final = {"ed25519": ED25519, "es384": ES384, "rs384": RS384}
"""Of the keys that sign a client's JSON Web Tokens."""
RSA_BITS: Final = 3072


def create_login_key(path: Path, alg: int) -> bytes:
    """Make a private key in an owner-only file that must not exist; returns the public key as PEM.
    OSError goes to the caller.
    """
    key = _generate(alg)
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def decode_login_public(data: bytes) -> tuple[int, bytes]:
    """Algorithm and raw key of a public key in PEM. Raises BadRequest."""
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise BadRequest(
            "the key file holds no public key in PEM form",
            hint="make one with `openssl pkey -in PRIVATE -pubout`",
        ) from None
    return encode_login_key(key)


def _generate(alg: int) -> LoginPrivateKey:
    if alg == ES384:
        return generate_private_key(SECP384R1())
    return generate_rsa(EXPONENT, RSA_BITS) if alg == RS384 else Ed25519PrivateKey.generate()
