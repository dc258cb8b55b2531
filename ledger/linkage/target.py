"""What linkage needs of an open ``Log``, which it must not import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ledger.admission import Submission
from ledger.appender import Outcome
from ledger.author import Author, Draft
from ledger.errors import CounterfoilError
from ledger.reader import Reader
from ledger.sequencer import Appended
from ledger.vault.door import Vault


class Target(Protocol):
    """An open ledger that may be appended to."""

    @property
    def reader(self) -> Reader: ...
    @property
    def vault(self) -> Vault: ...
    def append(self, submissions: Sequence[Submission]) -> list[Outcome]: ...


def append_all(log: Target, author: Author, drafts: Sequence[Draft]) -> list[Appended]:
    """Append in this order. Raises what the first refused entry is refused for."""
    return submit_all(log, [author.entry(draft) for draft in drafts])


def submit_all(log: Target, submissions: Sequence[Submission]) -> list[Appended]:
    """The same for entries that are sealed and signed."""
    outcomes = log.append(submissions)
    for outcome in outcomes:
        if isinstance(outcome, CounterfoilError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Appended)]
