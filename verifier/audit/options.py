"""How an audit is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from verifier.audit.spans import SPAN

DISK_BYTES = 1 << 36


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Options:
    signatures: bool = True
    """Check those of authors."""
    part: tuple[int, int] | None = None
    """Only these leaves are checked in full, from one up to another."""
    sample: int | None = None
    """Only so many bundles are, at random."""
    max_age_ms: int | None = None
    """The newest epoch must not be older."""
    now_ms: int = 0
    state: Path | None = None
    """Where what was found is kept for the next audit."""
    disk: int = DISK_BYTES
    """Bytes that may be written."""
    cores: int = field(default_factory=_cores)
    in_memory: int = 2 * SPAN
    """A line of so many leaves is audited without files and other processes."""
    progress: Callable[[int, int], None] = lambda done, size: None
    """Leaves that were read, of how many."""

    @property
    def partial(self) -> bool:
        return self.part is not None or self.sample is not None
