"""Target 7 for the service: what it holds in memory over the largest ledger of the run.

New patients of a hospital get so many resources that what the service keeps of records in memory
is full, and more; then the resources are read. Memory is what is resident and the process's own,
without the pages of mapped files, at its most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import aiohttp

from api.settings import Settings
from benchmarks.harness import Result, Row, Scale, Target
from benchmarks.machine import anonymous_memory, children_memory
from benchmarks.population import grown
from benchmarks.served import Served, served
from benchmarks.service import create, patient, weight

T = TypeVar("T")
_AT_ONCE = 16
_MOST = Target(7, "≤", 300.0, "ours")


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Memory of the service")
    entries = Settings().kept_entries * 5 // 4 if scale.name != "quick" else 200
    with served(grown(scale, work), 0, 1) as service:
        begun = anonymous_memory(service.pid)
        most, size = asyncio.run(_used(service, entries))
        children = children_memory(service.pid)
    result.rows.append(Row("the service before any request", "MB", begun / 1e6))
    result.rows.append(Row("the service at its most", "MB", most / 1e6, target=_MOST))
    result.rows.append(Row("its child processes", "MB", children / 1e6))
    result.notes.append(
        f"`counterfoil serve --workers 1` over {size:,} leaves; {entries:,} resources of "
        f"{entries // 50:,} new patients created and read, {_AT_ONCE} at a time."
    )
    return result


async def _used(service: Served, entries: int) -> tuple[int, int]:
    """The most memory that was seen, and the size of the log."""
    # A session each: a token is good for minutes.
    async with await service.session() as session:
        patients = (patient(number) for number in range(max(1, entries // 50)))
        persons, _ = await _each(service, patients, partial(create, session, "Patient"))
    async with await service.session() as session:
        weights = (weight(persons[at % len(persons)], at) for at in range(entries))
        ids, written = await _each(service, weights, partial(create, session, "Observation"))
    async with await service.session() as session:
        random = Random(7)
        asked = (random.choice(ids) for _ in range(entries // 2))
        _, read = await _each(service, asked, partial(_read, session))
        async with session.get("/v1/log") as answer:
            size = int((await answer.json())["size"])
    return max(written, read), size


async def _each(
    service: Served, things: Iterator[T], do: Callable[[T], Awaitable[str]]
) -> tuple[list[str], int]:
    """Do something with each, some at once: what came of it, and the most memory meanwhile."""
    done: list[str] = []
    most = 0

    async def work() -> None:
        nonlocal most
        for thing in things:
            done.append(await do(thing))
            if not len(done) % 100:
                most = max(most, anonymous_memory(service.pid))

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return done, max(most, anonymous_memory(service.pid))


async def _read(session: aiohttp.ClientSession, identity: str) -> str:
    async with session.get(f"/fhir/Observation/{identity}") as answer:
        answer.raise_for_status()
        return await answer.text()
