"""Changes: whether a trust or actor entry may stand where it is to stand.

What also needs the other chains (the record of a person is there, derived chains are not) is for
the sequencer. Specification: docs/spec/registry.md, rules 2 and 4 to 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import BadEvidence, BadRequest
from ledger.identity.actors import Actor, ActorKey
from ledger.identity.approvals import Act, check_approvals
from ledger.identity.bodies import (
    Change,
    Contest,
    Enrol,
    Governor,
    Governors,
    NewKey,
    Revoke,
    Rotate,
    change_bytes,
    decode_actor_body,
    decode_trust_body,
)
from ledger.identity.genesis import Genesis, check_founding, genesis_act
from ledger.identity.registry import Registry
from ledger.identity.roles import ENROLLED_BY, GOVERNORS
from ledger.wire.claim import REGISTRY_KINDS, Claim, Kind
from ledger.wire.ids import ActorId, Hash
from ledger.wire.keys import KeyId, verifies
from ledger.wire.leaf import Leaf


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is to stand."""

    index: int
    seq: int
    prev: Hash
    """Zero at seq 0."""
    received_ms: int


def found_registry(leaf: Leaf, hash_: Hash) -> Registry:
    """The registry that a genesis founds. Raises BadRequest or BadEvidence."""
    claim, statement = leaf.claim, leaf.statement
    if claim.kind is not Kind.GENESIS or statement is None or leaf.seq != 0:
        raise BadRequest("the first leaf is not a genesis")
    genesis = Genesis.decode(claim.body)
    check_founding(genesis, claim, statement.kid, genesis_act(genesis, claim.chain))
    registry = Registry.founded(hash_, genesis, claim.chain)
    check_signature(registry, leaf)
    return registry


def check_leaf(registry: Registry, leaf: Leaf, index: int) -> None:
    """A trust or actor leaf against the registry before it. Raises BadRequest or BadEvidence."""
    claim, statement = leaf.claim, leaf.statement
    if claim.kind not in REGISTRY_KINDS or statement is None:
        raise BadRequest("a leaf in the registry is no trust or actor entry")
    place = Place(index, leaf.seq, leaf.prev_hash, leaf.received_ms)
    check_change(registry, claim, statement.kid, place)
    check_signature(registry, leaf)


def check_signature(registry: Registry, leaf: Leaf) -> None:
    """Raises BadRequest or BadEvidence."""
    statement = leaf.statement
    if statement is None:
        raise BadRequest("a member of a batch has no signature of its own")
    key = registry.public_key(leaf.claim.author, statement.kid)
    if not verifies(key, statement.signature, statement.signed):
        raise BadEvidence(f"signature of the {leaf.claim.kind.name.lower()} entry")


def check_change(registry: Registry, claim: Claim, kid: KeyId, place: Place) -> Change:
    """The body of a trust or actor entry that may stand there. Raises BadRequest, or BadEvidence
    for a false approval.
    """
    trust = claim.kind is Kind.TRUST
    body: Change = decode_trust_body(claim.body) if trust else decode_actor_body(claim.body)
    governor = registry.governor(claim.author)
    if governor is not None:
        _check_governor(registry, governor, claim, kid, place, body)
        author = None
    elif trust:
        raise BadRequest("only a governor changes the governors")
    else:
        author = _check_author(registry, claim, kid, place, body)
    match body:
        case Governors(governors):
            registry.check_new_governors(governors)
        case Enrol():
            _check_enrol(registry, claim, place, body, author)
        case Rotate(old, new):
            key = _check_end(registry, claim, place, old, author)
            _check_successor(registry, key, new)
        case Revoke(old):
            _check_end(registry, claim, place, old, author)
        case Contest(since):
            _check_contest(registry, claim, place, since, author)
    return body


def _check_governor(
    registry: Registry, governor: Governor, claim: Claim, kid: KeyId, place: Place, body: Change
) -> None:
    """Its key, and the approvals of the others."""
    if kid != governor.kid:
        raise BadRequest(f"key {kid.hex()[:16]} is not that governor's")
    quorum = body.quorum
    if registry.threshold == 1:
        if quorum is not None:
            raise BadRequest("nobody approves what the only governor does")
        return
    if quorum is None:
        raise BadRequest(
            f"{registry.threshold} governors must agree, and nobody approves this",
            hint="propose it, and collect approvals",
        )
    if quorum.expires_ms < place.received_ms:
        raise BadRequest("the approvals have expired", hint="propose it again")
    act = Act(claim.kind, claim.log, claim.chain, place.prev, change_bytes(body), quorum.expires_ms)
    check_approvals(quorum.approvals, act, governor.id, registry.governors, registry.threshold)


def _check_author(
    registry: Registry, claim: Claim, kid: KeyId, place: Place, body: Change
) -> Actor:
    if claim.author in registry.ever_governors:
        raise BadRequest(f"author {claim.author.hex()} is no longer a governor")
    actor = registry.signer(claim.author, kid, place.received_ms)
    if body.quorum is not None:
        raise BadRequest("approvals stand only in what a governor signs")
    return actor


def _check_enrol(
    registry: Registry, claim: Claim, place: Place, body: Enrol, author: Actor | None
) -> None:
    id_ = ActorId(claim.chain)
    if place.seq != 0 or id_ in registry.actors or id_ in registry.ever_governors:
        raise BadRequest("an enrolment is the first entry of a new actor's chain")
    for key in body.keys:
        _check_unused(registry, key)
    by = GOVERNORS if author is None else author.role
    if by not in ENROLLED_BY[body.role]:
        raise BadRequest(
            f"role {body.role} cannot be enrolled by {by}",
            hint="enrolled by " + " or ".join(sorted(ENROLLED_BY[body.role])),
        )
    if author is not None and author.role == "person" and body.record != author.record:
        raise BadRequest("what a person enrols acts in the record of that person")


def _check_unused(registry: Registry, key: NewKey) -> None:
    if registry.is_registered(key.kid):
        raise BadRequest(
            "this key is already registered", hint="one key, one use: generate a new key"
        )


def _check_end(
    registry: Registry, claim: Claim, place: Place, kid: KeyId, author: Actor | None
) -> ActorKey:
    """The key that a rotation or revocation ends."""
    actor = _actor_of(registry, claim, place)
    if author is not None and author.id not in (actor.id, actor.enroller):
        raise BadRequest(
            "the keys of an actor are changed by itself, by who enrolled it, or by the governors"
        )
    key = actor.key(kid)
    if key is None or key.ended_at is not None:
        raise BadRequest(f"the {_name(claim)} names no key of this actor that is valid now")
    return key


def _actor_of(registry: Registry, claim: Claim, place: Place) -> Actor:
    actor = registry.actors.get(ActorId(claim.chain))
    if actor is None or place.seq == 0:
        raise BadRequest(f"a {_name(claim)} stands on the chain of an enrolled actor")
    return actor


def _name(claim: Claim) -> str:
    names = {Rotate: "rotation", Revoke: "revocation", Contest: "contest"}
    return names.get(type(decode_actor_body(claim.body)), "change")


def _check_successor(registry: Registry, key: ActorKey, new: NewKey) -> None:
    if new.use != key.use:
        raise BadRequest(f"a key for {key.use} is replaced by another one for {key.use}")
    _check_unused(registry, new)


def _check_contest(
    registry: Registry, claim: Claim, place: Place, since: int, author: Actor | None
) -> None:
    actor = _actor_of(registry, claim, place)
    if author is not None and author.id != actor.enroller:
        raise BadRequest("an actor is contested by who enrolled it, or by the governors")
    if author is not None and actor.contested_by_governors:
        raise BadRequest(
            "the governors have contested this actor: they alone change that", hint="ask them"
        )
    if since > place.index:
        raise BadRequest(
            f"a contest at index {place.index} cannot be from index {since} on",
            hint="name an index that is there already",
        )
