"""The formats of the specification, made for the verifier's tests: right ones, wrong where told.

Knows nothing of `verifier` or `ledger`: its own CBOR, trees and notes, in their plainest form.
Keys are fixed; only ML-DSA signatures differ from run to run.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

GENESIS, SUCCESSION, TRUST, ACTOR, OPEN, RECORD, AMEND, RETRACT = range(1, 9)
LINK, UNLINK, ACCESS, ERASURE, BATCH, EPOCH = 9, 10, 11, 16, 17, 18
ZERO = bytes(32)
START_MS = 1_750_000_000_000
DAY_MS = 86_400_000


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def cbor(value: Any) -> bytes:
    if isinstance(value, int):
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor, value))
    items = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return cbor_head(5, len(items)) + b"".join(key + item for key, item in items)


def cbor_head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes([major << 5 | info]) + number.to_bytes(width, "big")
    raise ValueError(number)


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf)


def tree_root(hashes: list[bytes]) -> bytes:
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01" + tree_root(hashes[:split]) + tree_root(hashes[split:]))


def inclusion(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) < 2:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return [*inclusion(index, hashes[:split]), tree_root(hashes[split:])]
    return [*inclusion(index - split, hashes[split:]), tree_root(hashes[:split])]


def consistency(old: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """From the tree of the first `old` to that of all."""
    if old == len(hashes):
        return [] if whole else [tree_root(hashes)]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if old <= split:
        return [*consistency(old, hashes[:split], whole), tree_root(hashes[split:])]
    return [*consistency(old - split, hashes[split:], False), tree_root(hashes[:split])]


def tile_path(level: object, number: int, width: int = 256) -> str:
    digits = f"{number:d}".rjust(-(-len(f"{number:d}") // 3) * 3, "0")
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")


def bundle(leaves: list[bytes]) -> bytes:
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ed25519_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()))


def ml_dsa_key(name: str) -> MLDSA44PrivateKey:
    return MLDSA44PrivateKey.from_seed_bytes(sha256(name.encode()))


PrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey


def alg_of(key: PrivateKey) -> int:
    return -19 if isinstance(key, Ed25519PrivateKey) else -48


def kid(public_key: bytes, alg: int = -19) -> bytes:
    return sha256(b"counterfoil/kid/v1" + cbor(alg) + public_key)


def kid_of(key: PrivateKey) -> bytes:
    return kid(key.public_key().public_bytes_raw(), alg_of(key))


def approval(
    signer: Signer,
    kind: int,
    log: bytes,
    chain: bytes,
    prev: bytes,
    change: dict[str, Any],
    expires: int = 0,
) -> bytes:
    """A governor's word for a change: the body without approvals and expires."""
    payload = b"counterfoil/approval/v1" + bytes([kind]) + log + chain + prev
    payload += sha256(cbor(change)) + expires.to_bytes(8, "big")
    protected = cbor(cbor({1: alg_of(signer.key), 4: signer.kid}))
    signature = signer.key.sign(b"\x84\x6aSignature1" + protected + b"\x40" + cbor(payload))
    return b"\xd2\x84" + protected + b"\xa0\xf6" + cbor(signature)


def claim(
    kind: int,
    log: bytes,
    chain: bytes,
    author: bytes,
    entry_id: bytes,
    authored: int,
    *,
    version: int = 1,
    blob: bytes = ZERO,
    size: int = 0,
    expires: int = 0,
    amended: bytes = ZERO,
    body: bytes = b"",
) -> bytes:
    fixed = struct.pack(
        ">BB32s16s16s16sQ32sQQ32s",
        version, kind, log, chain, author, entry_id, authored, blob, size, expires, amended,
    )  # fmt: skip
    assert len(fixed) == 170
    return fixed + body


def statement(
    key: PrivateKey, claim_bytes: bytes, key_id: bytes | None = None, **override: Any
) -> bytes:
    protected = {
        1: alg_of(key),
        3: "application/vnd.counterfoil.claim",
        4: kid_of(key) if key_id is None else key_id,
        15: {1: claim_bytes[50:66].hex(), 2: claim_bytes[34:50].hex()},
    }
    protected.update(override.get("header", {}))
    wrapped = cbor(override.get("protected", cbor(protected)))
    payload = cbor(claim_bytes)
    signature = override.get("signature") or key.sign(
        b"\x84\x6aSignature1" + wrapped + b"\x40" + payload
    )
    return b"\xd2\x84" + wrapped + b"\xa0" + payload + cbor(signature)


def leaf(
    seq: int, prev: bytes, prev_index: int, received: int, signed: bytes, version: int = 1
) -> bytes:
    return struct.pack(">BQ32sQQ", version, seq, prev, prev_index, received) + signed


def member_leaf(
    place: tuple[int, bytes, int, int], batch: int, position: int, item: bytes, version: int = 2
) -> bytes:
    return struct.pack(">BQ32sQQQI", version, *place, batch, position) + item


@dataclass(frozen=True)
class Signer:
    id: bytes
    key: PrivateKey

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def kid(self) -> bytes:
        return kid_of(self.key)

    @property
    def governor(self) -> dict[str, Any]:
        """As it stands in a list of governors."""
        return {"id": self.id, "alg": alg_of(self.key), "key": self.public}


def threshold(governors: int) -> int:
    return 1 if governors == 1 else max(2, -(-2 * governors // 3))


class LogKeys:
    """The log's own keys on checkpoints."""

    def __init__(self, origin: str, name: str) -> None:
        self.origin = origin
        self.ed25519 = ed25519_key(name + " checkpoint")
        self.ml_dsa = ml_dsa_key(name + " checkpoint")
        self.ed_vkey = self._vkey(1, self.ed25519.public_key().public_bytes_raw())
        self.ml_vkey = self._vkey(6, self.ml_dsa.public_key().public_bytes_raw())

    def _vkey(self, kind: int, public_key: bytes) -> str:
        key = bytes([kind]) + public_key
        key_id = sha256(self.origin.encode() + b"\n" + key)[:4]
        return f"{self.origin}+{key_id.hex()}+{b64(key)}"

    def _line(self, vkey: str, signature: bytes) -> str:
        return f"— {self.origin} {b64(bytes.fromhex(vkey.split('+')[1]) + signature)}\n"

    def ed_line(self, text: str) -> str:
        return self._line(self.ed_vkey, self.ed25519.sign(text.encode()))

    def ml_line(self, size: int, root: bytes, seconds: int = 1_750_000_000) -> str:
        name = bytes([len(self.origin)]) + self.origin.encode()
        message = b"subtree/v1\n\0" + name + seconds.to_bytes(8, "big") + name
        message += bytes(8) + size.to_bytes(8, "big") + root
        signature = seconds.to_bytes(8, "big") + self.ml_dsa.sign(message)
        return self._line(self.ml_vkey, signature)

    def checkpoint(self, size: int, root: bytes, lines: str = "em") -> bytes:
        text = f"{self.origin}\n{size}\n{b64(root)}\n"
        signatures = {"e": lambda: self.ed_line(text), "m": lambda: self.ml_line(size, root)}
        return (text + "\n" + "".join(signatures[line]() for line in lines)).encode()
