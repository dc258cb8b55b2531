"""What a check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (what is being checked, done, of how many)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the leaves say. Names no content."""

    where: str
    what: str
    hint: str = field(default="", compare=False)
    """What to do about this one, where something else than for damage."""


@dataclass(slots=True)
class Report:
    """Problems in the order found, up to a cap; ``more`` counts those over it."""

    cap: int
    progress: Progress
    size: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    notes: list[Problem] = field(default_factory=list)
    """What is worth knowing and no damage, up to the same cap."""

    def add(self, where: str, what: str, hint: str = "") -> None:
        """Note a problem."""
        if len(self.problems) < self.cap:
            self.problems.append(Problem(where, what, hint))
        else:
            self.more += 1

    def note(self, where: str, what: str) -> None:
        """Note something that is in order and yet worth knowing."""
        if len(self.notes) < self.cap:
            self.notes.append(Problem(where, what))
