"""Registry: who may sign at a position of the log, as a fold over genesis and actor entries.

    genesis   {"origin", "hash", "checkpoint": [vkey], "statement": {alg, key},
               "governors": [{id, alg, key}], "threshold", "approvals"}
    enrol     {"op": "enrol", "role", "keys": [{alg, key, use: "statement"}]}
    revoke    {"op": "revoke", "kid"}

One governor for now; the format admits sixteen. A key is registered once in the whole log and
never again, so a revoked key cannot return under another name. Specification:
docs/spec/registry.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.checkpoint import MAX_NAME_SIZE, TYPE_ML_DSA_44, checkpoint_verifier
from ledger.wire.claim import Claim
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    ID_SIZE,
    ActorId,
    ChainId,
    Hash,
    derived_chain,
)
from ledger.wire.keys import ED25519, KeyId, key_id, load_ed25519
from ledger.wire.lines import check_name
from ledger.wire.note import TYPE_ED25519, parse_vkey

ROLES: Final = frozenset(
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
MAX_GOVERNORS: Final = 16


@dataclass(frozen=True, slots=True)
class Genesis:
    """The body of the first leaf."""

    origin: str
    checkpoint_keys: tuple[str, ...]
    statement_key: bytes
    governor: ActorId
    governor_key: bytes

    def encode(self) -> bytes:
        _check_origin(self.origin)
        return cbor.encode(
            {
                "origin": self.origin,
                "hash": "sha-256",
                "checkpoint": list(self.checkpoint_keys),
                "statement": {"alg": ED25519, "key": self.statement_key},
                "governors": [{"id": self.governor, "alg": ED25519, "key": self.governor_key}],
                "threshold": 1,
                "approvals": [],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Genesis:
        """Decode strictly. Raises BadRequest."""
        body = _fields(data, "approvals checkpoint governors hash origin statement threshold")
        origin, keys, governors = body["origin"], body["checkpoint"], body["governors"]
        if body["hash"] != "sha-256":
            raise BadRequest("genesis names a hash that this reader does not know")
        if not isinstance(origin, str) or not isinstance(keys, list):
            raise BadRequest("genesis names no origin or no checkpoint keys")
        _check_origin(origin)
        if not isinstance(governors, list) or not 1 <= len(governors) <= MAX_GOVERNORS:
            raise BadRequest(f"genesis must name 1 to {MAX_GOVERNORS} governors")
        if len(governors) > 1 or body["threshold"] != 1 or body["approvals"] != []:
            raise BadRequest("genesis with several governors is not supported yet")
        governor = _entry(governors[0], "alg id key")
        actor = governor["id"]
        if not isinstance(actor, bytes) or len(actor) != ID_SIZE:
            raise BadRequest("genesis governor has no id of 16 bytes")
        statement_key = _ed25519(_entry(body["statement"], "alg key"))
        governor_key = _ed25519(governor)
        genesis = cls(
            origin, _checkpoint_keys(keys, origin), statement_key, ActorId(actor), governor_key
        )
        if len(set(genesis.ed25519_keys)) != 3:
            raise BadRequest("genesis has one key for two uses")
        return genesis

    @property
    def ed25519_keys(self) -> tuple[bytes, bytes, bytes]:
        """The keys of the governor, of the log's statements and of its checkpoints."""
        vkeys = (parse_vkey(text) for text in self.checkpoint_keys)
        (checkpoint,) = (vkey.public_key for vkey in vkeys if vkey.type == TYPE_ED25519)
        return self.governor_key, self.statement_key, checkpoint


@dataclass(frozen=True, slots=True)
class Enrol:
    """A new actor with its first statement key."""

    role: str
    key: bytes

    def encode(self) -> bytes:
        if self.role not in ROLES:
            raise BadRequest(
                f"role {self.role} is unknown", hint="one of " + ", ".join(sorted(ROLES))
            )
        return cbor.encode(
            {
                "op": "enrol",
                "role": self.role,
                "keys": [{"alg": ED25519, "key": self.key, "use": "statement"}],
            }
        )


@dataclass(frozen=True, slots=True)
class Revoke:
    """The end of a key, for all later positions."""

    kid: KeyId

    def encode(self) -> bytes:
        return cbor.encode({"op": "revoke", "kid": self.kid})


def decode_actor_body(data: bytes) -> Enrol | Revoke:
    """Decode strictly. Raises BadRequest."""
    body = cbor.decode_map(data)
    if body.get("op") == "revoke":
        kid = _fields(data, "kid op")["kid"]
        if not isinstance(kid, bytes) or len(kid) != 32:
            raise BadRequest("revocation names no key id of 32 bytes")
        return Revoke(KeyId(kid))
    body = _fields(data, "keys op role")
    role, keys = body["role"], body["keys"]
    if body["op"] != "enrol" or not isinstance(role, str) or role not in ROLES:
        raise BadRequest("actor entry has an unknown operation or role")
    if not isinstance(keys, list) or len(keys) != 1:
        raise BadRequest("enrolment names exactly one key")
    key = _entry(keys[0], "alg key use")
    if key["use"] != "statement":
        raise BadRequest("enrolment names a key for an unknown use")
    return Enrol(role, _ed25519(key))


def _check_origin(origin: str) -> None:
    if len(check_name(origin).encode()) > MAX_NAME_SIZE or not origin.isprintable():
        raise BadRequest(
            f"origin is longer than {MAX_NAME_SIZE} bytes or holds characters that do not print"
        )


def _checkpoint_keys(keys: Sequence[cbor.Decoded], origin: str) -> tuple[str, ...]:
    """One verifier key of each type, named as the log."""
    texts = tuple(key for key in keys if isinstance(key, str))
    vkeys = [checkpoint_verifier(text).vkey for text in texts]
    if len(keys) != 2 or {key.type for key in vkeys} != {TYPE_ED25519, TYPE_ML_DSA_44}:
        raise BadRequest("genesis names one Ed25519 and one ML-DSA-44 checkpoint key")
    if any(key.name != origin for key in vkeys):
        raise BadRequest("genesis names checkpoint keys of another log")
    return texts


def _fields(data: bytes, names: str) -> dict[str, cbor.Decoded]:
    return _entry(cbor.decode(data), names)


def _entry(value: cbor.Decoded, names: str) -> dict[str, cbor.Decoded]:
    if not isinstance(value, dict) or {str(key) for key in value} != set(names.split()):
        raise BadRequest(f"a map with exactly the fields {names} is needed")
    return {str(key): item for key, item in value.items()}


def _ed25519(entry: dict[str, cbor.Decoded]) -> bytes:
    key = entry["key"]
    if entry["alg"] != ED25519 or not isinstance(key, bytes):
        raise BadRequest("only Ed25519 keys are supported yet")
    load_ed25519(key)
    return key


@dataclass(slots=True)
class Actor:
    """One enrolled actor and its keys."""

    id: ActorId
    role: str
    key: Ed25519PublicKey
    kid: KeyId
    enrolled_at: int
    revoked_at: int | None = None


@dataclass(slots=True)
class Registry:
    """Who may sign, after all entries applied so far. Owned by the writer; others read it."""

    log: Hash
    genesis: Genesis
    log_chain: ChainId
    actors: dict[ActorId, Actor] = field(default_factory=dict)
    derived: dict[ChainId, ActorId] = field(default_factory=dict)
    """Batch and directory chains of the actors: nobody else may open them."""
    _kids: set[KeyId] = field(default_factory=set)
    _governor: Ed25519PublicKey | None = None

    def __post_init__(self) -> None:
        self._governor = load_ed25519(self.genesis.governor_key)
        for key in self.genesis.ed25519_keys:
            self._kids.add(key_id(ED25519, key))

    @property
    def governor_kid(self) -> KeyId:
        return key_id(ED25519, self.genesis.governor_key)

    def governor(self, author: ActorId, kid: KeyId) -> Ed25519PublicKey:
        """The governor's key, if this author and kid name it. Raises BadRequest."""
        if author != self.genesis.governor or kid != self.governor_kid or self._governor is None:
            raise BadRequest("only a governor signs actor entries")
        return self._governor

    def author(self, author: ActorId, kid: KeyId) -> Ed25519PublicKey:
        """The key of an author that may sign now. Raises BadRequest when it may not."""
        actor = self.actors.get(author)
        if actor is None:
            raise BadRequest(f"author {author.hex()} is not enrolled", hint="enrol it first")
        if actor.kid != kid:
            raise BadRequest(f"key {kid.hex()[:16]} is not a key of author {author.hex()}")
        if actor.revoked_at is not None:
            raise BadRequest(
                f"key {kid.hex()[:16]} was revoked at index {actor.revoked_at}",
                hint="sign with a current key",
            )
        return actor.key

    def check(self, claim: Claim, seq: int) -> None:
        """Whether an actor entry may be applied. Raises BadRequest."""
        change = decode_actor_body(claim.body)
        if isinstance(change, Enrol):
            actor_id = ActorId(claim.chain)
            if seq != 0 or actor_id in self.actors or actor_id == self.genesis.governor:
                raise BadRequest("an enrolment is the first entry of a new actor's chain")
            if key_id(ED25519, change.key) in self._kids:
                raise BadRequest(
                    "this key is already registered", hint="one key, one use: generate a new key"
                )
            return
        actor = self.actors.get(ActorId(claim.chain))
        if actor is None or seq == 0:
            raise BadRequest("a revocation stands on the chain of an enrolled actor")
        if actor.kid != change.kid or actor.revoked_at is not None:
            raise BadRequest("the revocation names no key that is valid now")

    def apply(self, claim: Claim, index: int) -> None:
        """Apply a checked actor entry that stands at ``index``."""
        change = decode_actor_body(claim.body)
        actor_id = ActorId(claim.chain)
        if isinstance(change, Revoke):
            self.actors[actor_id].revoked_at = index
            return
        kid = key_id(ED25519, change.key)
        self._kids.add(kid)
        self.actors[actor_id] = Actor(actor_id, change.role, load_ed25519(change.key), kid, index)
        for label in (BATCH_CHAIN, DIRECTORY_CHAIN):
            self.derived[derived_chain(label, self.log, actor_id)] = actor_id

    def batch_chain(self, actor: ActorId) -> ChainId:
        """The chain on which an author's batches stand."""
        return derived_chain(BATCH_CHAIN, self.log, actor)

    def directory_chain(self, actor: ActorId) -> ChainId:
        """The chain of an institution's own resources."""
        return derived_chain(DIRECTORY_CHAIN, self.log, actor)
