"""Registry: who may sign at a position of the log, as a fold over genesis, trust and actor entries.

A key is registered once in the whole line of logs and never again, so an ended key cannot return
under another name. Specification: docs/spec/registry.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.errors import BadRequest
from ledger.identity.actors import Actor
from ledger.identity.bodies import (
    STATEMENT,
    Contest,
    Enrol,
    Governor,
    Revoke,
    Rotate,
    decode_actor_body,
    decode_trust_body,
)
from ledger.identity.genesis import Genesis
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    EPOCH_CHAIN,
    ActorId,
    ChainId,
    Hash,
    derived_chain,
)
from ledger.wire.keys import ED25519, KeyId, PublicKey, key_id, registered_key


@dataclass(slots=True)
class Registry:
    """Who may sign, after all entries applied so far. Owned by the writer; others read it."""

    log: Hash
    genesis: Genesis
    log_chain: ChainId
    first_log: Hash
    """Id of the line's first log, from which derived chains follow."""
    governors: tuple[Governor, ...] = ()
    threshold: int = 1
    actors: dict[ActorId, Actor] = field(default_factory=dict)
    derived: dict[ChainId, ActorId] = field(default_factory=dict)
    """Batch and directory chains of the actors, and epoch chains of the logs: nobody else may open
    them.
    """
    ever_governors: dict[ActorId, Governor] = field(default_factory=dict)
    """Now or before."""
    contests: int = 0
    """How many there were in this log: what was concluded before the last one may not hold."""
    _kids: set[KeyId] = field(default_factory=set)

    @classmethod
    def founded(cls, log: Hash, genesis: Genesis, log_chain: ChainId) -> Registry:
        """As the genesis with this leaf hash says."""
        registry = cls(log, genesis, log_chain, log)
        registry._begin(genesis)
        return registry

    @classmethod
    def succeeding(
        cls, old: Registry, size: int, log: Hash, genesis: Genesis, log_chain: ChainId
    ) -> Registry:
        """As a log begins that follows ``old``, which ended with ``size`` leaves: the actors and
        every key ever registered stay. Raises BadRequest when a key or a governor is not new.
        """
        old.check_new_governors(genesis.governors)
        if any(kid in old._kids for kid in genesis.log_keys):
            raise BadRequest(
                "a key of the new log was registered before", hint="one key, one use: make new ones"
            )
        registry = cls(
            log,
            genesis,
            log_chain,
            old.first_log,
            actors={actor.id: actor.moved(size) for actor in old.actors.values()},
            derived=dict(old.derived),
            ever_governors=dict(old.ever_governors),
            _kids=set(old._kids),
        )
        registry._begin(genesis)
        return registry

    def _begin(self, genesis: Genesis) -> None:
        self._kids.update(genesis.log_keys)
        self.derived[self.epoch_chain] = self.itself
        self._govern(genesis.governors, genesis.threshold)

    def _govern(self, governors: tuple[Governor, ...], threshold: int) -> None:
        self.governors, self.threshold = governors, threshold
        self.ever_governors.update((one.id, one) for one in governors)
        self._kids.update(one.kid for one in governors)

    def is_registered(self, kid: KeyId) -> bool:
        """Whether a key was ever registered, for whatever use."""
        return kid in self._kids

    def governor(self, author: ActorId) -> Governor | None:
        """The governor of this id, None for anybody else."""
        return next((one for one in self.governors if one.id == author), None)

    def check_new_governors(self, governors: Iterable[Governor]) -> None:
        """Those who stay keep id and key, the others are new. Raises BadRequest."""
        for one in governors:
            if one in self.governors:
                continue
            if one.id in self.ever_governors or one.id in self.actors:
                raise BadRequest(
                    "a new governor has an id that was used before, or one that stays another key",
                    hint="a governor with another key is another governor: give it a new id",
                )
            if one.kid in self._kids:
                raise BadRequest(
                    "the key of a new governor is already registered",
                    hint="one key, one use: generate a new key",
                )

    def public_key(self, author: ActorId, kid: KeyId) -> PublicKey:
        """A key for statements of this author, also one that has ended. Raises BadRequest."""
        governor, actor = self.ever_governors.get(author), self.actors.get(author)
        if governor is not None and governor.kid == kid:
            return registered_key(governor.public_key)
        if author == self.itself:
            self.check_log(author, kid)
            return registered_key(self.genesis.statement_key)
        key = actor.key(kid) if actor is not None else None
        if key is None or key.use != STATEMENT:
            raise BadRequest(f"key {kid.hex()[:16]} is not a key of author {author.hex()}")
        return registered_key(key.public_key)

    def check_log(self, author: ActorId, kid: KeyId) -> None:
        """Whether the log itself signs so: its epochs. Raises BadRequest."""
        if author != self.itself or kid != key_id(ED25519, self.genesis.statement_key):
            raise BadRequest("an epoch is signed by the log, with the statement key of its genesis")

    def statement_keys(self) -> dict[ActorId, dict[KeyId, bytes]]:
        """Every key for statements that anybody ever had, raw; ended ones too."""
        keys = {
            actor.id: {key.kid: key.public_key for key in actor.keys if key.use == STATEMENT}
            for actor in self.actors.values()
        }
        governors = self.ever_governors.values()
        return keys | {one.id: {one.kid: one.public_key} for one in governors}

    def author(self, author: ActorId, kid: KeyId) -> Actor:
        """The actor, if this is its current key. Raises BadRequest."""
        actor = self.actors.get(author)
        if actor is None:
            if author in self.ever_governors:
                raise BadRequest("governors sign nothing but enrolments, changes of keys and trust")
            raise BadRequest(f"author {author.hex()} is not enrolled", hint="enrol it first")
        key = actor.statement_key
        if key is None or key.kid != kid:
            raise _not_current(actor, kid)
        return actor

    def current_kid(self, author: ActorId) -> KeyId:
        """With which key an actor signs now. Raises BadRequest when it has none."""
        actor = self.actors.get(author)
        if actor is None:
            raise BadRequest(f"author {author.hex()} is not enrolled", hint="enrol it first")
        if actor.statement_key is None:
            last = [key for key in actor.keys if key.use == STATEMENT][-1]
            raise _not_current(actor, last.kid)
        return actor.statement_key.kid

    def signer(self, author: ActorId, kid: KeyId, received_ms: int) -> Actor:
        """The actor, if it may sign anything at this time. Raises BadRequest."""
        actor = self.author(author, kid)
        if actor.bounded:
            self._check_bounds(actor, received_ms)
        return actor

    def _check_bounds(self, actor: Actor, received_ms: int) -> None:
        if received_ms < actor.from_ms:
            raise BadRequest(f"author {actor.id.hex()} may not sign yet")
        if actor.until_ms and received_ms >= actor.until_ms:
            raise BadRequest(f"the time of author {actor.id.hex()} has ended", hint="enrol it anew")
        if not self.has_effect(actor):
            raise BadRequest(
                f"the enrolment of author {actor.id.hex()} has no effect: who enrolled it is "
                "contested",
                hint="ask the governors",
            )

    def has_effect(self, actor: Actor) -> bool:
        """False while an enroller, up to the governors, is contested since before its enrolment."""
        while actor.enroller is not None:
            enroller = self.actors[actor.enroller]
            since = enroller.contested_since
            if since is not None and since <= actor.enrolled_at:
                return False
            actor = enroller
        return True

    def is_contested(self, author: ActorId, index: int) -> bool:
        """Whether what an actor did at ``index`` is in doubt, by a contest of it or of its
        enroller.
        """
        actor = self.actors.get(author)
        if actor is None:
            return False
        since = actor.contested_since
        return (since is not None and since <= index) or not self.has_effect(actor)

    def may_sign(self, claim: Claim, kid: KeyId, received_ms: int) -> None:
        """Whether this kind may stand there by this author and key. Raises BadRequest.

        Not for genesis, trust and actor entries (``ledger.identity.changes``).
        """
        actor = self.signer(claim.author, kid, received_ms)
        if claim.kind not in actor.kinds:
            raise BadRequest(
                f"a {actor.role} signs no entry of kind {claim.kind.name.lower()}"
                + (" with its scope" if actor.scope else "")
            )
        if actor.record is not None and claim.chain != actor.record:
            own_batch = claim.kind is Kind.BATCH and claim.chain == self.batch_chain(actor.id)
            if not own_batch:
                raise _another_record(actor)

    def may_batch(self, author: ActorId, kind: Kind, chains: Iterable[ChainId]) -> None:
        """The same for the members of a batch, whose author ``may_sign``. Raises BadRequest."""
        actor = self.actors[author]
        if kind not in actor.kinds:
            raise BadRequest(f"a {actor.role} signs no entry of kind {kind.name.lower()}")
        if actor.record is not None and any(chain != actor.record for chain in chains):
            raise _another_record(actor)

    def apply(self, claim: Claim, index: int) -> None:
        """Apply a checked trust or actor entry that stands at ``index``."""
        if claim.kind is Kind.TRUST:
            trust = decode_trust_body(claim.body)
            self._govern(trust.governors, trust.threshold)
            return
        id_ = ActorId(claim.chain)
        match decode_actor_body(claim.body):
            case Enrol() as body:
                self._enrol(id_, claim.author, body, index)
            case Rotate(kid, key):
                self._kids.add(key.kid)
                self.actors[id_].end(kid, index, key)
            case Revoke(kid):
                self.actors[id_].end(kid, index)
            case Contest(since):
                actor = self.actors[id_]
                actor.contested_since = since
                actor.contested_by_governors |= self.governor(claim.author) is not None
                self.contests += 1

    def _enrol(self, id_: ActorId, author: ActorId, body: Enrol, index: int) -> None:
        enroller = None if self.governor(author) is not None else author
        self._kids.update(key.kid for key in body.keys)
        self.actors[id_] = Actor.enrolled(id_, enroller, body, index)
        for chain in (self.batch_chain(id_), self.directory_chain(id_)):
            self.derived[chain] = id_

    def batch_chain(self, actor: ActorId) -> ChainId:
        """The chain on which an author's batches stand."""
        return derived_chain(BATCH_CHAIN, self.first_log, actor)

    @property
    def itself(self) -> ActorId:
        """The log as the author of its epochs."""
        return ActorId(self.log_chain)

    @property
    def epoch_chain(self) -> ChainId:
        """The chain of the log's epochs."""
        return derived_chain(EPOCH_CHAIN, self.first_log, self.itself)

    def directory_chain(self, actor: ActorId) -> ChainId:
        """The chain of an institution's own resources."""
        return derived_chain(DIRECTORY_CHAIN, self.first_log, actor)


def _not_current(actor: Actor, kid: KeyId) -> BadRequest:
    key = actor.key(kid)
    if key is None or key.use != STATEMENT or key.ended_at is None:
        return BadRequest(f"key {kid.hex()[:16]} is not a key of author {actor.id.hex()}")
    replaced = any(one.registered_at == key.ended_at for one in actor.keys)
    where = f"at index {key.ended_at}" if key.ended_at >= 0 else "in an earlier log"
    return BadRequest(
        f"key {kid.hex()[:16]} was {'replaced' if replaced else 'revoked'} {where}",
        hint="sign with a current key",
    )


def _another_record(actor: Actor) -> BadRequest:
    return BadRequest(
        f"this {actor.role} acts in one record only, and this is another chain",
        hint="sign for the record that it was enrolled for",
    )
