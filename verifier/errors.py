"""What can go wrong, by whose fault.

`NotVerified` is the evidence's fault (exit 1): it names the step, what was expected and what was
found. `Unreadable` is nobody's lie (exit 3): a missing file, a server that does not answer.
`BadArgument` is the caller's mistake (exit 2).
Anything else that escapes is our own bug: a traceback, and no verdict (exit 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Problem:
    """One false statement. `index` is the leaf's index, None where no single leaf is meant."""

    step: str
    expected: str
    found: str
    index: int | None = None

    def __str__(self) -> str:
        where = "" if self.index is None else f" at leaf {self.index}"
        return f"{self.step}{where}: expected {self.expected}, found {self.found}"


class NotVerified(Exception):
    def __init__(self, step: str, expected: str, found: str, index: int | None = None) -> None:
        self.problem = Problem(step, expected, found, index)
        super().__init__(str(self.problem))

    def placed(self, index: int) -> NotVerified:
        """The same, placed at this leaf unless it already names one."""
        problem = self.at(index)
        return NotVerified(problem.step, problem.expected, problem.found, problem.index)

    def at(self, index: int) -> Problem:
        """The problem, placed at this leaf unless it already names one."""
        if self.problem.index is not None:
            return self.problem
        return replace(self.problem, index=index)


class Unreadable(Exception):
    """The evidence could not be read, or is not there; says nothing about whether it is true."""

    def __init__(self, message: str, hint: str = "the evidence could not be read") -> None:
        super().__init__(message)
        self.hint = hint


class BadArgument(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def quote(text: str) -> str:
    """Text from outside, fit for a terminal: one line, no control or bidi characters, short. It
    cannot end its quotation and go on in the verdict's words.
    """
    shown = "".join(map(_shown, text[:_SHOWN]))
    return f'"{shown}"' + ("…" if len(text) > _SHOWN else "")


def _shown(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
