"""Is a 32-byte string an acceptable Ed25519 public key?

    y = the low 255 bits, little-endian, below p = 2^255 - 19;  sign = the top bit
    x^2 = (y^2 - 1) / (d y^2 + 1) has a root;  x = 0 with sign 1 is refused
    P != identity and [L]P = identity     (prime-order subgroup)

Without this, a key of small order makes OpenSSL accept one signature for every message. It runs
once per key, never per signature, so plain Python is fast enough (about a millisecond).
"""

from __future__ import annotations

from verifier.errors import NotVerified

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

# Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z.
_Point = tuple[int, int, int, int]
_IDENTITY: _Point = (0, 1, 1, 0)


def check_public_key(raw: bytes) -> None:
    """Raise NotVerified (step `key`) unless `raw` is canonical and of prime order."""
    if len(raw) != 32:
        raise _refused("32 bytes", f"{len(raw)} bytes")
    point = _decompress(raw)
    if _is_identity(point):
        raise _refused("a point of prime order", "the identity")
    if not _is_identity(_times_order(point)):
        raise _refused("a point of prime order", "a point outside the prime-order subgroup")


def _decompress(raw: bytes) -> _Point:
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        raise _refused("a canonical encoding", "y not below p")
    u = (y * y - 1) % P
    v = (_D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P != 0:
        x = x * _ROOT_OF_MINUS_ONE % P
    if (v * x * x - u) % P != 0:
        raise _refused("a point on the curve", "no such point")
    if x == 0 and sign:
        raise _refused("a canonical encoding", "x = 0 with the sign bit set")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _add(a: _Point, b: _Point) -> _Point:
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m = (y1 - x1) * (y2 - x2) % P
    n = (y1 + x1) * (y2 + x2) % P
    c = 2 * _D * t1 * t2 % P
    k = 2 * z1 * z2 % P
    e, f, g, h = n - m, k - c, k + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(a: _Point) -> _Point:
    x, y, z, _ = a
    xx, yy = x * x % P, y * y % P
    h = xx + yy
    e = h - (x + y) ** 2
    g = xx - yy
    f = 2 * z * z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times_order(point: _Point) -> _Point:
    """[L]P from the top bit down, four bits at a time."""
    table = [_IDENTITY, point]
    for _ in range(14):
        table.append(_add(table[-1], point))
    result = _IDENTITY
    for shift in range(252, -1, -4):
        for _ in range(4):
            result = _double(result)
        digit = (L >> shift) & 15
        if digit:
            result = _add(result, table[digit])
    return result


def _is_identity(point: _Point) -> bool:
    x, y, z, _ = point
    return x % P == 0 and (y - z) % P == 0


def _refused(expected: str, found: str) -> NotVerified:
    return NotVerified("key", expected, found)
