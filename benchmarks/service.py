"""Target 6: the service under load, over HTTP, with fsync on.

    single appends     sent at a steady rate, whether the ones before are answered or not, and timed
                       from the moment at which each was due: waiting in a queue counts
    reads              a resource with its durable access entry, one caller after the other
    batches            entries a second, against the same batches handed to the ledger in process

Server, its worker and the callers share the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median, quantiles

import aiohttp

from benchmarks.harness import Result, Row, Scale, Side, Target, Work, alternate, compare
from benchmarks.ledgers import Bench, append_in_flight, open_bench, payload
from benchmarks.machine import anonymous_memory, cpu_of
from benchmarks.served import Served, served
from ledger.admission import BatchSubmission, Submission
from ledger.author import Draft
from ledger.wire import cbor

RATE = 500
"""Single appends a second."""
BATCHES = {256: 32, 4096: 4}
"""Batches in flight, for each size of a batch."""
_CBOR = {"Content-Type": "application/cbor", "Accept": "application/cbor"}
_FHIR = {"Content-Type": "application/fhir+json"}
_SYSTEM = "urn:oid:1.2.392.100495.20.3.51.1310000001"


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Service")
    seconds = {"quick": 2, "normal": 20, "long": 60}[scale.name]
    with served(work / "ledger", 1_000, 1) as service:
        asyncio.run(_singles(result, service, seconds))
        asyncio.run(_resources(result, service, seconds))
        with open_bench(work / "core", 1) as core:
            for size, in_flight in BATCHES.items():
                _batches(result, scale, service, core, size, in_flight)
        memory = anonymous_memory(service.pid)
        result.rows.append(Row("memory of the service's process at its end", "MB", memory / 1e6))
    result.notes.append(
        f"`counterfoil serve --workers 1`; 1 KiB of content; appends at {RATE} a second for "
        f"{seconds} s from one process, as many at once as one caller may have. A read goes "
        "through token, decision, sealed access entry, commit, vault and FHIR view."
    )
    return result


async def _singles(result: Result, service: Served, seconds: int) -> None:
    """Statements under /v1, each signed by its author."""
    chains = service.chains
    bodies = [
        _entry_body(service.hospital.entry(Draft(chains[at % len(chains)], payload(1024), "a/b")))
        for at in range(RATE * seconds)
    ]
    async with await service.session() as session:
        refused = 0

        async def append(body: bytes) -> None:
            nonlocal refused
            while True:
                async with session.post("/v1/entries", data=body, headers=_CBOR) as answer:
                    await answer.read()
                    if answer.status < 300:
                        return
                    if answer.status not in (429, 503):
                        raise RuntimeError(f"an append was answered {answer.status}")
                refused += 1
                await asyncio.sleep(0.05)

        await asyncio.gather(*(append(body) for body in bodies[:50]))
        before = cpu_of(service.pid)
        times = await _steadily(append, bodies[50:], RATE)
        used = cpu_of(service.pid) - before
    what = f"single appends at {RATE}/s"
    _times(result, what, times, p50=10.0, p99=50.0)
    result.rows.append(Row(f"{what}: CPU of the service, each", "µs", used / len(times) * 1e6))
    if refused:
        result.notes.append(f"{what}: {refused} were refused at first and sent again")


def _entry_body(submission: Submission) -> bytes:
    return cbor.encode(
        {"statement": submission.statement, "blob": submission.blob, "key": submission.key}
    )


async def _steadily(
    do: Callable[[bytes], Awaitable[None]], bodies: Sequence[bytes], rate: float
) -> list[float]:
    """Seconds from when each was due to when it was answered."""
    start, times = time.perf_counter() + 0.05, [0.0] * len(bodies)

    async def one(at: int, body: bytes) -> None:
        await do(body)
        times[at] = time.perf_counter() - start - at / rate

    tasks = []
    for at, body in enumerate(bodies):
        wait = start + at / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(at, body)))
    await asyncio.gather(*tasks)
    return times


async def _resources(result: Result, service: Served, seconds: int) -> None:
    """FHIR: creates and reads of Observations of a hundred persons."""
    async with await service.session() as session:
        persons = [await create(session, "Patient", patient(n)) for n in range(100)]
        times, ids = [], []
        for at in range(20 * seconds):
            begun = time.perf_counter()
            ids.append(await create(session, "Observation", weight(persons[at % 100], at)))
            times.append(time.perf_counter() - begun)
        _times(result, "FHIR creates, one after the other", times)
        random = Random(3)
        for at_once, target in ((1, 10.0), (8, None)):
            asked = [random.choice(ids) for _ in range(50 * seconds)]
            start, before = time.perf_counter(), cpu_of(service.pid)
            times = await _reads(session, asked, at_once)
            rate = len(times) / (time.perf_counter() - start)
            used = (cpu_of(service.pid) - before) / len(times)
            what = f"a read with its durable access entry, {at_once} at a time"
            _times(result, what, times, p50=target)
            result.rows.append(Row(what, "/s", rate))
            result.rows.append(Row(f"{what}: CPU of the service, each", "µs", used * 1e6))


async def create(session: aiohttp.ClientSession, type_: str, resource: object) -> str:
    """Create a resource; its id."""
    body = json.dumps(resource).encode()
    async with session.post(f"/fhir/{type_}", data=body, headers=_FHIR) as answer:
        return str((await answer.json(content_type=None))["id"])


async def _reads(session: aiohttp.ClientSession, ids: list[str], at_once: int) -> list[float]:
    times: list[float] = []

    async def reader() -> None:
        while ids:
            begun = time.perf_counter()
            async with session.get(f"/fhir/Observation/{ids.pop()}") as answer:
                await answer.read()
            times.append(time.perf_counter() - begun)

    await asyncio.gather(*(reader() for _ in range(at_once)))
    return times


def patient(number: int) -> dict[str, object]:
    """A Patient with a number of the hospital."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": _SYSTEM, "value": f"B{number}"}],
    }


def weight(person: str, number: int) -> dict[str, object]:
    """An Observation of about 1 KiB."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{person}"},
        "effectiveDateTime": f"2026-01-01T00:00:{number % 60:02}+09:00",
        "valueQuantity": {"value": 50 + number / 100, "unit": "kg"},
        "note": [{"text": "x" * 600}],
    }


def _times(
    result: Result,
    what: str,
    times: Sequence[float],
    p50: float | None = None,
    p99: float | None = None,
) -> None:
    hundredths = quantiles(times, n=100)
    for name, value, most in (("p50", median(times), p50), ("p99", hundredths[98], p99)):
        target = None if most is None else Target(6, "≤", most, "ours")
        result.rows.append(Row(f"{what}: {name}", "ms", value * 1e3, target=target))


def _batches(
    result: Result, scale: Scale, service: Served, core: Bench, size: int, in_flight: int
) -> None:
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(service.session())
    hospital = Bench(core.log, [service.hospital] * 2, core.private, service.chains)
    latest: list[BatchSubmission] = []

    def over_http() -> Work:
        bodies = [_batch_body(one) for one in hospital.batches(scale.members(size), size)]
        return lambda: loop.run_until_complete(_send(session, bodies, in_flight)) * size

    def in_process() -> Work:
        latest[:] = core.batches(scale.members(size), size)
        return lambda: append_in_flight(core.log, latest, in_flight)

    sides: dict[str, Side] = {"http": over_http, "core": in_process}
    samples = alternate(sides, max(3, scale.rounds // 2))
    loop.run_until_complete(session.close())
    loop.close()
    what = f"batches of {size:,} over HTTP, {in_flight} in flight"
    goal = Target(6, "≥", 0.8, "ratio")
    result.rows.append(
        compare(what, samples["http"], "the same in process", samples["core"], target=goal)
    )


def _batch_body(batch: BatchSubmission) -> bytes:
    return cbor.encode(
        {
            "statement": batch.statement,
            "claims": b"".join(batch.claims),
            "keys": b"".join(batch.keys),
            "blobs": b"".join(batch.blobs),
        },
        1 << 25,
    )


async def _send(session: aiohttp.ClientSession, bodies: list[bytes], in_flight: int) -> int:
    # In their order, as a sender of many has them; those in flight overtake each other.
    left = iter(bodies)

    async def sender() -> None:
        for body in left:
            async with session.post("/v1/batches", data=body, headers=_CBOR) as answer:
                await answer.read()

    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return len(bodies)
