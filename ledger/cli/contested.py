"""Doubt, as every view shows it."""

from __future__ import annotations

from ledger.identity import Registry
from ledger.reader import Entry, Reader
from ledger.wire.ids import ActorId, Position


def contested_since(reader: Reader, entry: Entry) -> Position | None:
    """From which entry on what an entry's author did is in doubt; None where it is not."""
    index = reader.relative_index(entry.position)
    since = _since(reader.registry, entry.leaf.claim.author, index)
    return None if since is None else reader.position_of(since)


def _since(registry: Registry, author: ActorId, index: int) -> int | None:
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
