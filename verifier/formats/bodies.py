"""The bodies by which a log begins, of trust entries and of batches.

    genesis      {"origin": tstr, "hash": "sha-256", "checkpoint": [two verifier keys: 01, 06],
                  "statement": {"alg": -19, "key": bstr32}, "governors": [1*16 governor],
                  "threshold": uint, "approvals": [*15 bstr]}
    governor     {"id": bstr16, "alg": -19 or -48, "key": bstr}
    succession   the fields of a genesis, "predecessor": predecessor, ? "renewal": renewal
    predecessor  {"log": bstr32, "origin": tstr, "size": uint, "root": bstr32,
                  "checkpoint": bstr, "approvals": [1*16 bstr]}
    renewal      {"hash": "sha3-256", "leaves": bstr32, "blobs": bstr32}
    trust        {"op": "governors", "governors": [1*16 governor], "threshold": uint, ? quorum}
    batch        member kind u8 (6 or 11) | count u32 (1 to 4096) | root 32

All but the batch are deterministic CBOR with exactly these fields. The threshold is 1 for one
governor, else the greater of 2 and two thirds of them, rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from verifier.errors import NotVerified, quote
from verifier.formats import cbor
from verifier.formats.claim import ACCESS, RECORD
from verifier.formats.fields import QUORUM, Fields, Quorum
from verifier.formats.keys import ED25519, ML_DSA_44, PublicKey
from verifier.formats.note import ED25519 as NOTE_ED25519
from verifier.formats.note import ML_DSA_44 as NOTE_ML_DSA_44
from verifier.formats.note import VerifierKey, is_name, parse_verifier_key

MAX_MEMBERS = 4096
MAX_GOVERNORS = 16
MAX_CHECKPOINT_BYTES = 16_384
_GENESIS = ("origin", "hash", "checkpoint", "statement", "governors", "threshold", "approvals")
_BATCH = Struct(">BI32s")


class Governor(NamedTuple):
    id: bytes
    key: PublicKey


class Governors(NamedTuple):
    members: tuple[Governor, ...]
    threshold: int

    def get(self, author: bytes) -> Governor | None:
        return next((member for member in self.members if member.id == author), None)


class Predecessor(NamedTuple):
    log: bytes
    origin: str
    size: int
    root: bytes
    checkpoint: bytes
    approvals: tuple[bytes, ...]


class Renewal(NamedTuple):
    leaves: bytes
    blobs: bytes


class Genesis(NamedTuple):
    """Of a log's first leaf: a genesis, or a succession, which has a predecessor."""

    origin: str
    checkpoint_keys: tuple[VerifierKey, ...]
    statement_key: PublicKey
    governors: Governors
    approvals: tuple[bytes, ...]
    predecessor: Predecessor | None = None
    renewal: Renewal | None = None

    @property
    def log_keys(self) -> list[PublicKey]:
        """The log's own: for its statements, and both on its checkpoints."""
        algs = {NOTE_ED25519: ED25519, NOTE_ML_DSA_44: ML_DSA_44}
        own = [PublicKey(algs[key.type], key.public_key) for key in self.checkpoint_keys]
        return [self.statement_key, *own]


class Trust(NamedTuple):
    governors: Governors
    quorum: Quorum | None


@dataclass(frozen=True, slots=True)
class Batch:
    member_kind: int
    count: int
    root: bytes


def parse_genesis(body: bytes) -> Genesis:
    fields = Fields("genesis", cbor.decode(body))
    fields.exactly(*_GENESIS)
    return _genesis(fields)


def parse_succession(body: bytes) -> Genesis:
    fields = Fields("succession", cbor.decode(body))
    fields.exactly(*_GENESIS, "predecessor", optional=("renewal",))
    genesis = _genesis(fields)._replace(predecessor=_predecessor(fields.nested("predecessor")))
    if "renewal" not in fields:
        return genesis
    renewal = fields.nested("renewal")
    renewal.exactly("hash", "leaves", "blobs")
    if renewal.get("hash", str) != "sha3-256":
        raise fields.false('hash "sha3-256"', quote(renewal.get("hash", str)))
    roots = Renewal(renewal.sized("leaves", 32), renewal.sized("blobs", 32))
    return genesis._replace(renewal=roots)


def _genesis(fields: Fields) -> Genesis:
    origin = _origin(fields)
    if fields.get("hash", str) != "sha-256":
        raise fields.false('hash "sha-256"', quote(fields.get("hash", str)))
    statement = fields.nested("statement")
    statement.exactly("alg", "key")
    if statement.get("alg", int) != ED25519:
        raise fields.false(f"a statement key of alg {ED25519}", str(statement.get("alg", int)))
    governors = _governors(fields)
    genesis = Genesis(
        origin,
        _checkpoint_keys(fields, origin),
        statement.key(),
        governors,
        fields.byte_strings("approvals", governors.threshold - 1, len(governors.members) - 1),
    )
    keys = [*(member.key for member in governors.members), *genesis.log_keys]
    if len(set(keys)) < len(keys):
        raise fields.false("one use for one key", "two")
    return genesis


def _origin(fields: Fields) -> str:
    origin = fields.get("origin", str)
    if not is_name(origin) or not origin.isprintable() or len(origin.encode()) > 255:
        raise fields.false("an origin that is a key name of at most 255 bytes", quote(origin))
    return origin


def _checkpoint_keys(fields: Fields, origin: str) -> tuple[VerifierKey, ...]:
    keys = []
    for text in fields.get("checkpoint", list):
        if not isinstance(text, str):
            raise fields.false("verifier keys as text", type(text).__name__)
        keys.append(parse_verifier_key(text))
    if sorted(key.type for key in keys) != [NOTE_ED25519, NOTE_ML_DSA_44]:
        raise fields.false("one Ed25519 and one ML-DSA-44 checkpoint key", f"{len(keys)} others")
    for key in keys:
        if key.name != origin:
            raise fields.false(f"checkpoint keys named {quote(origin)}", quote(key.name))
    return tuple(keys)


def _governors(fields: Fields) -> Governors:
    members = []
    for item in fields.items("governors", 1, MAX_GOVERNORS):
        governor = Fields(fields.step, item)
        governor.exactly("id", "alg", "key")
        members.append(Governor(governor.sized("id", 16), governor.key()))
    count = len(members)
    if len({member.id for member in members}) < count or len({m.key for m in members}) < count:
        raise fields.false("governors whose ids and keys differ", "one twice")
    threshold = fields.get("threshold", int)
    needed = 1 if count == 1 else max(2, -(-2 * count // 3))
    if threshold != needed:
        raise fields.false(f"threshold {needed} of {count} governors", str(threshold))
    return Governors(tuple(members), threshold)


def _predecessor(fields: Fields) -> Predecessor:
    fields.exactly("log", "origin", "size", "root", "checkpoint", "approvals")
    checkpoint = fields.get("checkpoint", bytes)
    if len(checkpoint) > MAX_CHECKPOINT_BYTES:
        raise fields.false(f"a checkpoint of at most {MAX_CHECKPOINT_BYTES} bytes", "more")
    return Predecessor(
        fields.sized("log", 32),
        _origin(fields),
        fields.natural("size", 1),
        fields.sized("root", 32),
        checkpoint,
        fields.byte_strings("approvals", 1, MAX_GOVERNORS),
    )


def parse_trust(body: bytes) -> Trust:
    fields = Fields("trust", cbor.decode(body))
    fields.exactly("op", "governors", "threshold", optional=QUORUM)
    if fields.get("op", str) != "governors":
        raise fields.false('op "governors"', quote(fields.get("op", str)))
    return Trust(_governors(fields), fields.quorum())


def parse_batch(body: bytes) -> Batch:
    if len(body) != _BATCH.size:
        raise NotVerified("batch", f"a body of {_BATCH.size} bytes", f"{len(body)} bytes")
    kind, count, root = _BATCH.unpack(body)
    if kind not in (RECORD, ACCESS):
        raise NotVerified("batch", "members of kind record or access", f"kind {kind}")
    if not 1 <= count <= MAX_MEMBERS:
        raise NotVerified("batch", f"1 to {MAX_MEMBERS} members", str(count))
    return Batch(kind, count, root)
