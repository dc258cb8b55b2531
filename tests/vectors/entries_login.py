"""Keys to log in with: good and bad ones of ES384 and RS384; the login challenge."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)

from ledger.wire.ids import Hash
from ledger.wire.keys import ED25519
from ledger.wire.login_challenge import LABEL, login_message
from ledger.wire.login_keys import EXPONENT, encode_login_key
from tests.vectors.entries_world import CLINIC, MINUTE_MS, START_MS, STRANGER, cases, patched
from tests.vectors.tree_keys import seed

_P384: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1


def _rsa() -> RSAPrivateKey:
    """Of two primes, the first ones behind what follows from their labels."""
    p, q = (
        (int.from_bytes(b"".join(seed(f"{label} {part}") for part in range(4))) | 3 << 1022 | 1)
        + behind
        for label, behind in (("rs384 p", 430), ("rs384 q", 214))
    )
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = RSAPublicNumbers(EXPONENT, p * q)
    halves = rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q)
    return RSAPrivateNumbers(p, q, d, *halves, public).private_key()


ES384_KEY: Final[EllipticCurvePrivateKey] = derive_private_key(
    int.from_bytes(seed("es384")), SECP384R1()
)
RS384_KEY: Final = _rsa()
_, ES384_PUBLIC = encode_login_key(ES384_KEY.public_key())
_, RS384_PUBLIC = encode_login_key(RS384_KEY.public_key())


def login_key_vectors() -> dict[str, list[dict[str, object]]]:
    """Public keys of the two algorithms that sign nothing in a log."""
    modulus = int.from_bytes(RS384_PUBLIC)
    largest = (1 << 4096) - 1
    return {
        "es384": cases(
            "key",
            {
                "es384": ES384_PUBLIC,
                "es384-negated": patched(ES384_PUBLIC, 0, bytes([ES384_PUBLIC[0] ^ 1])),
                "es384-x-0": b"\x02" + bytes(48),
            },
            {
                "es384-not-on-the-curve": b"\x02" + (1).to_bytes(48),
                "es384-x-equals-p": b"\x02" + _P384.to_bytes(48),
                "es384-x-equals-p-plus-2": b"\x02" + (_P384 + 2).to_bytes(48),
                "es384-head-4": patched(ES384_PUBLIC, 0, b"\x04"),
                "es384-head-0": patched(ES384_PUBLIC, 0, b"\x00"),
                "es384-infinity": b"\x00",
                "es384-without-head": ES384_PUBLIC[1:],
                "es384-of-50-bytes": ES384_PUBLIC + b"\x00",
                "es384-uncompressed": _uncompressed(),
                "es384-empty": b"",
            },
        ),
        "rs384": cases(
            "key",
            {
                "rs384": RS384_PUBLIC,
                "rs384-of-2048-bits": (1 << 2047 | 1).to_bytes(256),
                "rs384-of-2049-bits": (1 << 2048 | 1).to_bytes(257),
                "rs384-of-4096-bits": largest.to_bytes(512),
            },
            {
                "rs384-of-2047-bits": (modulus >> 1 | 1).to_bytes(256),
                "rs384-of-2040-bits": RS384_PUBLIC[1:],
                "rs384-of-4097-bits": (1 << 4096 | 1).to_bytes(513),
                "rs384-leading-zero": b"\x00" + RS384_PUBLIC,
                "rs384-even": (modulus - 1).to_bytes(256),
                "rs384-as-ed25519": CLINIC.public,
                "rs384-empty": b"",
            },
        ),
    }


def _uncompressed() -> bytes:
    point = ES384_KEY.public_key().public_numbers()
    return b"\x04" + point.x.to_bytes(48) + point.y.to_bytes(48)


def login_vectors() -> dict[str, object]:
    """A signed challenge, and others of one change each in what was signed, or by whom."""
    log, nonce, expiry = Hash(seed("login: log")), seed("login: nonce"), START_MS + 5 * MINUTE_MS
    service, another = "https://records.example.org", "https://records.example.net"
    signed = login_message(log, nonce, expiry, service)
    other_log = login_message(Hash(seed("login: other log")), nonce, expiry, service)
    other_nonce = login_message(log, seed("login: other"), expiry, service)
    later = login_message(log, nonce, expiry + 1, service)
    signatures = {
        "ed25519": CLINIC.private.sign(signed),
        "log-another": CLINIC.private.sign(other_log),
        "nonce-another": CLINIC.private.sign(other_nonce),
        "expiry-a-millisecond-later": CLINIC.private.sign(later),
        "service-another": CLINIC.private.sign(login_message(log, nonce, expiry, another)),
        "service-none": CLINIC.private.sign(signed.removesuffix(service.encode())),
        "label-of-an-approval": CLINIC.private.sign(
            b"counterfoil/approval/v1" + signed.removeprefix(LABEL)
        ),
        "nonce-alone": CLINIC.private.sign(nonce),
        "key-another": STRANGER.private.sign(signed),
        "signature-of-63-bytes": CLINIC.private.sign(signed)[:-1],
    }
    return {
        "about": "login challenges in hex; valid: the key made this signature over signed",
        "cases": [
            {
                "name": name,
                "log": log.hex(),
                "nonce": nonce.hex(),
                "expiry": expiry,
                "service": service,
                "signed": signed.hex(),
                "alg": ED25519,
                "key": CLINIC.public.hex(),
                "signature": signature.hex(),
                "valid": name == "ed25519",
            }
            for name, signature in signatures.items()
        ],
    }
