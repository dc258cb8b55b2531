"""Entries for views, made without a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from typing import Any

from ledger.record.contents import Linked
from ledger.record.header import Header
from ledger.record.model import (
    Change,
    Document,
    Event,
    Item,
    Opened,
    Retraction,
    Signed,
    Timeline,
    Version,
)
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId, Hash, Position

TEXT = "text/plain"
RECORD, OTHER, THIRD = (ChainId(bytes([n]) * 16) for n in (1, 2, 3))
ROLES = {
    ActorId(bytes([0x10 + at]) * 16): role
    for at, role in enumerate(
        ("organisation", "practitioner", "gateway", "person", "device", "app", "guardian")
    )
}
CLINIC, DOCTOR, GATEWAY, PERSON, DEVICE, APP, GUARDIAN = ROLES
NOBODY = ActorId(bytes(16))


@dataclass
class Registry:
    """A standing of the test's own."""

    contested: dict[ActorId, int] = field(default_factory=dict)
    """Since which entry, counted from the first of the line."""
    begins: tuple[int, ...] = (0,)
    """How many entries stand before each log of the line, the newest log first."""

    def role(self, actor: ActorId) -> str | None:
        return ROLES.get(actor)

    def is_contested(self, author: ActorId, position: Position) -> bool:
        index = position.at + self.begins[position.back]
        return author in self.contested and index >= self.contested[author]


def header(**fields: Any) -> Header:
    return Header(TEXT, **fields)


@dataclass
class Record:
    """Appends to a list as a log would: indexes and times grow by one and by ``step``."""

    entries: list[Opened] = field(default_factory=list)
    step: int = 10

    def add(
        self,
        kind: Kind = Kind.RECORD,
        opened: Header | None = None,
        *,
        author: ActorId = CLINIC,
        amends: int | None = None,
        chain: ChainId = RECORD,
        linked: Linked | None = None,
        malformed: bool = False,
    ) -> int:
        """Returns the index. The header is that of a plain text unless given."""
        at = len(self.entries)
        amended = ZERO_HASH if amends is None else self.entries[amends].hash
        hash_, when = Hash(sha256(at.to_bytes(4, "big")).digest()), at * self.step
        self.entries.append(
            Opened(at, hash_, kind, chain, author, when, when, amended, opened, malformed, linked)
        )
        return at

    def record(self, author: ActorId = CLINIC, **fields: Any) -> int:
        return self.add(Kind.RECORD, header(**fields), author=author)

    def amend(self, amends: int, author: ActorId = CLINIC, **fields: Any) -> int:
        return self.add(Kind.AMEND, header(**fields), author=author, amends=amends)

    def change(self, amends: int, author: ActorId = CLINIC, **fields: Any) -> int:
        return self.amend(amends, author, keeps_content=True, **fields)

    def retract(self, amends: int, author: ActorId = CLINIC, **fields: Any) -> int:
        return self.add(Kind.RETRACT, header(**fields), author=author, amends=amends)

    @property
    def end_ms(self) -> int:
        return len(self.entries) * self.step


def indexes(items: Sequence[Item]) -> list[int]:
    """All entries that items of a timeline are about."""
    return sorted(place.at for item in items for place in item.positions)


def as_a_line(entries: Sequence[Opened], begins: Sequence[int]) -> list[Opened]:
    """The same entries as they stand in a line of logs; ``begins`` as in ``Registry``."""
    line = []
    for one in entries:
        back = next(back for back, begin in enumerate(begins) if begin <= one.index)
        line.append(replace(one, index=one.index - begins[back], back=back))
    return line


def in_one_log(shown: Any, begins: Sequence[int]) -> Any:
    """A timeline, or a part of one, with every place counted from the first of the line."""
    if isinstance(shown, Position):
        return Position(shown.at + begins[shown.back])
    if isinstance(shown, tuple):
        return tuple(in_one_log(one, begins) for one in shown)
    if isinstance(shown, Timeline | Document | Event | Version | Change | Retraction | Signed):
        parts = {part.name: getattr(shown, part.name) for part in fields(shown)}
        return replace(shown, **{name: in_one_log(one, begins) for name, one in parts.items()})
    return shown
