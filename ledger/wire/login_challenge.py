"""What a person signs to log in to a service over a log: docs/spec/login.md.

"counterfoil/login/v1" ‖ log (32) ‖ nonce (32) ‖ expiry u64 ‖ service (the rest)
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import BadRequest
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, Hash
from ledger.wire.keys import verifies
from ledger.wire.login_keys import load_login_key
from ledger.wire.service_url import MAX_URL

LABEL: Final = b"counterfoil/login/v1"
NONCE_SIZE: Final = 32


def login_message(log: Hash, nonce: bytes, expiry_ms: int, service: str) -> bytes:
    """The bytes to sign. ``service`` is the URL that was asked. Raises BadRequest."""
    if len(log) != HASH_SIZE or len(nonce) != NONCE_SIZE or not 0 <= expiry_ms <= MAX_INTEGER:
        raise BadRequest("a login challenge has a log, a nonce of 32 bytes and an expiry in ms")
    if not 0 < len(service) <= MAX_URL or not all("!" <= char <= "~" for char in service):
        raise BadRequest(f"a login names its service by a URL of 1 to {MAX_URL} ASCII characters")
    return LABEL + log + nonce + expiry_ms.to_bytes(8, "big") + service.encode()


def login_verifies(alg: int, public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a registered login key made this signature; none of ES384 and RS384 does."""
    key = load_login_key(alg, public_key)
    return isinstance(key, Ed25519PublicKey | MLDSA44PublicKey) and verifies(
        key, signature, message
    )
