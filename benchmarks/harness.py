"""How things are measured here: the sides of a comparison take turns in short rounds.

The machines that run this are shared, and absolute values swing by a factor of two. So every
number that counts is a ratio between two sides of one run. A round prepares all sides first
(untimed), then times one after the other, every second round in reverse; the ratio is the median
of the ratios of the rounds, and the quartiles show how far to trust it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Literal, TypeAlias

from benchmarks.machine import tree_usage

Work: TypeAlias = Callable[[], int]
"""The timed part of a round; returns how many units it did."""
Side: TypeAlias = Callable[[], Work]
"""Prepares one round."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is."""

    name: Literal["quick", "normal", "long"]
    rounds: int
    single: int
    """Entries of a round with a signature each."""
    batched: int
    """Entries of a round under batch signatures."""
    sizes: tuple[int, ...]
    """Log sizes at which growth is measured; the first is what the others are compared with."""
    growth_rounds: int
    proofs: int
    """Proofs of a round."""
    tree: int
    """Leaves that a peer's tree is built of again and again."""
    history: int
    """Entries of the one long-lived person."""
    audit_signed: int
    """Entries with a signature each in a log that is audited."""
    audit_sizes: tuple[int, int]
    """Of the smallest and the largest log that is audited."""

    def members(self, size: int) -> int:
        """Entries of a round in batches of ``size``: enough of them that they can overlap."""
        return max(self.batched, (2 if self.name == "quick" else 8) * size)


QUICK = Scale("quick", 3, 800, 8_192, (8_192, 40_960), 1, 200, 8_192, 500, 12_288, (20_480, 81_920))
NORMAL = Scale(
    "normal",
    11,
    4_000,
    16_384,
    # Sixteen runs of 65,536 leaves become one at 1,048,576: a size before and one after that.
    (100_000, 250_000, 500_000, 950_000, 1_100_000),
    7,
    1_000,
    131_072,
    10_000,
    100_000,
    (100_000, 1_000_000),
)
LONG = Scale(
    "long",
    11,
    4_000,
    16_384,
    (100_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000),
    9,
    1_000,
    131_072,
    10_000,
    200_000,
    (100_000, 10_000_000),
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a row should reach: number in the list of targets, bound, and what it is a bound of."""

    number: int
    sign: Literal["≥", "≤"]
    value: float
    of: Literal["ratio", "ours"]

    def met(self, row: Row) -> bool | None:
        """None when the row has nothing to compare."""
        value = row.ratio if self.of == "ratio" else row.ours
        if value is None:
            return None
        return value >= self.value if self.sign == "≥" else value <= self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. A ratio above 1 always means that ours is better."""

    what: str
    unit: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    quartiles: tuple[float, float] | None = None
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.target.met(self)


@dataclass(slots=True)
class Result:
    """What a benchmark found."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How it was measured, and what the numbers leave out."""
    reasons: list[str] = field(default_factory=list)
    """In numbers: where the time of what missed its target goes."""
    series: dict[str, list[dict[str, float | str]]] = field(default_factory=dict)
    """For plots."""


@dataclass(frozen=True, slots=True)
class Round:
    """One timed round of one side. CPU and bytes are of this process and its children."""

    units: int
    seconds: float
    cpu: float
    written: int


@dataclass(slots=True)
class Sample:
    """All rounds of one side."""

    rounds: list[Round] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Units a second: the median of the rounds."""
        return median(one.units / one.seconds for one in self.rounds)

    @property
    def micros(self) -> float:
        """Microseconds a unit."""
        return 1e6 / self.rate

    @property
    def cpu_micros(self) -> float:
        """CPU microseconds a unit, of all processes (the clock ticks are coarse, hence the sum)."""
        return 1e6 * sum(one.cpu for one in self.rounds) / self.units

    @property
    def written(self) -> float:
        """Bytes that went to disk for a unit."""
        return sum(one.written for one in self.rounds) / self.units

    @property
    def units(self) -> int:
        return sum(one.units for one in self.rounds)


def alternate(sides: Mapping[str, Side], rounds: int, warm_up: int = 1) -> dict[str, Sample]:
    """Run all sides in turn; the first ``warm_up`` rounds do not count."""
    samples = {name: Sample() for name in sides}
    for number in range(warm_up + rounds):
        work = [(name, side()) for name, side in sides.items()]
        gc.collect()
        for name, one in work if number % 2 == 0 else reversed(work):
            measured = _time(one)
            if number >= warm_up:
                samples[name].rounds.append(measured)
    return samples


def _time(work: Work) -> Round:
    cpu, written = tree_usage()
    start = time.perf_counter()
    units = work()
    seconds = time.perf_counter() - start
    cpu_after, written_after = tree_usage()
    return Round(units, seconds, cpu_after - cpu, written_after - written)


def cpu_row(what: str, ours: Sample, peer: str, theirs: Sample) -> Row:
    """CPU time over all processes: what neither waiting nor a busy machine changes much."""
    return Row(
        f"CPU of all processes: {what}",
        "µs",
        ours.cpu_micros,
        peer,
        theirs.cpu_micros,
        theirs.cpu_micros / ours.cpu_micros if ours.cpu_micros else None,
    )


def compare(
    what: str,
    ours: Sample,
    peer: str,
    theirs: Sample,
    *,
    unit: Literal["/s", "µs"] = "/s",
    target: Target | None = None,
) -> Row:
    """A row from two sides of one ``alternate``."""
    ratios = [
        (one.units / one.seconds) / (other.units / other.seconds)
        for one, other in zip(ours.rounds, theirs.rounds, strict=True)
    ]
    spread = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    values = (ours.rate, theirs.rate) if unit == "/s" else (ours.micros, theirs.micros)
    return Row(
        what, unit, values[0], peer, values[1], median(ratios), (spread[0], spread[-1]), target
    )
