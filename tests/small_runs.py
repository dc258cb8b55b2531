"""Short runs, so that a short log has many, made in this process: starting an interpreter for each
ledger would take most of a test's time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import ledger.epochs
from ledger.store import sorted_index
from ledger.store.merge import build, merge
from ledger.store.run_form import RunForm
from ledger.store.runs import Run
from ledger.wire import epoch


def small_runs(
    patch: pytest.MonkeyPatch, stretch: int, fanout: int = 16, *, epochs: bool = False
) -> None:
    """Runs of ``stretch`` leaves, ``fanout`` of which merge into one. With ``epochs`` the log makes
    one for each stretch, whenever its run happens to lie ready: indexes are then not foreseen.
    """
    patch.setattr(ledger.epochs, "EPOCH_LEAVES", stretch if epochs else 1 << 53)
    patch.setattr(epoch, "STRETCH", stretch)
    patch.setattr(epoch, "FANOUT", fanout)
    patch.setattr(sorted_index, "Merger", InProcessMerger)


class InProcessMerger:
    """Makes runs where it is asked."""

    def merge(
        self, inputs: list[tuple[Path, int, bytes]], output: Path, form: RunForm
    ) -> tuple[int, bytes]:
        return merge([Run(path, form, rows, digest) for path, rows, digest in inputs], output, form)

    def build(self, raw: bytes, output: Path, form: RunForm) -> tuple[int, bytes]:
        return build(raw, output, form)

    def close(self) -> None:
        """Nothing is open."""
