"""Doubt, as every view shows it."""

from __future__ import annotations

from ledger.identity import Registry
from ledger.wire.ids import ActorId


def contested_since(registry: Registry, author: ActorId, index: int) -> int | None:
    """From which entry on what this author did at ``index`` is in doubt; None where it is not."""
    if not registry.is_contested(author, index):
        return None
    actor = registry.actors[author]
    if actor.contested_since is not None and actor.contested_since <= index:
        return actor.contested_since
    # Its enrolment has no effect: somebody above it is contested.
    while actor.enroller is not None:
        above = registry.actors[actor.enroller]
        if above.contested_since is not None and above.contested_since <= actor.enrolled_at:
            return above.contested_since
        actor = above
    return None
