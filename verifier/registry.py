"""Who may sign what, at each position of the log.

The genesis names the governor's key and the log's statement key; the governor's `actor` entries
enrol and revoke everybody else. A key counts from the leaf after the one that enrols it up to and
including the leaf that revokes it, and is registered once in the whole log. The governor signs
genesis and actor entries and nothing else; the log's statement key signs epochs only (later).

    derived chain of actor A = SHA-256(label | log | A)[:16]
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verifier.bodies import Enrol, Genesis, Revoke
from verifier.claim import ACTOR, GENESIS
from verifier.errors import NotVerified
from verifier.statement import ED25519, key_id

_BATCH_LABEL = b"counterfoil/chain/batch/v1"
_DIRECTORY_LABEL = b"counterfoil/chain/directory/v1"
_GOVERN, _STATEMENT, _LOG = "govern", "statement", "log"


@dataclass(frozen=True, slots=True)
class Actor:
    role: str
    batch_chain: bytes
    directory_chain: bytes


@dataclass(slots=True)
class Key:
    owner: bytes
    use: str
    public_key: Ed25519PublicKey
    revoked_at: int | None = None


class Registry:
    def __init__(self, log: bytes, genesis: Genesis) -> None:
        self._log = log
        self._governor = genesis.governor
        self._keys: dict[bytes, Key] = {}
        self.actors: dict[bytes, Actor] = {}
        self.derived: set[bytes] = set()
        """Batch and directory chains of all actors: nobody opens them as something else."""
        self._register(genesis.governor_key, genesis.governor, _GOVERN)
        self._register(genesis.statement_key, b"", _LOG)
        self._register(genesis.checkpoint_ed25519, b"", _LOG)

    def signer(self, kind: int, author: bytes, kid: bytes, alg: int) -> Key:
        """The key that must verify a statement here, if its author may make it at all."""
        key = self._keys.get(kid)
        if key is None or alg != ED25519:
            raise NotVerified("key", "a registered key", f"unknown kid {kid.hex()}")
        if key.owner != author:
            raise NotVerified("key", f"a key of author {author.hex()}", f"another's: {kid.hex()}")
        use = _GOVERN if kind in (GENESIS, ACTOR) else _STATEMENT
        if key.use != use:
            raise NotVerified("key", f"a key for use {use}", f"one for use {key.use}")
        if key.revoked_at is not None:
            raise NotVerified("key", "a valid key", f"one revoked at leaf {key.revoked_at}")
        return key

    def enrol(self, actor: bytes, body: Enrol) -> Actor:
        if actor == self._governor or actor in self.actors:
            raise NotVerified("actor", "a new actor", f"{actor.hex()}, which exists")
        self._register(body.key, actor, _STATEMENT)
        enrolled = Actor(
            body.role, self._derived(_BATCH_LABEL, actor), self._derived(_DIRECTORY_LABEL, actor)
        )
        self.actors[actor] = enrolled
        self.derived |= {enrolled.batch_chain, enrolled.directory_chain}
        return enrolled

    def revoke(self, actor: bytes, body: Revoke, index: int) -> None:
        key = self._keys.get(body.kid)
        if key is None or key.owner != actor or key.revoked_at is not None:
            raise NotVerified("actor", f"a valid key of {actor.hex()}", f"kid {body.kid.hex()}")
        key.revoked_at = index

    def _register(self, raw: bytes, owner: bytes, use: str) -> None:
        kid = key_id(raw)
        if kid in self._keys:
            raise NotVerified("actor", "a key not registered before", f"kid {kid.hex()}")
        self._keys[kid] = Key(owner, use, Ed25519PublicKey.from_public_bytes(raw))

    def _derived(self, label: bytes, actor: bytes) -> bytes:
        return sha256(label + self._log + actor).digest()[:16]
