"""The forger's book: every lie that we can think of, who can tell it, and what answers it.

A lie is a function that puts into somebody's hand what a forger would give them. The forger holds
every key of the part that it plays and signs everything anew, so that one rule is left to catch it.
Its answers are commands of `counterfoil-verify` that this somebody runs, and what must come out:

    Caught(command, step)      the verdict is false, first in this step
    Says(command, sentence)    it is not caught, and the verdict itself owns up to that
    Refused(command, words)    it is not even done: by the verifier, or by a command of the ledger

`docs/threat-model.md` holds these rows as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from tests.forger.hand import Hand


class Teller(Enum):
    OPERATOR = "The operator, with all keys of the log"
    DISK = "Whoever has the operator's disk and backups"
    AUTHOR = "An author, or who stole an author's key"
    GOVERNORS = "Governors"
    CUSTODIAN = "Custodians and witnesses"
    NETWORK = "Storage, mirror, cache or network, without a key"
    HOLDER = "Whoever hands over an evidence file, without a key"


class Limit(Enum):
    """The first word of each stands in the table, and begins its paragraph in the document."""

    LOGGED = "L1"
    TIME = "L2"
    KEYS = "L3"
    VIEWS = "L4"
    EPOCH = "L5"
    CUSTODIANS = "L6"
    GOVERNORS = "L7"
    ACCESS = "L8"


class Caught(NamedTuple):
    command: str
    step: str
    beside: tuple[str, ...] = ()
    """Steps that fail as well, where a lie is told without the keys to make all else fit."""


class Says(NamedTuple):
    command: str
    sentence: str
    complete: bool = False
    """The verdict calls the list of entries complete."""


class Refused(NamedTuple):
    command: str
    words: str
    code: int = 2


Answer: TypeAlias = Caught | Says | Refused
Tell: TypeAlias = Callable[[Hand], None]


@dataclass(frozen=True)
class Lie:
    name: str
    tell: Tell
    answers: tuple[Answer, ...]
    limit: Limit | None


class Book:
    """The lies of one module, in the order in which they are written down."""

    def __init__(self, teller: Teller, how: str = "") -> None:
        self.title = teller.value + (f": {how}" if how else "")
        self._lies: list[Lie] = []

    @property
    def lies(self) -> Sequence[Lie]:
        return self._lies

    def lie(
        self, name: str, *answers: Answer, limit: Limit | None = None
    ) -> Callable[[Tell], Tell]:
        def add(tell: Tell) -> Tell:
            self._lies.append(Lie(name, tell, answers, limit))
            return tell

        return add
