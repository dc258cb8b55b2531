"""What the registry knows of actors, keys and chains, at all positions of a line of logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.formats.keys import LoadedKey, PublicKey, load_key

_INDEX_BITS = 53


def position(log: int, index: int) -> int:
    """A leaf of the line, as a number that grows: all of an earlier log lies below."""
    return log << _INDEX_BITS | index


def index_of(at: int) -> int:
    """In its own log."""
    return at & ((1 << _INDEX_BITS) - 1)


def log_of(at: int) -> int:
    """Number of the log in its line."""
    return at >> _INDEX_BITS


class Contest(NamedTuple):
    """From `at` on, what the actor did since `since` is in doubt."""

    at: int
    since: int
    by_governors: bool


class Derived(NamedTuple):
    """A chain whose id follows from its owner's."""

    owner: bytes
    label: bytes
    since: int
    """Position of the enrolment, or of the log's first leaf."""


class Question(NamedTuple):
    """What an enrolment needs of chains, which the registry does not know."""

    asker: int
    chain: bytes
    is_person: bool
    """It must have been opened as a person's at a lower index; else it must be new."""


@dataclass(slots=True)
class Actor:
    role: str
    enroller: bytes | None
    """None: the governors."""
    enrolled_at: int
    record: bytes | None
    signs: frozenset[int]
    from_ms: int
    until_ms: int | None
    batch_chain: bytes
    directory_chain: bytes
    contests: list[Contest] = field(default_factory=list)

    @property
    def contested_now(self) -> int | None:
        """Behind all that was applied."""
        return self.contests[-1].since if self.contests else None

    def contested_since(self, at: int) -> int | None:
        """As a leaf at this position finds it: a later contest replaces an earlier one."""
        return next((one.since for one in reversed(self.contests) if one.at < at), None)


@dataclass(slots=True)
class Key:
    owner: bytes
    use: str
    key: PublicKey
    since: int
    ended_at: int | None = None

    @property
    def alg(self) -> int:
        return self.key.alg

    @property
    def public_key(self) -> LoadedKey:
        return load_key(self.key)


@dataclass(slots=True)
class Changes:
    """What came to a registry, for a copy of it that only answers questions."""

    log: int = -1
    log_chain: bytes = b""
    epoch_chain: bytes = b""
    keys: dict[bytes, Key] = field(default_factory=dict)
    actors: dict[bytes, Actor] = field(default_factory=dict)
    derived: dict[bytes, Derived] = field(default_factory=dict)
