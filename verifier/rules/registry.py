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
from hashlib import sha256

from verifier.errors import NotVerified
from verifier.formats.actors import STATEMENT, ActorBody, Enrol, Revoke, Rotate
from verifier.formats.actors import Contest as ContestBody
from verifier.formats.bodies import Genesis, Governors
from verifier.formats.claim import ACTOR, BATCH, EPOCH, GENESIS, KINDS, SUCCESSION, TRUST, Claim
from verifier.formats.keys import PublicKey
from verifier.formats.roles import GOVERNORS, ROLES, kinds_signed
from verifier.formats.statement import Statement
from verifier.rules.registered import (
    Actor,
    Changes,
    Contest,
    Derived,
    Key,
    Question,
    index_of,
    position,
)

BATCH_LABEL = b"counterfoil/chain/batch/v1"
DIRECTORY_LABEL = b"counterfoil/chain/directory/v1"
EPOCH_LABEL = b"counterfoil/chain/epoch/v1"
_GOVERN, _LOG, _EPOCHS = "govern", "log", "epochs"
_BY_GOVERNORS = (GENESIS, SUCCESSION, TRUST)


class Registry:
    """All positions at once: entries are applied in order, questions name the leaf that asks."""

    def __init__(self, first_log: bytes) -> None:
        """`first_log`: id of the line's first log, of which derived chain ids are made."""
        self.governors = Governors((), 0)
        self.actors: dict[bytes, Actor] = {}
        self.keys: dict[bytes, Key] = {}
        self.derived: dict[bytes, Derived] = {}
        """Batch and directory chains of all actors, and the logs' epoch chains: nobody opens them
        as something else."""
        self.epoch_chain = self.log_chain = b""
        self._first_log = first_log
        self._log = -1
        self._ever_governors: set[bytes] = set()
        self._changes = Changes()

    def found(self, genesis: Genesis, log_chain: bytes) -> None:
        """A log begins: the first of the line, or the next, whose keys are others."""
        self._log += 1
        self.govern(genesis.governors, 0)
        statement_key, *checkpoint_keys = genesis.log_keys
        self._register(statement_key, log_chain, _EPOCHS, 0)
        for key in checkpoint_keys:
            self._register(key, b"", _LOG, 0)
        self.log_chain = log_chain
        self.epoch_chain = self._derive(EPOCH_LABEL, log_chain, 0)

    def take_changes(self) -> Changes:
        """What came since the last call."""
        taken, self._changes = self._changes, Changes()
        taken.log, taken.log_chain, taken.epoch_chain = self._log, self.log_chain, self.epoch_chain
        return taken

    def everything(self) -> Changes:
        return Changes(
            self._log, self.log_chain, self.epoch_chain, self.keys, self.actors, self.derived
        )

    def adopt(self, changes: Changes) -> None:
        self._log, self.log_chain = changes.log, changes.log_chain
        self.epoch_chain = changes.epoch_chain
        self.keys.update(changes.keys)
        self.actors.update(changes.actors)
        self.derived.update(changes.derived)

    def govern(self, governors: Governors, index: int) -> None:
        """Replace the governors. One that stays keeps id and key; any other is new in both."""
        staying = set(self.governors.members) & set(governors.members)
        for gone in set(self.governors.members) - staying:
            self._end_key(gone.key.kid, index)
        for member in governors.members:
            if member in staying:
                continue
            if member.id in self._ever_governors or member.id in self.actors:
                raise NotVerified("trust", "a governor that is new or stays", member.id.hex())
            self._register(member.key, member.id, _GOVERN, index)
            self._ever_governors.add(member.id)
        self.governors = governors

    def key(self, kid: bytes) -> Key | None:
        return self.keys.get(kid)

    def keys_for(self, use: str) -> Iterable[Key]:
        return (key for key in self.keys.values() if key.use == use)

    def signer(self, claim: Claim, statement: Statement, received_ms: int, index: int) -> Key:
        """The key that must verify a statement here, if its author may make it at all."""
        return self.key_for(
            statement.kid,
            statement.alg,
            claim.author,
            claim.kind,
            claim.chain,
            received_ms,
            index,
        )

    def key_for(
        self,
        kid: bytes,
        alg: int,
        author: bytes,
        kind: int,
        chain: bytes,
        received_ms: int,
        index: int,
    ) -> Key:
        at = position(self._log, index)
        key = self.keys.get(kid)
        if key is None or key.key.alg != alg or (key.since >= at and index):
            raise NotVerified("key", "a registered key", f"unknown kid {kid.hex()}")
        if key.owner != author:
            raise NotVerified("key", f"a key of author {author.hex()}", f"another's: {kid.hex()}")
        if kind == EPOCH and author != self.log_chain:
            raise NotVerified("key", f"author {self.log_chain.hex()} (the log)", author.hex())
        governs = kind in _BY_GOVERNORS or (kind == ACTOR and key.use == _GOVERN)
        use = _GOVERN if governs else _EPOCHS if kind == EPOCH else STATEMENT
        if key.use != use:
            raise NotVerified("key", f"a key for use {use}", f"one for use {key.use}")
        if key.ended_at is not None and key.ended_at < at:
            ended = f"one that ended at leaf {index_of(key.ended_at)}"
            raise NotVerified("key", "a valid key", ended)
        if use == STATEMENT:
            actor = self.actors[author]
            self._check_acting(actor, received_ms, at)
            if kind != ACTOR:
                _check_role(actor, kind, chain)
        return key

    def check_member(self, claim: Claim, index: int) -> None:
        """A batch's member: its author's key and dates are checked where the batch is."""
        actor = self.actor_at(claim.author, index)
        if actor is not None:
            _check_role(actor, claim.kind, claim.chain)

    def actor_at(self, actor: bytes, index: int) -> Actor | None:
        """As a leaf at this index finds it."""
        known = self.actors.get(actor)
        if known is None or known.enrolled_at >= position(self._log, index):
            return None
        return known

    def actors_below(self, index: int) -> int:
        """How many were enrolled in this log below an index, or in one before it."""
        at = position(self._log, index)
        return sum(actor.enrolled_at < at for actor in self.actors.values())

    def derived_at(self, chain: bytes, index: int) -> Derived | None:
        """Whose derived chain this is for a leaf at this index, if anybody's."""
        derived = self.derived.get(chain)
        if derived is None or (derived.since >= position(self._log, index) and index):
            return None
        return derived

    def apply(self, claim: Claim, seq: int, body: ActorBody, index: int) -> list[Question]:
        """An actor entry, whose signer has been checked. What it asks of chains is left open."""
        if isinstance(body, Enrol) != (seq == 0):
            raise NotVerified("actor", "enrol at seq 0, all else later", f"seq {seq}")
        if isinstance(body, Enrol):
            return self._enrol(claim, body, index)
        actor = self.actors.get(claim.chain)
        if actor is None:
            raise NotVerified("actor", "an enrolled actor", claim.chain.hex())
        by_itself = claim.author == claim.chain and not isinstance(body, ContestBody)
        if not (by_itself or claim.author == actor.enroller or self._governs(claim.author)):
            raise NotVerified("actor", "an author who may change this actor", claim.author.hex())
        if isinstance(body, ContestBody):
            if body.since > index:
                raise NotVerified("actor", f"contested since {index} or before", str(body.since))
            by_governors = self._governs(claim.author)
            if not by_governors and any(one.by_governors for one in actor.contests):
                raise NotVerified("actor", "governors, who contested it before", claim.author.hex())
            contest = Contest(
                position(self._log, index), position(self._log, body.since), by_governors
            )
            actor.contests.append(contest)
            self._changes.actors[claim.chain] = actor
        else:
            self._end(claim.chain, body, index)
        return []

    def _enrol(self, claim: Claim, body: Enrol, index: int) -> list[Question]:
        actor, by_governors = claim.chain, self._governs(claim.author)
        if actor in self._ever_governors or actor in self.actors:
            raise NotVerified("actor", "a new actor", f"{actor.hex()}, which exists")
        enroller = None if by_governors else self.actors[claim.author]
        role = GOVERNORS if enroller is None else enroller.role
        if role not in ROLES[body.role].enrolled_by:
            raise NotVerified("actor", f"an enroller of role {body.role}", role)
        if enroller is not None and role == "person" and body.record != enroller.record:
            raise NotVerified("actor", "the record of the person who enrols", "another or none")
        for key in body.keys:
            self._check_new(key.key, key.use)
        for key in body.keys:
            self._register(key.key, actor, key.use, index)
        batches, directory = (
            self._derive(label, actor, index) for label in (BATCH_LABEL, DIRECTORY_LABEL)
        )
        self.actors[actor] = self._changes.actors[actor] = Actor(
            body.role,
            None if by_governors else claim.author,
            position(self._log, index),
            body.record,
            kinds_signed(body.role, body.scope),
            body.from_ms,
            body.until_ms,
            batches,
            directory,
        )
        record = [] if body.record is None else [Question(index, body.record, True)]
        return [*record, Question(index, batches, False), Question(index, directory, False)]

    def _end(self, actor: bytes, body: Rotate | Revoke, index: int) -> None:
        key = self.keys.get(body.kid)
        if key is None or key.owner != actor or key.ended_at is not None:
            raise NotVerified("actor", f"a valid key of {actor.hex()}", f"kid {body.kid.hex()}")
        if isinstance(body, Rotate):
            if body.key.use != key.use:
                raise NotVerified("actor", f"a new key for use {key.use}", f"use {body.key.use}")
            self._register(body.key.key, actor, key.use, index)
        self._end_key(body.kid, index)

    def _end_key(self, kid: bytes, index: int) -> None:
        key = self.keys[kid]
        key.ended_at = position(self._log, index)
        self._changes.keys[kid] = key

    def _check_acting(self, actor: Actor, received_ms: int, at: int) -> None:
        if received_ms < actor.from_ms:
            raise NotVerified("role", f"an actor from {actor.from_ms} on", f"{received_ms}")
        if actor.until_ms is not None and received_ms >= actor.until_ms:
            raise NotVerified("role", f"an actor until {actor.until_ms}", f"{received_ms}")
        while actor.enroller is not None:
            enroller = self.actors[actor.enroller]
            since = enroller.contested_since(at)
            if since is not None and since <= actor.enrolled_at:
                raise NotVerified(
                    "role",
                    "an enrolment with effect",
                    f"one that is contested since {index_of(since)}",
                )
            actor = enroller

    def _governs(self, author: bytes) -> bool:
        return self.governors.get(author) is not None

    def _check_new(self, key: PublicKey, use: str) -> None:
        if key.kid in self.keys:
            step = {_GOVERN: "trust", _LOG: "genesis", _EPOCHS: "genesis"}.get(use, "actor")
            raise NotVerified(step, "a key not registered before", f"kid {key.kid.hex()}")

    def _register(self, key: PublicKey, owner: bytes, use: str, index: int) -> None:
        self._check_new(key, use)
        kid = key.kid
        self.keys[kid] = Key(owner, use, key, position(self._log, index))
        self._changes.keys[kid] = self.keys[kid]

    def _derive(self, label: bytes, owner: bytes, index: int) -> bytes:
        chain = sha256(label + self._first_log + owner).digest()[:16]
        self.derived[chain] = Derived(owner, label, position(self._log, index))
        self._changes.derived[chain] = self.derived[chain]
        return chain


def _check_role(actor: Actor, kind: int, chain: bytes) -> None:
    if kind not in actor.signs:
        raise NotVerified("role", f"a kind that role {actor.role} signs", KINDS[kind].name)
    own_batch = kind == BATCH and chain == actor.batch_chain
    if actor.record is not None and chain != actor.record and not own_batch:
        raise NotVerified("role", f"an entry on record {actor.record.hex()}", chain.hex())
