"""Who may sign what, at each position of a line of logs.

The genesis or succession names the governors and the log's own keys, trust entries replace the
governors, and actor entries enrol everybody else and change their keys. A key counts from the leaf
after the one that registers it up to and including the leaf that ends it, and is registered once
in the whole line. Governors sign genesis, succession, trust and actor entries and nothing else;
what the others sign is in `roles`. The log's statement key signs epochs and nothing else; their
author is the id of the log's chain.

    derived chain of A = SHA-256(label | id of the line's first log | A)[:16]
    A is an actor, for epochs the log's chain
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from verifier.actors import STATEMENT, ActorBody, Contest, Enrol, Revoke, Rotate
from verifier.bodies import Genesis, Governors
from verifier.claim import ACTOR, BATCH, EPOCH, GENESIS, KINDS, SUCCESSION, TRUST, Claim
from verifier.errors import NotVerified
from verifier.keys import LoadedKey, PublicKey
from verifier.roles import GOVERNORS, ROLES, kinds_signed
from verifier.statement import Statement

_BATCH_LABEL = b"counterfoil/chain/batch/v1"
_DIRECTORY_LABEL = b"counterfoil/chain/directory/v1"
_EPOCH_LABEL = b"counterfoil/chain/epoch/v1"
_GOVERN, _LOG, _EPOCHS = "govern", "log", "epochs"
_BY_GOVERNORS = (GENESIS, SUCCESSION, TRUST)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A leaf of the line; all of an earlier log lies below."""

    log: int
    index: int


class KnownChains(Protocol):
    def __contains__(self, chain: bytes) -> bool: ...

    def is_person(self, chain: bytes) -> bool: ...


@dataclass(slots=True)
class Actor:
    role: str
    enroller: bytes | None
    """None: the governors."""
    enrolled_at: Position
    record: bytes | None
    signs: frozenset[int]
    from_ms: int
    until_ms: int | None
    batch_chain: bytes
    directory_chain: bytes
    contested_since: Position | None = None
    contested_by_governors: bool = False
    """Then nobody else replaces the contest."""


@dataclass(slots=True)
class Key:
    owner: bytes
    use: str
    alg: int
    public_key: LoadedKey
    ended_at: Position | None = None


class Registry:
    def __init__(self, first_log: bytes) -> None:
        """`first_log`: id of the line's first log, of which derived chain ids are made."""
        self.governors = Governors((), 0)
        self.actors: dict[bytes, Actor] = {}
        self.derived: set[bytes] = set()
        """Batch and directory chains of all actors, and the logs' epoch chains: nobody opens them
        as something else."""
        self.epoch_chain = b""
        self._first_log = first_log
        self._log = -1
        self._log_chain = b""
        self._keys: dict[bytes, Key] = {}
        self._ever_governors: set[bytes] = set()

    def found(self, genesis: Genesis, log_chain: bytes) -> None:
        """A log begins: the first of the line, or the next, whose keys are others."""
        self._log += 1
        self.govern(genesis.governors, 0)
        statement_key, *checkpoint_keys = genesis.log_keys
        self._register(statement_key, log_chain, _EPOCHS)
        for key in checkpoint_keys:
            self._register(key, b"", _LOG)
        self._log_chain = log_chain
        self.epoch_chain = self._derived(_EPOCH_LABEL, log_chain)
        self.derived.add(self.epoch_chain)

    def govern(self, governors: Governors, index: int) -> None:
        """Replace the governors. One that stays keeps id and key; any other is new in both."""
        staying = set(self.governors.members) & set(governors.members)
        for gone in set(self.governors.members) - staying:
            self._keys[gone.key.kid].ended_at = Position(self._log, index)
        for member in governors.members:
            if member in staying:
                continue
            if member.id in self._ever_governors or member.id in self.actors:
                raise NotVerified("trust", "a governor that is new or stays", member.id.hex())
            self._register(member.key, member.id, _GOVERN)
            self._ever_governors.add(member.id)
        self.governors = governors

    def key(self, kid: bytes) -> Key | None:
        return self._keys.get(kid)

    def keys_for(self, use: str) -> Iterable[Key]:
        return (key for key in self._keys.values() if key.use == use)

    def signer(self, claim: Claim, statement: Statement, received_ms: int) -> Key:
        """The key that must verify a statement here, if its author may make it at all."""
        kid, author, kind = statement.kid, claim.author, claim.kind
        key = self._keys.get(kid)
        if key is None or key.alg != statement.alg:
            raise NotVerified("key", "a registered key", f"unknown kid {kid.hex()}")
        if key.owner != author:
            raise NotVerified("key", f"a key of author {author.hex()}", f"another's: {kid.hex()}")
        if kind == EPOCH and author != self._log_chain:
            raise NotVerified("key", f"author {self._log_chain.hex()} (the log)", author.hex())
        governs = kind in _BY_GOVERNORS or (kind == ACTOR and key.use == _GOVERN)
        use = _GOVERN if governs else _EPOCHS if kind == EPOCH else STATEMENT
        if key.use != use:
            raise NotVerified("key", f"a key for use {use}", f"one for use {key.use}")
        if key.ended_at is not None:
            raise NotVerified("key", "a valid key", f"one that ended at leaf {key.ended_at.index}")
        if use == STATEMENT:
            actor = self.actors[author]
            self._check_acting(actor, received_ms)
            if kind != ACTOR:
                _check_role(actor, claim)
        return key

    def check_member(self, claim: Claim) -> None:
        """A batch's member: its author's key and dates are checked where the batch is."""
        actor = self.actors.get(claim.author)
        if actor is not None:
            _check_role(actor, claim)

    def apply(
        self, claim: Claim, seq: int, body: ActorBody, index: int, chains: KnownChains
    ) -> None:
        """An actor entry, whose signer has been checked."""
        if isinstance(body, Enrol) != (seq == 0):
            raise NotVerified("actor", "enrol at seq 0, all else later", f"seq {seq}")
        if isinstance(body, Enrol):
            self._enrol(claim, body, index, chains)
            return
        actor = self.actors.get(claim.chain)
        if actor is None:
            raise NotVerified("actor", "an enrolled actor", claim.chain.hex())
        by_itself = claim.author == claim.chain and not isinstance(body, Contest)
        if not (by_itself or claim.author == actor.enroller or self._governs(claim.author)):
            raise NotVerified("actor", "an author who may change this actor", claim.author.hex())
        if isinstance(body, Contest):
            if body.since > index:
                raise NotVerified("actor", f"contested since {index} or before", str(body.since))
            by_governors = self._governs(claim.author)
            if actor.contested_by_governors and not by_governors:
                raise NotVerified("actor", "governors, who contested it before", claim.author.hex())
            actor.contested_since = Position(self._log, body.since)
            actor.contested_by_governors |= by_governors
        else:
            self._end(claim.chain, body, index)

    def _enrol(self, claim: Claim, body: Enrol, index: int, chains: KnownChains) -> None:
        actor, by_governors = claim.chain, self._governs(claim.author)
        if actor in self._ever_governors or actor in self.actors:
            raise NotVerified("actor", "a new actor", f"{actor.hex()}, which exists")
        enroller = None if by_governors else self.actors[claim.author]
        role = GOVERNORS if enroller is None else enroller.role
        if role not in ROLES[body.role].enrolled_by:
            raise NotVerified("actor", f"an enroller of role {body.role}", role)
        if enroller is not None and role == "person" and body.record != enroller.record:
            raise NotVerified("actor", "the record of the person who enrols", "another or none")
        if body.record is not None and not chains.is_person(body.record):
            raise NotVerified("actor", "a record that was opened before", body.record.hex())
        batches, directory = own = (
            self._derived(_BATCH_LABEL, actor),
            self._derived(_DIRECTORY_LABEL, actor),
        )
        for chain in own:
            if chain in chains:
                raise NotVerified("actor", "own chains that are new", f"{chain.hex()}, opened")
        for key in body.keys:
            self._register(key.key, actor, key.use)
        self.actors[actor] = Actor(
            body.role,
            None if by_governors else claim.author,
            Position(self._log, index),
            body.record,
            kinds_signed(body.role, body.scope),
            body.from_ms,
            body.until_ms,
            batches,
            directory,
        )
        self.derived.update(own)

    def _end(self, actor: bytes, body: Rotate | Revoke, index: int) -> None:
        key = self._keys.get(body.kid)
        if key is None or key.owner != actor or key.ended_at is not None:
            raise NotVerified("actor", f"a valid key of {actor.hex()}", f"kid {body.kid.hex()}")
        if isinstance(body, Rotate):
            if body.key.use != key.use:
                raise NotVerified("actor", f"a new key for use {key.use}", f"use {body.key.use}")
            self._register(body.key.key, actor, key.use)
        key.ended_at = Position(self._log, index)

    def _check_acting(self, actor: Actor, received_ms: int) -> None:
        if received_ms < actor.from_ms:
            raise NotVerified("role", f"an actor from {actor.from_ms} on", f"{received_ms}")
        if actor.until_ms is not None and received_ms >= actor.until_ms:
            raise NotVerified("role", f"an actor until {actor.until_ms}", f"{received_ms}")
        while actor.enroller is not None:
            enroller = self.actors[actor.enroller]
            since = enroller.contested_since
            if since is not None and since <= actor.enrolled_at:
                raise NotVerified(
                    "role", "an enrolment with effect", f"one that is contested since {since.index}"
                )
            actor = enroller

    def _governs(self, author: bytes) -> bool:
        return self.governors.get(author) is not None

    def _register(self, key: PublicKey, owner: bytes, use: str) -> None:
        kid = key.kid
        if kid in self._keys:
            step = {_GOVERN: "trust", _LOG: "genesis", _EPOCHS: "genesis"}.get(use, "actor")
            raise NotVerified(step, "a key not registered before", f"kid {kid.hex()}")
        self._keys[kid] = Key(owner, use, key.alg, key.load())

    def _derived(self, label: bytes, actor: bytes) -> bytes:
        return sha256(label + self._first_log + actor).digest()[:16]


def _check_role(actor: Actor, claim: Claim) -> None:
    if claim.kind not in actor.signs:
        raise NotVerified("role", f"a kind that role {actor.role} signs", KINDS[claim.kind].name)
    own_batch = claim.kind == BATCH and claim.chain == actor.batch_chain
    if actor.record is not None and claim.chain != actor.record and not own_batch:
        raise NotVerified("role", f"an entry on record {actor.record.hex()}", claim.chain.hex())
