"""What an audit found out about one log, and about those before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.errors import Problem
from verifier.formats.checkpoint import Checkpoint, Opened
from verifier.formats.claim import KINDS
from verifier.rules.custodians import Counted
from verifier.rules.registry import Registry

MAX_PROBLEMS = 20
_STEPS = (
    "bundle", "tile", "genesis", "succession", "renewal", "leaf", "statement", "claim", "cbor",
    "log", "time", "entry id", "expiry", "batch", "chain", "amended", "erasure", "key", "role",
    "approvals", "trust", "actor", "signature", "epoch",
)  # fmt: skip
"""As far as the order of problems with one leaf goes."""


class NewestEpoch(NamedTuple):
    covered: int
    """E: it says something of all leaves below."""
    leaf_index: int
    received_ms: int

    @property
    def skipped(self) -> int:
        """Entries that came before it, and that it does not cover."""
        return self.leaf_index - self.covered


@dataclass(slots=True)
class LogReport:
    origin: str
    checkpoint: Checkpoint | None = None
    opened: Opened | None = None
    """The checkpoint of the newest log, with who signed it."""
    note: str = ""
    """That checkpoint as it was read."""
    newest_ms: int = 0
    """When the newest leaf was received."""
    audited: bool = False
    """Its leaves were read, as far as there was no problem."""
    log_id: bytes | None = None
    registry: Registry | None = None
    """Behind the last leaf."""
    leaves: int = 0
    """Whose place in the tree was checked."""
    checked_leaves: int = 0
    """In full."""
    ranges: Sequence[tuple[int, int]] | None = None
    """Of these, from one up to another; None: of all."""
    signatures: bool = True
    """Those of authors were checked."""
    epoch: NewestEpoch | None = None
    epochs: int = 0
    custodians: Counted | None = None
    """Of the newest log: who of the policy's custodians counts."""
    continues: int | None = None
    """Size of the checkpoint that was audited before with the same state."""
    kinds: Counter[str] = field(default_factory=Counter)
    authors: Counter[bytes] = field(default_factory=Counter)
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
    def whole(self) -> bool:
        """Everything was checked, of this log and those before it."""
        return self.ranges is None and self.signatures

    @property
    def verified(self) -> bool:
        before = all(report.verified for report in self.predecessors)
        return self.audited and not self.problems and before

    def add(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.capped |= len(self.problems) > MAX_PROBLEMS

    def take(self, problems: Sequence[Problem], capped: bool) -> None:
        """What a part of the audit found, which may have found more."""
        for problem in problems:
            self.add(problem)
        self.capped |= capped

    def count_kind(self, kind: int, count: int) -> None:
        self.kinds[KINDS[kind].name] += count

    def forget_behind(self, leaves: int) -> None:
        self.problems = [one for one in self.problems if one.index is None or one.index < leaves]

    def sort(self) -> None:
        """In order of the leaves, and no more than a reader wants to see."""
        self.problems.sort(key=_place)
        del self.problems[MAX_PROBLEMS:]


def _place(problem: Problem) -> tuple[bool, int, int]:
    rank = _STEPS.index(problem.step) if problem.step in _STEPS else len(_STEPS)
    return problem.index is None, problem.index or 0, rank
