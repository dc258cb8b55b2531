"""What an audit found out about one log, and about those before it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from verifier.checkpoint import Checkpoint
from verifier.errors import Problem

MAX_PROBLEMS = 20


@dataclass(slots=True)
class LogReport:
    origin: str
    checkpoint: Checkpoint | None = None
    audited: bool = False
    """Its leaves were read, as far as there was no problem."""
    log_id: bytes | None = None
    leaves: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    chains: int = 0
    """With a leaf in this log."""
    actors: int = 0
    """Enrolled in this log or in one before it."""
    problems: list[Problem] = field(default_factory=list)
    capped: bool = False
    """There were more problems than are listed."""
    not_checked: list[str] = field(default_factory=list)
    predecessors: list[LogReport] = field(default_factory=list)
    """Of the logs that this one takes over from, the oldest first."""

    @property
    def verified(self) -> bool:
        before = all(report.verified for report in self.predecessors)
        return self.audited and not self.problems and before

    def add(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.capped = True
