"""The runs that epochs list, until the leaves have told what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from verifier.audit.heads import RunResult
from verifier.formats.epoch import Epoch, Run

_MOST_VARIANTS = 2
"""Two epochs that list a run in two ways: one of them is false, and a third changes nothing."""


class Listed(NamedTuple):
    run: Run
    epoch: int
    """Index of the first epoch that lists it so."""


class ListedRuns:
    def __init__(self) -> None:
        self._aligned: dict[tuple[int, int], list[Listed]] = {}
        self._short: list[Listed] = []
        self._whole_short: list[list[Listed]] = []

    def add(self, epoch: Epoch, index: int) -> None:
        for run in epoch.runs:
            if run.level is None:
                self._add_short(Listed(run, index))
            else:
                self._add_aligned(Listed(run, index))

    def _add_short(self, listed: Listed) -> None:
        # Epochs cover more and more, so that short runs with one start follow each other.
        if self._short and self._short[0].run.start != listed.run.start:
            self._whole_short.append(self._short)
            self._short = []
        self._short.append(listed)

    def _add_aligned(self, listed: Listed) -> None:
        run = listed.run
        variants = self._aligned.setdefault((run.start, run.to), [])
        if len(variants) < _MOST_VARIANTS and all(one.run != run for one in variants):
            variants.append(listed)

    def take_short(self, all_of_them: bool = False) -> list[list[Listed]]:
        """Short runs with one start to which no epoch adds any more, in order of their ends."""
        if all_of_them and self._short:
            self._whole_short.append(self._short)
            self._short = []
        taken, self._whole_short = self._whole_short, []
        return taken

    @property
    def aligned(self) -> Iterator[Listed]:
        for variants in self._aligned.values():
            yield from variants


def difference(listed: Listed, found: RunResult) -> tuple[str, str] | None:
    """Expected and found, where they differ."""
    run = listed.run
    if (run.rows, run.root) == (found.rows, found.root):
        return None
    where = f"run {run.start} to {run.to}"
    return (
        f"{found.rows} rows with root {found.root.hex()} in {where}",
        f"{run.rows} rows with root {run.root.hex()}",
    )
