"""Public keys that log in and sign nothing in a log.

ES384  alg  -35 (38 22)     49 bytes: 02 or 03 | x, a point of P-384
RS384  alg -258 (39 0101)   256 to 512 bytes: the modulus, 2048 to 4096 bits, odd, no leading zero

y^2 = x^3 - 3x + b has a root, x < p. The group's order is prime: there is no subgroup to fear.
"""

from __future__ import annotations

from verifier.errors import NotVerified

ES384, RS384 = -35, -258
P = 2**384 - 2**128 - 2**96 + 2**32 - 1
_B = int(
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
    "c656398d8a2ed19d2a85c8edd3ec2aef",
    16,
)
_RSA_BITS = range(2048, 4097)


def check_point(raw: bytes) -> None:
    """Raise NotVerified (step `key`) unless `raw` is a compressed point of P-384."""
    if len(raw) != 49 or raw[0] not in (2, 3):
        raise NotVerified("key", "02 or 03 and 48 bytes", f"{raw[:1].hex()} of {len(raw)} bytes")
    x = int.from_bytes(raw[1:], "big")
    if x >= P:
        raise NotVerified("key", "x below p", "another")
    square = (x**3 - 3 * x + _B) % P
    # p = 3 mod 4. No point has y = 0, for the order is odd: both signs exist wherever a root does.
    if pow(square, (P + 1) // 4, P) ** 2 % P != square:
        raise NotVerified("key", "a point of P-384", "no such point")


def check_modulus(raw: bytes) -> None:
    """Raise NotVerified (step `key`) unless `raw` is a modulus as above."""
    modulus = int.from_bytes(raw, "big")
    if raw[:1] == b"\0" or modulus.bit_length() not in _RSA_BITS:
        raise NotVerified("key", "a modulus of 2048 to 4096 bits", f"{modulus.bit_length()} bits")
    if not modulus & 1:
        raise NotVerified("key", "an odd modulus", "an even one")
