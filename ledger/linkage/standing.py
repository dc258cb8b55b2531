"""What the registry says of authors, for views (``ledger.record.model.Standing``)."""

from __future__ import annotations

from ledger.reader import Reader
from ledger.wire.ids import ActorId, Position


class RegistryStanding:
    """The standing of authors as the registry has it today: a doubt that is known now is shown in
    earlier views too.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader, self._registry = reader, reader.registry

    def role(self, actor: ActorId) -> str | None:
        known = self._registry.actors.get(actor)
        return None if known is None else known.role

    def is_contested(self, author: ActorId, position: Position) -> bool:
        return self._registry.is_contested(author, self._reader.relative_index(position))
