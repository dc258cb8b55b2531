"""Where the microseconds of an entry go: the explanation of targets 1 and 2.

The stages of the writer are wrapped while real appends run. Each stage's time is its own, without
that of the stages inside it; wall time and CPU time of its thread are both taken, and the
difference is waiting (for the disk, or for the interpreter that another thread holds). Wrapping
costs under a microsecond a call, so stages that are called once for each entry are timed as one
with what calls them. The second table has the CPU of whole processes, and the third cProfile's
view of the writer thread (which slows small functions down: only its order counts).
"""

from __future__ import annotations

import cProfile
import pstats
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.batch import IN_FLIGHT
from benchmarks.harness import Result, Row, Scale
from benchmarks.ledgers import Bench, append_in_flight, open_bench, settle
from benchmarks.machine import CORES, cpu_by_process
from ledger.appender import Appender
from ledger.merkle.frontier import Frontier
from ledger.store import store
from ledger.store.environment import Environment, Writer
from ledger.store.guard import Guard
from ledger.store.payloads import PayloadFiles
from ledger.store.sorted_index import RunBuilder
from ledger.store.store import Store
from ledger.vault.keys import VaultKeys

STAGES: tuple[tuple[str, Any, str], ...] = (
    ("place: registry, chain, time, leaf and its hash", Appender, "_decide_and_apply"),
    ("apply: glue between the steps", Appender, "_apply"),
    ("tree: frontier and tile hashes", Frontier, "extend_rows"),
    ("checkpoint: root and signature", Appender, "_sign"),
    ("free space on the disk", Store, "check_space"),
    ("LMDB: commit, with its fsync", Environment, "write"),
    ("LMDB: entries and places", store, "_put_entries"),
    ("LMDB: tiles", store, "_put_tiles"),
    ("LMDB: ids", Writer, "put_new"),
    ("LMDB: old ids", Writer, "delete_below"),
    ("wait for payloads and keys", Future, "result"),
    ("guard, with its fsync", Guard, "advance"),
    ("adopt: heads, ids in memory", Appender, "_adopt"),
    ("answers", Future, "set_result"),
    ("beside it, disk thread: payloads, with fsync", PayloadFiles, "write"),
    ("beside it, disk thread: content keys, with fsync", VaultKeys, "store"),
    ("beside it, index thread: heads runs", RunBuilder, "_do"),
)
"""Name of the stage, and the function that is it: its owner and its name there."""
WRITER = "appender"
IDLE = "waits for admitted entries"


@dataclass(slots=True)
class Spent:
    """Own time of a stage on one thread, in seconds."""

    wall: float = 0.0
    cpu: float = 0.0


@dataclass(slots=True)
class Clock:
    """Own times by thread name and stage."""

    spent: dict[tuple[str, str], Spent] = field(default_factory=lambda: defaultdict(Spent))
    missing: list[str] = field(default_factory=list)
    _stacks: threading.local = field(default_factory=threading.local)

    def wrap(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed under the name of the stage."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            stack: list[list[float]] = self._stacks.__dict__.setdefault("stack", [])
            stack.append([0.0, 0.0])
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
                inner_wall, inner_cpu = stack.pop()
                own = self.spent[threading.current_thread().name.partition("_")[0], stage]
                own.wall += wall - inner_wall
                own.cpu += cpu - inner_cpu
                if stack:
                    stack[-1][0] += wall
                    stack[-1][1] += cpu

        return timed


@contextmanager
def _clocked() -> Iterator[Clock]:
    """All stages wrapped. A stage that the code no longer has is listed as missing."""
    clock = Clock()
    restore = []
    for stage, owner, name in STAGES:
        function = getattr(owner, name, None)
        if function is None:
            clock.missing.append(f"{owner.__name__}.{name}")
            continue
        restore.append((owner, name, function))
        setattr(owner, name, clock.wrap(stage, function))
    try:
        yield clock
    finally:
        for owner, name, function in restore:
            setattr(owner, name, function)


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Where the microseconds go")
    modes: tuple[tuple[str, int, int], ...] = (
        ("signature per entry", CORES, 0),
        ("batch of 256", 1, 256),
        ("batch of 4,096", 1, 4096),
    )
    for name, workers, size in modes:
        _split(result, scale, work, name, workers, size)
    result.notes += [
        (
            "One thread places and commits entries; payloads and content keys go to disk on "
            "another one beside it, admission runs in other processes. All times are divided by "
            "the number of entries. CPU is that of the thread; wall − CPU is waiting, for the "
            "disk or for the interpreter."
        ),
    ]
    return result


def _split(result: Result, scale: Scale, work: Path, name: str, workers: int, size: int) -> None:
    count = scale.members(size) if size else scale.single
    with _clocked() as clock, open_bench(work / f"{name}", workers) as bench:
        append = _appending(bench, count, size)
        append()
        append = _appending(bench, count, size)
        clock.spent.clear()
        before = cpu_by_process()
        start = time.perf_counter()
        append()
        seconds = time.perf_counter() - start
        after = cpu_by_process()
    with open_bench(work / f"{name} again", workers) as bench:
        _appending(bench, count, size)()
        append = _appending(bench, count, size)
        top = _profiled(bench, append)
    _report(result, name, count, seconds, clock, before, after)
    result.notes.append(f"{name}, cProfile of the writer thread, own time: {top}.")


def _appending(bench: Bench, count: int, size: int) -> Callable[[], int]:
    if not size:
        entries = bench.entries(count)
        return lambda: settle(
            [bench.log.append_later(entries[at : at + 64]) for at in range(0, count, 64)]
        )
    batches = bench.batches(count, size)
    return lambda: append_in_flight(bench.log, batches, IN_FLIGHT[size])


def _report(
    result: Result,
    name: str,
    count: int,
    seconds: float,
    clock: Clock,
    before: dict[int, float],
    after: dict[int, float],
) -> None:
    per = 1e6 / count
    result.rows.append(Row(f"{name}: wall time of an entry", "µs", seconds * per))
    series = result.series.setdefault(name, [])
    unseen: list[str] = []
    busy = sum(spent.wall for (thread, _), spent in clock.spent.items() if thread == WRITER)
    for stage, _, _ in STAGES:
        found = [
            spent
            for (thread, at), spent in clock.spent.items()
            if at == stage and (thread == WRITER or stage.startswith("beside"))
        ]
        if not found:
            unseen.append(stage)
            continue
        wall = sum(one.wall for one in found) * per
        cpu = sum(one.cpu for one in found) * per
        series.append({"stage": stage, "wall": wall, "cpu": cpu})
        result.rows.append(Row(f"{name}: {stage}", "µs", wall, "of it CPU", cpu))
    idle = max(0.0, seconds - busy) * per
    series.append({"stage": IDLE, "wall": idle, "cpu": 0.0})
    result.rows.append(Row(f"{name}: {IDLE}", "µs", idle))
    for pid, value in after.items():
        role = "the writer's process" if pid == min(after) else "a child process"
        used = (value - before.get(pid, 0.0)) * per
        result.rows.append(Row(f"{name}: CPU of {role}, all threads", "µs", used))
    if clock.missing or unseen:
        # Or the stages above would silently hold what moved elsewhere.
        result.notes.append(
            f"{name}, stages that did not run: {', '.join(clock.missing + unseen)}."
        )


def _profiled(bench: Bench, append: Callable[[], int]) -> str:
    """The functions that take the most own time in the writer thread."""
    profiler = cProfile.Profile()
    appender: Any = bench.log._appender
    inner = appender._decide_and_apply

    def profiled(group: Any) -> Any:
        profiler.enable()
        try:
            return inner(group)
        finally:
            profiler.disable()

    appender._decide_and_apply = profiled
    append()
    stats: Any = pstats.Stats(profiler)
    total = stats.total_tt or 1.0
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:8]
    return ", ".join(f"{_short(where)} {100 * values[2] / total:.0f} %" for where, values in rows)


def _short(where: tuple[str, int, str]) -> str:
    file, _, function = where
    return f"{Path(file).stem}.{function}" if file != "~" else function.strip("<>")
