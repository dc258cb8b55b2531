"""The command, for ``make day``. Exit code 1 when anything is not as it must be."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.settings import Settings
from tests.day.checking import Found, check_answers, check_day
from tests.day.clients import Clients, Seen
from tests.day.ground import lay
from tests.day.script import Script, Size

_PEEK_S: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--workers", type=int, default=0, help="as of `counterfoil serve`")
    parser.add_argument("--under", type=Path, help="directory in which the ledger is made")
    options = parser.parse_args(arguments)
    size = Size(options.requests, options.patients, clients=options.clients)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        tempfile.TemporaryDirectory(dir=options.under) as directory,
        Progress(*columns, TimeElapsedColumn(), console=console) as bar,
    ):
        script = Script(options.seed, size)
        ground = lay(Path(directory), script, options.workers)
        ground.service.settings = Settings()
        going = bar.add_task("requests", total=len(script.steps))
        clients = Clients(ground, script, lambda _: bar.advance(going))
        with ground.service as service:
            began, peaks = time.monotonic(), asyncio.run(_run(clients))
            seconds = time.monotonic() - began
            service.stop()
            check_answers(clients)
            proving = bar.add_task("access lists", total=size.patients)
            found = check_day(ground, clients, Path(directory), lambda: bar.advance(proving))
    console.print(_kinds(clients.seen))
    console.print(_statuses(clients.seen))
    _summary(console, clients, seconds, peaks, found, options.seed)


async def _run(clients: Clients) -> tuple[int, int]:
    """Run the script; resident memory of the service behind the first tenth, and at its most."""
    first = most = 0
    run = asyncio.create_task(clients.run())
    while not run.done():
        await asyncio.wait([run], timeout=_PEEK_S)
        now = clients.ground.service.resident()
        if not first and len(clients.seen) * 10 > len(clients.script.steps):
            first = now
        most = max(most, now)
    run.result()
    return first, most


def _kinds(seen: Sequence[Seen]) -> Table:
    table = Table(title="requests", title_justify="left")
    for name in ("kind", "requests", "answered", "p50 ms", "p99 ms", "access entries"):
        table.add_column(name, justify="left" if name in ("kind", "answered") else "right")
    by_kind: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        by_kind[one.step.kind].append(one)
    for kind, ones in [*sorted(by_kind.items()), ("all", [*seen])]:
        statuses = Counter(one.status for one in ones)
        table.add_row(
            kind,
            str(len(ones)),
            ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())),
            f"{_percentile(ones, 50):.1f}",
            f"{_percentile(ones, 99):.1f}",
            str(sum(len(one.accesses) for one in ones)),
            end_section=kind == max(by_kind),
        )
    return table


def _statuses(seen: Sequence[Seen]) -> str:
    busy = sum(one.busy for one in seen)
    return f"told to come again (429, 503), and came: {busy}"


def _percentile(seen: Sequence[Seen], percent: int) -> float:
    times = sorted(one.ms for one in seen)
    return times[min(len(times) - 1, len(times) * percent // 100)]


def _summary(
    console: Console,
    clients: Clients,
    seconds: float,
    peaks: tuple[int, int],
    found: Found,
    seed: int,
) -> None:
    count, size = len(clients.seen), clients.script.size
    first, most = (one >> 20 for one in peaks)
    rows = {
        "seed": f"{seed}, {size.clients} at once",
        "requests": f"{count} in {seconds:.0f} s, {count / seconds:.0f}/s; {clients.tokens} tokens",
        "the service's own memory": f"{first} MiB behind a tenth, {most} MiB at most",
        "entries in the log": f"{found.entries}",
        "access entries": f"{found.accesses}, {found.denials} of them denials; every answer with "
        "content has its own, and names what was in it",
        "access lists": f"{found.evidence} proven complete by the verifier, "
        f"{found.evidence_s:.0f} s",
        "counterfoil-verify log": f"verified, {found.audit_s:.1f} s",
        "counterfoil check": f"nothing found, {found.check_s:.1f} s",
    }
    table = Table(show_header=False, box=None)
    for row in rows.items():
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
