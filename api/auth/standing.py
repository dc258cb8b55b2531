"""Standing: what the registry says of an actor at this moment. Cheap enough for each request."""

from __future__ import annotations

from enum import StrEnum

from ledger.identity import Actor, Registry
from ledger.resources.relations import institution_of
from ledger.wire.ids import ActorId
from ledger.wire.keys import KeyId


class Standing(StrEnum):
    """Whether an actor may act now, else why not."""

    IN_FORCE = "in-force"
    UNKNOWN = "unknown"
    NOT_YET = "not-yet"
    OVER = "over"
    CONTESTED = "contested"
    """Itself, or its enrolment by a contest of who enrolled it."""
    KEY_ENDED = "key-ended"


def standing(registry: Registry, id_: ActorId, now_ms: int) -> Standing:
    """Of an actor, and of the institution that it acts for."""
    actor = registry.actors.get(id_)
    if actor is None:
        return Standing.UNKNOWN
    found = _of(registry, actor, now_ms)
    institution = institution_of(registry, id_)
    if found is Standing.IN_FORCE and institution not in (None, id_):
        return _of(registry, registry.actors[institution], now_ms)
    return found


def standing_with_key(registry: Registry, id_: ActorId, kid: KeyId, now_ms: int) -> Standing:
    """The same, and whether the key that was logged in with is still its key."""
    found = standing(registry, id_, now_ms)
    if found is not Standing.IN_FORCE:
        return found
    key = registry.actors[id_].key(kid)
    return found if key is not None and key.ended_at is None else Standing.KEY_ENDED


def _of(registry: Registry, actor: Actor, now_ms: int) -> Standing:
    if now_ms < actor.from_ms:
        return Standing.NOT_YET
    if actor.until_ms and now_ms >= actor.until_ms:
        return Standing.OVER
    if actor.contested_since is not None or not registry.has_effect(actor):
        return Standing.CONTESTED
    return Standing.IN_FORCE
