"""The three bodies that are readable without the vault.

genesis  {"origin": tstr, "hash": "sha-256", "checkpoint": [verifier key 01, verifier key 06],
          "statement": {"alg": -19, "key": bstr32}, "threshold": 1, "approvals": [],
          "governors": [{"id": bstr16, "alg": -19, "key": bstr32}]}    more: not supported yet
actor    {"op": "enrol", "role": tstr, "keys": [{"alg": -19, "key": bstr32, "use": "statement"}]}
         {"op": "revoke", "kid": bstr32}
batch    member kind u8 (6 or 11) | count u32 (1 to 4096) | root 32

Genesis and actor are deterministic CBOR with exactly these fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TypeVar

from verifier import cbor
from verifier.claim import ACCESS, RECORD
from verifier.ed25519 import check_public_key
from verifier.errors import NotVerified, quote
from verifier.note import ED25519, ML_DSA_44, VerifierKey, is_name, parse_verifier_key
from verifier.statement import ED25519 as ALG_ED25519

ROLES = frozenset(
    {
        "custodian",
        "organisation",
        "practitioner",
        "person",
        "proxy",
        "guardian",
        "device",
        "app",
        "gateway",
        "auditor",
        "researcher",
    }
)
MAX_MEMBERS = 4096
_BATCH = Struct(">BI32s")
_T = TypeVar("_T", int, bytes, str, list[cbor.Value], dict[cbor.Key, cbor.Value])


@dataclass(frozen=True, slots=True)
class Genesis:
    origin: str
    checkpoint_keys: tuple[VerifierKey, ...]
    statement_key: bytes
    governor: bytes
    governor_key: bytes

    @property
    def checkpoint_ed25519(self) -> bytes:
        return next(key.public_key for key in self.checkpoint_keys if key.type == ED25519)


@dataclass(frozen=True, slots=True)
class Enrol:
    role: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Revoke:
    kid: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    member_kind: int
    count: int
    root: bytes


def parse_genesis(body: bytes) -> Genesis:
    fields = _Fields("genesis", cbor.decode(body))
    fields.exactly(
        "origin", "hash", "checkpoint", "statement", "governors", "threshold", "approvals"
    )
    origin = fields.get("origin", str)
    if not is_name(origin) or not origin.isprintable() or len(origin.encode()) > 255:
        raise fields.false("an origin that is a key name of at most 255 bytes", quote(origin))
    if fields.get("hash", str) != "sha-256":
        raise fields.false('hash "sha-256"', quote(fields.get("hash", str)))
    governors = fields.get("governors", list)
    if len(governors) != 1:
        raise fields.false("one governor", f"{len(governors)}: not supported yet")
    if fields.get("threshold", int) != 1 or fields.get("approvals", list):
        raise fields.false("threshold 1 and no approvals with one governor", "others")
    governor = _Fields("genesis", governors[0])
    governor.exactly("id", "alg", "key")
    statement = _Fields("genesis", fields.get("statement", dict))
    statement.exactly("alg", "key")
    genesis = Genesis(
        origin,
        _checkpoint_keys(fields, origin),
        statement.ed25519_key(),
        governor.sized("id", 16),
        governor.ed25519_key(),
    )
    if len({genesis.statement_key, genesis.governor_key, genesis.checkpoint_ed25519}) != 3:
        raise fields.false("three keys for three uses", "one key for two")
    return genesis


def _checkpoint_keys(fields: _Fields, origin: str) -> tuple[VerifierKey, ...]:
    keys = []
    for text in fields.get("checkpoint", list):
        if not isinstance(text, str):
            raise fields.false("verifier keys as text", type(text).__name__)
        keys.append(parse_verifier_key(text))
    if sorted(key.type for key in keys) != [ED25519, ML_DSA_44]:
        raise fields.false("one Ed25519 and one ML-DSA-44 checkpoint key", f"{len(keys)} others")
    for key in keys:
        if key.name != origin:
            raise fields.false(f"checkpoint keys named {quote(origin)}", quote(key.name))
    return tuple(keys)


def parse_actor(body: bytes) -> Enrol | Revoke:
    fields = _Fields("actor", cbor.decode(body))
    op = fields.get("op", str)
    if op == "revoke":
        fields.exactly("op", "kid")
        return Revoke(fields.sized("kid", 32))
    if op != "enrol":
        raise fields.false('op "enrol" or "revoke"', quote(op))
    fields.exactly("op", "role", "keys")
    role = fields.get("role", str)
    if role not in ROLES:
        raise fields.false("a known role", quote(role))
    keys = fields.get("keys", list)
    if len(keys) != 1:
        raise fields.false("exactly one key", str(len(keys)))
    key = _Fields("actor", keys[0])
    key.exactly("alg", "key", "use")
    if key.get("use", str) != "statement":
        raise fields.false('use "statement"', quote(key.get("use", str)))
    return Enrol(role, key.ed25519_key())


def parse_batch(body: bytes) -> Batch:
    if len(body) != _BATCH.size:
        raise NotVerified("batch", f"a body of {_BATCH.size} bytes", f"{len(body)} bytes")
    kind, count, root = _BATCH.unpack(body)
    if kind not in (RECORD, ACCESS):
        raise NotVerified("batch", "members of kind record or access", f"kind {kind}")
    if not 1 <= count <= MAX_MEMBERS:
        raise NotVerified("batch", f"1 to {MAX_MEMBERS} members", str(count))
    return Batch(kind, count, root)


class _Fields:
    """A CBOR map with text keys, read by name and type."""

    def __init__(self, step: str, value: cbor.Value) -> None:
        self._step = step
        if not isinstance(value, dict):
            raise self.false("a map", type(value).__name__)
        self._fields = value

    def exactly(self, *names: str) -> None:
        if set(self._fields) != set(names):
            found = ", ".join(quote(str(name)) for name in list(self._fields)[:8])
            raise self.false(f"the fields {', '.join(names)}", found or "none")

    def get(self, name: str, kind: type[_T]) -> _T:
        value = self._fields.get(name)
        if not isinstance(value, kind):
            raise self.false(f"{name} as {kind.__name__}", type(value).__name__)
        return value

    def sized(self, name: str, size: int) -> bytes:
        value = self.get(name, bytes)
        if len(value) != size:
            raise self.false(f"{name} of {size} bytes", f"{len(value)} bytes")
        return value

    def ed25519_key(self) -> bytes:
        if self.get("alg", int) != ALG_ED25519:
            raise self.false(f"alg {ALG_ED25519}", str(self.get("alg", int)))
        key = self.sized("key", 32)
        check_public_key(key)
        return key

    def false(self, expected: str, found: str) -> NotVerified:
        return NotVerified(self._step, expected, found)
