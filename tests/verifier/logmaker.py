"""Builds logs from the specification, for the verifier's tests: true ones, false where told.

Knows nothing of `verifier` or `ledger`: its own CBOR, trees and notes, in their plainest form.
Keys are fixed; only ML-DSA signatures differ from run to run.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

GENESIS, ACTOR, OPEN, RECORD, AMEND, RETRACT, LINK, ACCESS, BATCH = 1, 4, 5, 6, 7, 8, 9, 11, 17
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


def kid(public_key: bytes) -> bytes:
    return sha256(b"counterfoil/kid/v1" + b"\x32" + public_key)


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
    key: Ed25519PrivateKey, claim_bytes: bytes, key_id: bytes | None = None, **override: Any
) -> bytes:
    protected = {
        1: -19,
        3: "application/vnd.counterfoil.claim",
        4: kid(key.public_key().public_bytes_raw()) if key_id is None else key_id,
        15: {1: claim_bytes[50:66].hex(), 2: claim_bytes[34:50].hex()},
    }
    protected.update(override.get("header", {}))
    wrapped = cbor(override.get("protected", cbor(protected)))
    payload = cbor(claim_bytes)
    signature = override.get("signature") or key.sign(
        b"\x84\x6aSignature1" + wrapped + b"\x40" + payload
    )
    return b"\xd2\x84" + wrapped + b"\xa0" + payload + cbor(signature)


def leaf(seq: int, prev: bytes, prev_index: int, received: int, signed: bytes) -> bytes:
    return struct.pack(">BQ32sQQ", 1, seq, prev, prev_index, received) + signed


def member_leaf(
    seq: int, prev: bytes, prev_index: int, received: int, batch: int, position: int, item: bytes
) -> bytes:
    header = struct.pack(">BQ32sQQQI", 2, seq, prev, prev_index, received, batch, position)
    return header + item


@dataclass(frozen=True)
class Signer:
    id: bytes
    key: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()


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


class Log:
    def __init__(self, name: str = "one", origin: str = "log.example.com/one") -> None:
        self.origin = origin
        self.keys = LogKeys(origin, name)
        self.leaves: list[bytes] = []
        self.hashes: list[bytes] = []
        self.heads: dict[bytes, tuple[int, bytes, int]] = {}
        self.now = START_MS
        self.id = ZERO
        self.chain = sha256(b"log chain " + name.encode())[:16]
        self.governor = Signer(
            sha256(b"governor " + name.encode())[:16], ed25519_key("gov " + name)
        )
        self.log_key = ed25519_key("log statement " + name)

    @property
    def vkeys(self) -> list[str]:
        return [self.keys.ed_vkey, self.keys.ml_vkey]

    # Entries

    def entry_id(self, number: int | None = None, at: int | None = None) -> bytes:
        tail = bytearray(sha256(b"id %d" % (len(self.leaves) if number is None else number))[:10])
        tail[0] = 0x70 | tail[0] & 0x0F
        tail[2] = 0x80 | tail[2] & 0x3F
        return (self.now if at is None else at).to_bytes(6, "big") + bytes(tail)

    def put(self, raw: bytes, chain: bytes | None = None, seq: int = 0) -> int:
        """Append raw bytes; with `chain`, as its new head."""
        index = len(self.leaves)
        self.leaves.append(raw)
        self.hashes.append(leaf_hash(raw))
        if chain is not None:
            self.heads[chain] = (seq, self.hashes[-1], index)
        return index

    def place(self, chain: bytes, change: dict[str, Any]) -> tuple[int, bytes, int, int]:
        """seq, prev hash, prev index and received of the chain's next leaf, or as `change` says."""
        head = self.heads.get(chain)
        seq, prev, prev_index = (0, ZERO, 0) if head is None else (head[0] + 1, head[1], head[2])
        return (
            change.get("seq", seq),
            change.get("prev", prev),
            change.get("prev_index", prev_index),
            change.get("received", self.now),
        )

    def claim(self, kind: int, chain: bytes, author: bytes, **change: Any) -> bytes:
        sealed = kind in (OPEN, RECORD, AMEND, RETRACT, LINK, ACCESS)
        fields: dict[str, Any] = {
            "blob": sha256(b"blob") if sealed else ZERO,
            "size": 1024 if sealed else 0,
        }
        fields.update((k, v) for k, v in change.items() if k in _CLAIM_FIELDS)
        return claim(
            change.get("claim_kind", kind),
            change.get("log", self.id),
            change.get("claim_chain", chain),
            change.get("claim_author", author),
            change.get("entry_id") or self.entry_id(),
            change.get("authored", self.now),
            **fields,
        )

    def add(self, kind: int, chain: bytes, signer: Signer, **change: Any) -> int:
        """Append an entry; `change` replaces any field of claim, statement or header."""
        self.now += 1000
        claim_bytes = self.claim(kind, chain, signer.id, **change)
        if "edit_claim" in change:
            claim_bytes = change["edit_claim"](claim_bytes)
        signed = statement(
            change.get("key", signer.key),
            claim_bytes,
            change.get("kid"),
            **{k: v for k, v in change.items() if k in ("header", "protected", "signature")},
        )
        if "edit_statement" in change:
            signed = change["edit_statement"](signed)
        seq, prev, prev_index, received = self.place(chain, change)
        raw = leaf(seq, prev, prev_index, received, signed)
        if "edit_leaf" in change:
            raw = change["edit_leaf"](raw)
        return self.put(raw, chain, seq)

    def genesis(self, **change: Any) -> None:
        body = {
            "origin": self.origin,
            "hash": "sha-256",
            "checkpoint": self.vkeys,
            "statement": {"alg": -19, "key": self.log_key.public_key().public_bytes_raw()},
            "governors": [{"id": self.governor.id, "alg": -19, "key": self.governor.public}],
            "threshold": 1,
            "approvals": [],
        }
        body.update(change.pop("fields", {}))
        change.setdefault("body", cbor(body))
        change.setdefault("log", sha256(self.origin.encode()))
        self.add(GENESIS, self.chain, self.governor, **change)
        self.id = self.hashes[0]

    def enrol(self, name: str, role: str = "organisation", **change: Any) -> Signer:
        signer = Signer(change.pop("id", sha256(b"actor " + name.encode())[:16]), ed25519_key(name))
        key = {"alg": -19, "key": change.pop("public", signer.public), "use": "statement"}
        key.update(change.pop("key_fields", {}))
        body = {"op": "enrol", "role": role, "keys": [key]}
        change.setdefault("body", cbor(body))
        self.add(ACTOR, signer.id, change.pop("by", self.governor), **change)
        return signer

    def revoke(self, signer: Signer, **change: Any) -> None:
        body = {"op": "revoke", "kid": change.pop("revoked", kid(signer.public))}
        self.add(ACTOR, signer.id, change.pop("by", self.governor), body=cbor(body), **change)

    def open(self, name: str, signer: Signer, **change: Any) -> bytes:
        chain = sha256(b"person " + name.encode())[:16]
        self.add(OPEN, chain, signer, **change)
        return chain

    def derived(self, what: str, owner: bytes) -> bytes:
        return sha256(f"counterfoil/chain/{what}/v1".encode() + self.id + owner)[:16]

    def batch(
        self, signer: Signer, chains: list[bytes], kind: int = RECORD, **change: Any
    ) -> list[int]:
        """A batch with one member per chain named.

        `members` edits the member claims after the root was made, `member` the fields of one
        before, `raw` one member's leaf.
        """
        self.now += 1000
        claims = []
        for i, chain in enumerate(chains):
            fields = {"entry_id": self.entry_id(1_000_000 + len(self.leaves) * 5000 + i)}
            fields.update(change.get("member", lambda i: {})(i))
            claims.append(self.claim(kind, chain, signer.id, **fields))
        root = tree_root(
            [sha256(b"\x00counterfoil/batch-member/v1" + claim_bytes) for claim_bytes in claims]
        )
        body = struct.pack(
            ">BI32s",
            change.get("member_kind", kind),
            change.get("count", len(claims)),
            change.get("root", root),
        )
        own = {k: v for k, v in change.items() if k not in ("member", "members", "raw", "kind")}
        own.setdefault("body", body)
        batch = self.add(BATCH, own.pop("chain", self.derived("batch", signer.id)), signer, **own)
        indexes = []
        for position, claim_bytes in enumerate(change.get("members", lambda c: c)(claims)):
            chain = claim_bytes[34:50]
            seq, prev, prev_index, received = self.place(chain, {})
            raw = member_leaf(seq, prev, prev_index, received, batch, position, claim_bytes)
            raw = change.get("raw", lambda p, r: r)(position, raw)
            indexes.append(self.put(raw, chain, seq))
        return indexes

    # Files

    def root(self, size: int | None = None) -> bytes:
        return tree_root(self.hashes[:size])

    def checkpoint(self, size: int | None = None, lines: str = "em") -> bytes:
        size = len(self.leaves) if size is None else size
        return self.keys.checkpoint(size, self.root(size), lines)

    def files(self, size: int | None = None) -> dict[str, bytes]:
        """The log in tlog-tiles layout; tree and checkpoint are true to whatever it holds."""
        size = len(self.leaves) if size is None else size
        files = {"checkpoint": self.checkpoint(size)}
        for start in range(0, size, 256):
            part = self.leaves[start : min(start + 256, size)]
            files[tile_path("entries", start // 256, len(part))] = bundle(part)
        level, row = 0, self.hashes[:size]
        while row:
            for start in range(0, len(row), 256):
                part = row[start : start + 256]
                files[tile_path(level, start // 256, len(part))] = b"".join(part)
            full = len(row) // 256
            row = [tree_root(row[256 * i : 256 * i + 256]) for i in range(full)]
            level += 1
        return files

    def proof(self, index: int, lines: str = "em", extra: bytes | None = None) -> bytes:
        head = "c2sp.org/tlog-proof@v1\n"
        if extra is not None:
            head += f"extra {b64(extra)}\n"
        head += f"index {index}\n"
        head += "".join(f"{b64(item)}\n" for item in inclusion(index, self.hashes))
        return head.encode() + b"\n" + self.checkpoint(lines=lines)


_CLAIM_FIELDS = ("version", "blob", "size", "expires", "amended", "body")


class Sample(Log):
    """A small true log with every kind of entry and chain."""

    def __init__(self, name: str = "one", origin: str = "log.example.com/one") -> None:
        super().__init__(name, origin)
        self.genesis()
        self.clinic = self.enrol("clinic")
        self.pharmacy = self.enrol("pharmacy", blob=sha256(b"name"), size=512)
        self.person = self.open("person", self.clinic)
        self.other = self.open("other person", self.pharmacy)
        self.record = self.add(RECORD, self.person, self.clinic)
        self.amend = self.add(AMEND, self.person, self.clinic, amended=self.hashes[self.record])
        self.access = self.add(ACCESS, self.person, self.pharmacy)
        self.add(LINK, self.person, self.clinic)
        self.directory = self.derived("directory", self.clinic.id)
        self.add(RECORD, self.directory, self.clinic, expires=self.now + DAY_MS)
        self.members = self.batch(self.clinic, [self.person, self.other, self.person])
        self.add(RETRACT, self.person, self.clinic, amended=self.hashes[self.amend])


class Memory:
    """Files in memory, as a source for the verifier."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str, limit: int) -> bytes | None:
        raw = self.files.get(path)
        return None if raw is None else raw[: limit + 1]


def write(files: dict[str, bytes], directory: Path) -> Path:
    for path, raw in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
    return directory
