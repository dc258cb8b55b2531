"""Target 2: a signature for each batch, everything on, against a plain SQLite table.

SQLite commits one batch after the other. The ledger does so too when its caller waits for each
answer ("1 in flight"); with several callers it checks the next batch meanwhile and commits what
has come together in one transaction. Both are shown: the first compares commits of equal size,
the second what a server does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.harness import (
    Result,
    Row,
    Sample,
    Scale,
    Side,
    Target,
    Work,
    alternate,
    compare,
    cpu_row,
)
from benchmarks.ledgers import (
    Bench,
    SqliteTable,
    append_in_flight,
    limit_side,
    open_bench,
    rows_of,
)
from ledger.admission import BatchSubmission

IN_FLIGHT = {256: 32, 4096: 4}
"""Batches that several clients would have handed in, for each size of a batch."""
_GOAL = Target(2, "≥", 1.0, "ratio")


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Signature per batch")
    for size in IN_FLIGHT:
        _one_size(result, scale, size, work)
    result.notes.append(
        "Rows of the table: leaf, sealed payload (1 KiB of content), content key; WAL, "
        "synchronous=FULL, a transaction for each batch. `unique entry id` adds the index without "
        "which a table cannot refuse an entry that is sent twice. The limit is SHA-256 of leaf and "
        "payload, one write and one fdatasync a batch."
    )
    return result


def _one_size(result: Result, scale: Scale, size: int, work: Path) -> None:
    directory = work / str(size)
    directory.mkdir()
    several = IN_FLIGHT[size]
    with ExitStack() as stack:
        worker = stack.enter_context(open_bench(directory / "worker", 1))
        threads = stack.enter_context(open_bench(directory / "threads", 0))
        plain = SqliteTable(directory / "plain.db", unique=False)
        unique = SqliteTable(directory / "unique.db", unique=True)
        stack.enter_context(closing(plain))
        stack.enter_context(closing(unique))
        latest: list[BatchSubmission] = []

        def ours(bench: Bench, in_flight: int) -> Work:
            latest[:] = bench.batches(scale.members(size), size)
            batches = latest.copy()
            return lambda: append_in_flight(bench.log, batches, in_flight)

        sides: dict[str, Side] = {
            "worker 1": lambda: ours(worker, 1),
            "worker many": lambda: ours(worker, several),
            "threads many": lambda: ours(threads, several),
            "plain": lambda: plain.side(lambda: latest),
            "unique": lambda: unique.side(lambda: latest),
            "limit": lambda: limit_side(directory / "limit.bin", latest),
        }
        samples = alternate(sides, scale.rounds)
        kept = _kept_bytes(latest)
    _report(result, size, several, samples, kept)


def _kept_bytes(batches: Sequence[BatchSubmission]) -> float:
    """Leaf and sealed payload of a member."""
    rows = [row for batch in batches for row in rows_of(batch)]
    return sum(len(leaf) + len(blob) for _, leaf, blob, _ in rows) / len(rows)


def _report(
    result: Result, size: int, several: int, samples: dict[str, Sample], kept: float
) -> None:
    plain = samples["plain"]
    flights = {
        f"batch {size:,}, {several} in flight, 1 worker process": "worker many",
        f"batch {size:,}, 1 in flight, 1 worker process": "worker 1",
        f"batch {size:,}, {several} in flight, threads": "threads many",
    }
    for what, name in flights.items():
        target = _GOAL if name != "threads many" else None
        row = compare(what, samples[name], "SQLite table", plain, target=target)
        result.rows.append(row)
        if row.met is False:
            result.reasons.append(_reason(row, samples[name], plain))
    many = samples["worker many"]
    first = next(iter(flights))
    result.rows += [
        compare(first, many, "SQLite table, unique entry id", samples["unique"]),
        compare(first, many, "limit: hashlib + write + fdatasync", samples["limit"]),
    ]
    result.rows.append(cpu_row(first, many, "SQLite table", plain))
    for what, name in flights.items():
        if name != "threads many":
            written = samples[name].written
            result.rows.append(
                Row(
                    f"bytes to disk per entry, {what}",
                    "B",
                    written,
                    "leaf + sealed payload",
                    kept,
                    kept / written,
                )
            )
    result.rows.append(
        Row(
            f"bytes to disk per row, SQLite table, batch {size:,}",
            "B",
            None,
            "SQLite table",
            plain.written,
        )
    )


def _reason(row: Row, ours: Sample, plain: Sample) -> str:
    return (
        f"{row.what}: {ours.micros:.1f} µs an entry against {plain.micros:.1f} µs a row "
        f"({row.ratio:.2f}). CPU over all processes {ours.cpu_micros:.1f} µs an entry against "
        f"{plain.cpu_micros:.1f} µs; bytes to disk {ours.written:,.0f} against "
        f"{plain.written:,.0f}. `profile` splits ours."
    )
