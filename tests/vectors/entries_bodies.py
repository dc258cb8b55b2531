"""Cases for ids, keys, CBOR and batch bodies."""

from __future__ import annotations

from typing import Final

from ledger.merkle import subtree_root
from ledger.wire import cbor
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import Kind
from ledger.wire.ids import BATCH_CHAIN, DIRECTORY_CHAIN, EPOCH_CHAIN, ActorId, Hash, derived_chain
from ledger.wire.keys import ED25519, ML_DSA_44, key_id
from ledger.wire.login_keys import ES384, RS384
from tests.vectors.entries_login import ES384_PUBLIC, RS384_PUBLIC, login_key_vectors
from tests.vectors.entries_world import (
    AUTHOR_ML_DSA,
    CLINIC,
    GOVERNOR,
    LOG_CHAIN,
    START_MS,
    cases,
    entry_id,
    patched,
)
from tests.vectors.tree_keys import seed

SMALL_ORDER: Final = bytes.fromhex(
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
)
_P: Final = 2**255 - 19


def _number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def ids_vectors() -> dict[str, object]:
    """Entry ids, derived chains and key ids."""
    good = {
        "start": entry_id(START_MS, "ids"),
        "time-0": entry_id(0, "ids"),
        "time-2-to-the-48-less-1": entry_id(2**48 - 1, "ids"),
        "rfc-9562-example": bytes.fromhex("017f22e279b07cc398c4dc0c0c07398f"),
    }
    one = good["start"]
    bad = {
        "version-4": patched(one, 6, bytes([one[6] & 0x0F | 0x40])),
        "version-8": patched(one, 6, bytes([one[6] & 0x0F | 0x80])),
        "variant-0": patched(one, 8, bytes([one[8] & 0x3F])),
        "variant-1": patched(one, 8, bytes([one[8] & 0x3F | 0x40])),
        "variant-3": patched(one, 8, bytes([one[8] | 0xC0])),
        "zero": bytes(16),
        "of-15-bytes": one[:-1],
        "of-17-bytes": one + b"\x00",
    }
    rows = cases("entry_id", good, bad)
    for row in rows:
        if row["valid"]:
            row["unix_ms"] = int.from_bytes(good[str(row["name"])][:6], "big")
    log = Hash(seed("ids: log"))
    owners = ((BATCH_CHAIN, CLINIC.id), (DIRECTORY_CHAIN, CLINIC.id), (EPOCH_CHAIN, LOG_CHAIN))
    return {
        "about": "entry ids, derived chains, key ids; everything in hex but labels and numbers",
        "cases": rows,
        "chains": [
            {
                "label": label.decode(),
                "log": log.hex(),
                "owner": owner.hex(),
                "chain": derived_chain(label, log, ActorId(owner)).hex(),
            }
            for label, owner in owners
        ],
        "kids": [
            {"alg": alg, "key": key.hex(), "kid": key_id(alg, key).hex()}
            for alg, key in (
                (ED25519, CLINIC.public),
                (ML_DSA_44, AUTHOR_ML_DSA.public_key().public_bytes_raw()),
                (ES384, ES384_PUBLIC),
                (RS384, RS384_PUBLIC),
            )
        ],
    }


def keys_vectors() -> dict[str, object]:
    """Public keys that may and that must not be used."""
    good = {"clinic": CLINIC.public, "governor": GOVERNOR.public}
    good["base-point"] = _number(4 * pow(5, -1, _P) % _P)
    bad = {
        "identity": _number(1),
        "identity-with-sign": patched(_number(1), 31, b"\x80"),
        "order-2": _number(_P - 1),
        "order-2-with-sign": patched(_number(_P - 1), 31, b"\xff"),
        "order-4": bytes(32),
        "order-4-with-sign": patched(bytes(32), 31, b"\x80"),
        "order-8": SMALL_ORDER,
        "order-8-with-sign": patched(SMALL_ORDER, 31, b"\xfa"),
        "y-equals-p": _number(_P),
        "y-equals-p-plus-1": _number(_P + 1),
        "y-equals-2-to-the-255-less-1": _number(2**255 - 1),
        "not-on-the-curve": _number(2),
        "in-the-whole-group": bytes.fromhex(_MIXED),
        "of-31-bytes": CLINIC.public[:-1],
        "of-33-bytes": CLINIC.public + b"\x00",
        "empty": b"",
    }
    return {
        "about": "public keys in hex: Ed25519 (cases; valid: canonical, prime order, not the "
        "identity), and what may log in beside (es384, rs384)",
        "cases": cases("key", good, bad),
        **login_key_vectors(),
    }


# The base point plus the point of order 2, (0, -1): (-x, -y).
_MIXED: Final = ((_P - 4 * pow(5, -1, _P) % _P) | 1 << 255).to_bytes(32, "little").hex()


def cbor_vectors() -> dict[str, object]:
    """Deterministic CBOR; good ones with their diagnostic notation."""
    good = _good_cbor()
    rows = cases("cbor", {name: data for name, (data, _) in good.items()}, _bad_cbor())
    for row in rows:
        if row["valid"]:
            row["diagnostic"] = good[str(row["name"])][1]
    return {
        "about": "CBOR in hex; valid: inside the deterministic subset, map keys as text or integer",
        "cases": rows,
    }


def _good_cbor() -> dict[str, tuple[bytes, str]]:
    integers = (0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1)
    rows = {f"uint-{value}": (cbor.encode(value), str(value)) for value in integers}
    rows |= {f"nint-{-1 - value}": (cbor.encode(-1 - value), str(-1 - value)) for value in integers}
    eight = b"\x81" * 7 + b"\x80"
    rows |= {
        "bytes-empty": (b"\x40", "h''"),
        "bytes-23": (b"\x57" + bytes(23), f"h'{'00' * 23}'"),
        "bytes-24": (b"\x58\x18" + bytes(24), f"h'{'00' * 24}'"),
        "text-empty": (b"\x60", '""'),
        "text-ascii": (b"\x63abc", '"abc"'),
        "text-multibyte": (b"\x66\xe8\xa8\xba\xe7\x99\x82", '"診療"'),
        "array-empty": (b"\x80", "[]"),
        "array": (b"\x83\x01\x20\x41\x00", "[1, -1, h'00']"),
        "map-empty": (b"\xa0", "{}"),
        "map": (b"\xa2\x61a\x01\x62bb\x02", '{"a": 1, "bb": 2}'),
        # RFC 7049 would put the shorter key first.
        "map-order-of-rfc-8949": (b"\xa3\x18\x64\x00\x20\x01\x61a\x02", '{100: 0, -1: 1, "a": 2}'),
        "depth-8": (eight, "[[[[[[[[]]]]]]]]"),
        "depth-8-integer": (b"\x81" * 7 + b"\x00", "[[[[[[[0]]]]]]]"),
    }
    return rows


def _bad_cbor() -> dict[str, bytes]:
    return {
        "empty": b"",
        "two-items": b"\x00\x00",
        "byte-added": b"\x80\x00",
        "uint-23-in-2-bytes": b"\x18\x17",
        "uint-255-in-3-bytes": b"\x19\x00\xff",
        "uint-65535-in-5-bytes": b"\x1a\x00\x00\xff\xff",
        "uint-in-9-bytes-too-small": b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        "uint-2-to-the-53": b"\x1b\x00\x20\x00\x00\x00\x00\x00\x00",
        "uint-2-to-the-64-less-1": b"\x1b" + b"\xff" * 8,
        "nint-less-than-minus-2-to-the-53": b"\x3b\x00\x20\x00\x00\x00\x00\x00\x00",
        "uint-cut-short": b"\x19\x01",
        "uint-reserved-28": b"\x1c",
        "uint-reserved-31": b"\x1f",
        "bytes-cut-short": b"\x42\x00",
        "bytes-length-not-shortest": b"\x58\x01\x00",
        "bytes-indefinite": b"\x5f\x41\x00\xff",
        "bytes-length-2-to-the-64-less-1": b"\x5b" + b"\xff" * 8,
        "text-cut-short": b"\x62a",
        "text-indefinite": b"\x7f\x61a\xff",
        "text-not-utf8": b"\x61\xff",
        "text-overlong": b"\x62\xc0\xaf",
        "text-surrogate": b"\x63\xed\xa0\x80",
        "text-cut-inside-a-character": b"\x62\xe8\xa8",
        "array-cut-short": b"\x82\x00",
        "array-indefinite": b"\x9f\xff",
        "array-length-2-to-the-53-less-1": b"\x9b\x00\x1f" + b"\xff" * 6,
        "map-cut-short": b"\xa1\x61a",
        "map-indefinite": b"\xbf\xff",
        "map-keys-unordered": b"\xa2\x61b\x01\x61a\x02",
        "map-keys-by-length": b"\xa3\x20\x01\x18\x64\x00\x61a\x02",
        "map-key-twice": b"\xa2\x61a\x01\x61a\x01",
        "map-key-bytes": b"\xa1\x40\x00",
        "map-key-array": b"\xa1\x80\x00",
        "map-key-map": b"\xa1\xa0\x00",
        "map-length-2-to-the-53-less-1": b"\xbb\x00\x1f" + b"\xff" * 6,
        "tag": b"\xc0\x60",
        "tag-18": b"\xd2\x80",
        "false": b"\xf4",
        "true": b"\xf5",
        "null": b"\xf6",
        "undefined": b"\xf7",
        "simple-value": b"\xf8\x20",
        "float-16": b"\xf9\x00\x00",
        "float-32": b"\xfa\x00\x00\x00\x00",
        "float-64": b"\xfb" + bytes(8),
        "break": b"\xff",
        "tag-inside": b"\x81\xc0\x60",
        "depth-9": b"\x81" * 8 + b"\x80",
        "depth-9-integer": b"\x81" * 8 + b"\x00",
        "depth-1000": b"\x81" * 1000 + b"\x00",
    }


def batch_vectors() -> dict[str, object]:
    """Batch bodies, and roots over members' claims."""
    root = Hash(seed("batch: root"))
    good = {
        "one-record": BatchBody(Kind.RECORD, 1, root).encode(),
        "accesses": BatchBody(Kind.ACCESS, 300, root).encode(),
        "4096-records": BatchBody(Kind.RECORD, 4096, root).encode(),
    }
    one = good["one-record"]
    bad = {
        "empty": b"",
        "last-byte-missing": one[:-1],
        "byte-added": one + b"\x00",
        "no-members": patched(one, 1, bytes(4)),
        "4097-members": patched(one, 1, (4097).to_bytes(4, "big")),
        "2-to-the-32-less-1-members": patched(one, 1, b"\xff" * 4),
    }
    bad |= {
        f"members-of-kind-{int(kind)}": patched(one, 0, bytes([kind]))
        for kind in (0, *(k for k in Kind if k not in (Kind.RECORD, Kind.ACCESS)), 255)
    }
    roots = []
    for count in (1, 2, 3, 5, 8):
        claims = [seed(f"batch: member {at}") * 5 + bytes(10) for at in range(count)]
        hashes = member_hashes(claims)
        roots.append(
            {
                "claims": [claim.hex() for claim in claims],
                "leaf_hashes": [value.hex() for value in hashes],
                "root": subtree_root(hashes).hex(),
            }
        )
    return {
        "about": "batch bodies and roots in hex; the claims under the roots are 170 bytes of noise",
        "cases": cases("body", good, bad),
        "roots": roots,
    }
