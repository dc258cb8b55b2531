"""Targets 3 and 7: what the size of a log costs, in speed, bytes on disk, and memory.

At each size the large log takes turns with a copy of itself as it was at the first size, so speed
is compared within minutes of the same machine. Records are a tenth of the leaves, and entries go
to random ones among all, so the large log's appender finds most heads in runs on disk.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from random import Random

from benchmarks.harness import (
    Result,
    Row,
    Sample,
    Scale,
    Target,
    Work,
    alternate,
    compare,
)
from benchmarks.ledgers import CONTENT, ORIGIN, append_in_flight
from benchmarks.machine import resident, tree_usage
from benchmarks.population import Population, chain_of
from ledger.errors import BadRequest
from ledger.founding import found
from ledger.log import Log

LEDGER = "ledger"
_BATCHES = 2
"""Of 4,096 in a round."""
_SMALL_CONTENT = 256
_SPEED = Target(3, "≥", 0.8, "ratio")


def run(scale: Scale, work: Path) -> Result:
    """Measure. Leaves the large ledger under ``work``."""
    result = Result("Growth")
    content = _content(scale, work)
    first = work / "first"
    home = work / "grown"
    home.mkdir()
    found(home / LEDGER, ORIGIN)
    first_chains = 0
    written = 0
    sample: dict[str, Sample] = {}
    with Log.open(home / LEDGER, workers=1) as log:
        population = Population.create(log, content)
        with population.sealers:
            for size in scale.sizes:
                before, kept = tree_usage()[1], population.kept
                history = scale.history * size // scale.sizes[-1]
                population.grow_to(size, history, _progress)
                grown = tree_usage()[1] - before
                written += grown
                memory = resident(population.sealers.pids)
                leaves = population.size
                lookup = _lookup(population)
                if size == scale.sizes[0]:
                    _copy(home, first)
                    first_chains = population.chains
                sample = _against_first(scale, population, first, first_chains, work)
                amplified = grown / max(1, population.kept - kept)
                _note(result, leaves, population.chains, sample, memory, amplified, lookup)
        amplification = written / population.kept
        _report(result, scale, sample, memory, amplification)
        result.notes.append(_method(content, scale))
    shutil.rmtree(first)
    return result


def _content(scale: Scale, work: Path) -> int:
    """Bytes of content that the disk has room for. Raises BadRequest when it has not for any."""
    free = shutil.disk_usage(work).free
    for content in (CONTENT, _SMALL_CONTENT):
        needed = scale.sizes[-1] * (content + 900)
        print(
            f"growth: {needed / 1e9:.1f} GB for {scale.sizes[-1]:,} entries of {content} bytes, "
            f"{free / 1e9:.1f} GB are free",
            file=sys.stderr,
        )
        if needed < 0.8 * free:
            return content
    raise BadRequest("the disk has no room for the growth benchmark", hint="name another --work")


def _lookup(population: Population) -> float:
    """CPU microseconds that finding the head of a random record takes."""
    random, heads = Random(7), population.log.reader.heads
    chains = [chain_of(random.randrange(population.chains)) for _ in range(2_000)]
    start = time.process_time()
    for chain in chains:
        heads.get(chain)
    return (time.process_time() - start) / len(chains) * 1e6


def _progress(size: int) -> None:
    if sys.stderr.isatty():
        print(f"\rgrowth: {size:,} leaves", end="", file=sys.stderr, flush=True)


def _copy(home: Path, to: Path) -> None:
    """Copy a ledger and its guard between two commits."""
    shutil.copytree(home, to)
    (to / LEDGER / "lock").unlink(missing_ok=True)


def _against_first(
    scale: Scale, population: Population, first: Path, first_chains: int, work: Path
) -> dict[str, Sample]:
    """Rounds of the large log and of a fresh copy of the first, in turn."""
    copy = work / "copy"
    shutil.copytree(first, copy)
    with Log.open(copy / LEDGER, workers=1) as small:

        def side(log: Log, chains: int) -> Work:
            batches = population.batches(_BATCHES, chains)
            return lambda: append_in_flight(log, batches, _BATCHES)

        samples = alternate(
            {
                "large": lambda: side(population.log, population.chains),
                "first": lambda: side(small, first_chains),
            },
            scale.growth_rounds,
            warm_up=min(3, scale.growth_rounds),
        )
    shutil.rmtree(copy)
    return samples


def _note(
    result: Result,
    leaves: int,
    records: int,
    sample: dict[str, Sample],
    memory: dict[str, int],
    amplified: float,
    lookup: float,
) -> None:
    row = compare("", sample["large"], "", sample["first"])
    result.series.setdefault("sizes", []).append(
        {
            "leaves": leaves,
            "records": records,
            "rate": sample["large"].rate,
            "first rate": sample["first"].rate,
            "ratio": row.ratio or 0.0,
            "low": (row.quartiles or (0.0, 0.0))[0],
            "high": (row.quartiles or (0.0, 0.0))[1],
            "cpu": sample["large"].cpu_micros,
            "first cpu": sample["first"].cpu_micros,
            "anonymous": memory["anonymous"],
            "file": memory["file"],
            "children": memory["children"],
            "amplification": amplified,
            "lookup": lookup,
        }
    )


def _report(
    result: Result,
    scale: Scale,
    sample: dict[str, Sample],
    memory: dict[str, int],
    amplification: float,
) -> None:
    size, records = (float(result.series["sizes"][-1][name]) for name in ("leaves", "records"))
    lookups = [float(point["lookup"]) for point in result.series["sizes"]]
    for point in result.series["sizes"][:-1]:
        result.rows.append(
            Row(
                f"entries/s at {point['leaves']:,} leaves, {point['records']:,} records",
                "/s",
                float(point["rate"]),
                f"the same log at {scale.sizes[0]:,}",
                float(point["first rate"]),
                float(point["ratio"]),
                (float(point["low"]), float(point["high"])),
                _SPEED if point is not result.series["sizes"][0] else None,
            )
        )
    goal = compare(
        f"entries/s at {size:,.0f} leaves, {records:,.0f} records",
        sample["large"],
        f"the same log at {scale.sizes[0]:,}",
        sample["first"],
        target=_SPEED,
    )
    disk = Row(
        "bytes to disk per byte of leaf + sealed payload",
        "×",
        amplification,
        target=Target(3, "≤", 3.0, "ours"),
    )
    own = Row(
        f"memory of the process at {size:,.0f} leaves, page cache apart",
        "MB",
        memory["anonymous"] / 1e6,
        target=Target(7, "≤", 300.0, "ours"),
    )
    result.rows += [
        goal,
        disk,
        own,
        Row(
            f"head of a random record found, {size:,.0f} leaves",
            "µs",
            lookups[-1],
            f"the same log at {scale.sizes[0]:,}",
            lookups[0],
            lookups[0] / lookups[-1] if lookups[-1] else None,
        ),
        Row("memory of its child processes (admission, merging)", "MB", memory["children"] / 1e6),
        Row("mapped file pages (page cache)", "MB", memory["file"] / 1e6),
    ]
    if goal.met is False:
        large, first = sample["large"], sample["first"]
        result.reasons.append(
            f"Growth: {large.micros:.1f} µs an entry against {first.micros:.1f} µs at "
            f"{scale.sizes[0]:,}; CPU over all processes {large.cpu_micros:.1f} against "
            f"{first.cpu_micros:.1f} µs, bytes to disk {large.written:,.0f} against "
            f"{first.written:,.0f}. The head of a random record is found in {lookups[-1]:.1f} µs "
            f"of CPU against {lookups[0]:.1f}: one that was not written lately is looked for in "
            "one run after the other."
        )
    if disk.met is False:
        result.reasons.append(
            f"Disk: {amplification:.2f} bytes are written for each byte of leaf and payload; see "
            "the rows of `batch` for what the size of a commit does to it."
        )


def _method(content: int, scale: Scale) -> str:
    return (
        f"{content} bytes of content; {_BATCHES} batches of 4,096 in flight, one worker process; "
        "records are opened and old ones filled between the measurements. Bytes to disk: "
        "`write_bytes` of /proc/PID/io over the writer and its children while the log grew in "
        "commits of about 4,096 leaves; that counts every page of a file when it is made dirty "
        "(again after each sync), and leaves the file system's journal out. Memory is RssAnon, "
        "before the copy is opened beside it; the buffers of the benchmark (two sealed batches) "
        "are in it. Two copies of one log at the same size give the noise: see the row of "
        f"{scale.sizes[0]:,} leaves."
    )
