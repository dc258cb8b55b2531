"""Overload: a service, asked for ten times what it sustains, and what it did meanwhile.
``make load`` is the long form, a minute; ``python -m tests.api.overload --times 3`` asks for less.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from api.settings import Settings
from ledger.check import check_ledger
from ledger.log import Log
from ledger.vault.door import MOST
from ledger.wire.claim import Kind
from ledger.wire.ids import Position
from tests.api.apart import Apart
from tests.api.flood import Ask, Flood, Tally
from tests.api.running import Running

TIMES: Final = 10
CALLERS: Final = 12
_SUSTAINED_AT_ONCE: Final = 16
_LOOK_S: Final = 0.25
_LAG: Final = re.compile(rb"^counterfoil_event_loop_lag_seconds ([0-9.e+-]+)$", re.MULTILINE)
_JSON: Final = {"Content-Type": "application/fhir+json"}


@dataclass(slots=True)
class Watched:
    """What a supervisor saw."""

    health_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    sustained: float
    """Requests a second."""
    rate: float
    flood: Tally
    calm: Tally
    """Before the flood."""
    watched: Watched
    after: Tally
    """Behind the flood."""


class Supervisor(threading.Thread):
    """Asks whether the service lives, every quarter of a second."""

    def __init__(self, service: Apart) -> None:
        super().__init__(name="supervisor")
        self.seen = Watched()
        self._service = service
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(_LOOK_S):
            for path in ("/livez", "/readyz", "/metrics"):
                self._look(path)
            self.seen.memory.append(self._service.resident())

    def _look(self, path: str) -> None:
        begun = time.perf_counter()
        try:
            answer = self._service.get(path)
        except (OSError, http.client.HTTPException) as error:
            self.seen.failures.append(f"{path}: {type(error).__name__}")
            return
        self.seen.health_s.append(time.perf_counter() - begun)
        if answer.status != 200:
            self.seen.failures.append(f"{path}: {answer.status}")
        elif path == "/metrics" and (found := _LAG.search(answer.body)):
            self.seen.lags.append(float(found[1]))

    def finish(self) -> Watched:
        self._end.set()
        self.join()
        return self.seen


@dataclass(slots=True)
class World:
    """Patients of a hospital, whose practitioners send."""

    service: Apart
    patients: list[str]
    observations: list[str]

    def asks(self, seed: int) -> Iterator[Ask]:
        """Creates, reads and searches, by all practitioners in turn."""
        random, numbers = Random(seed), count(seed * 1_000_000)
        tokens = [self.service.token(_name(one), "user/*.cruds") for one in range(CALLERS)]
        for number in numbers:
            token, patient = tokens[number % CALLERS], random.choice(self.patients)
            draw = random.random()
            if draw < 0.5:
                body = json.dumps(weight(patient, number)).encode()
                yield Ask(_request("POST", "/fhir/Observation", token, body), number)
            elif draw < 0.9:
                one = random.choice(self.observations)
                yield Ask(_request("GET", f"/fhir/Observation/{one}", token))
            else:
                query = f"/fhir/Observation?patient={patient}&_count=5"
                yield Ask(_request("GET", query, token))


def _name(number: int) -> str:
    return f"doctor-{number}"


def _request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def weight(patient: str, number: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "valueQuantity": {"value": number, "unit": "kg"},
    }


def lay(directory: Path, patients: int, settings: Settings) -> World:
    """The ledger before the flood; the service is not started."""
    made = Running.made(directory)
    for number in range(CALLERS):
        made.enrol(_name(number), "practitioner", by="hospital")
    system, found, observations = "urn:oid:1.2.392.100495.20.3.51.1310000001", [], []
    with made:
        token = made.token("hospital", "system/*.cruds")
        for number in range(patients):
            patient = {
                "resourceType": "Patient",
                "identifier": [{"system": system, "value": f"L{number}"}],
            }
            who = made.ask("POST", "/fhir/Patient", json.dumps(patient).encode(), _JSON, token)
            found.append(str(who.json["id"]))
            body = json.dumps(weight(found[-1], number)).encode()
            one = made.ask("POST", "/fhir/Observation", body, _JSON, token)
            observations.append(str(one.json["id"]))
    service = Apart.of(made, workers=1)
    service.settings = settings
    return World(service, found, observations)


def overload(world: World, calm_s: float, flood_s: float, times: float = TIMES) -> Result:
    """Measure what is sustained, flood, and look whether it is as before; the service runs."""
    asks = world.asks(1)
    flood = Flood(world.service.port, lambda: next(asks))
    asyncio.run(flood.steadily(_SUSTAINED_AT_ONCE, calm_s / 4))
    calm = asyncio.run(flood.steadily(_SUSTAINED_AT_ONCE, calm_s))
    sustained = calm.done / calm_s
    supervisor = Supervisor(world.service)
    supervisor.start()
    try:
        result = asyncio.run(flood.at_rate(sustained * times, flood_s))
    finally:
        watched = supervisor.finish()
    after = asyncio.run(flood.steadily(_SUSTAINED_AT_ONCE, calm_s / 4))
    return Result(sustained, sustained * times, result, calm, watched, after)


def check(world: World, result: Result) -> None:
    """Nothing lost, nothing in between: taken and stored, or refused with a hint. The service is
    killed for it.
    """
    for tally in (result.calm, result.flood, result.after):
        assert (tally.broken, tally.late, tally.without_hint) == (0, 0, 0), tally.statuses
        assert set(tally.statuses) <= {200, 201, 429, 503}, tally.statuses
    if result.rate >= TIMES * result.sustained:
        assert result.flood.statuses[429] + result.flood.statuses[503] > result.flood.done
    assert not result.watched.failures, result.watched.failures[:5]
    world.service.kill()
    check_stored(world, [result.calm, result.flood, result.after])
    assert check_ledger(world.service.directory).problems == []


def check_stored(world: World, tallies: Sequence[Tally]) -> None:
    """What was acknowledged is there, each once, and each read has an entry of its own."""
    written = [one for tally in tallies for one in tally.written]
    accesses = [one for tally in tallies for one in tally.accesses]
    assert len({entry for entry, _ in written}) == len(written)
    assert len(set(accesses)) == len(accesses)
    with Log.open(world.service.directory) as log:
        for index in accesses:
            assert log.reader.entry(index).leaf.claim.kind is Kind.ACCESS
        for at in range(0, len(written), MOST):
            group = written[at : at + MOST]
            streams = log.vault.use_all([Position(entry) for entry, _ in group], "test")
            for (_, number), stream in zip(group, streams, strict=True):
                assert not isinstance(stream, Exception)
                found = json.loads(b"".join(stream.pieces))
                assert found["valueQuantity"]["value"] == number


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.api.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=TIMES, help="of what is sustained")
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--under", type=Path, help="directory in which the ledger is made")
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(dir=options.under) as directory:
        world = lay(Path(directory), options.patients, Settings())
        with world.service:
            result = overload(world, 8.0, options.seconds, options.times)
            table(console, result)
            check(world, result)
    console.print("all that was acknowledged is stored; counterfoil check finds nothing")


def table(console: Console, result: Result) -> None:
    flood, watched = result.flood, result.watched
    third = max(1, len(watched.memory) // 3)
    refused = ", ".join(f"{flood.statuses[one]} × {one}" for one in (429, 503))
    rows = {
        "sustained": f"{result.sustained:.0f}/s with {_SUSTAINED_AT_ONCE} at once; p50, p99 "
        f"{_ms(result.calm.done_s)} ms",
        "flood": f"{result.rate:.0f}/s wanted; {flood.sent} sent, {flood.missed} more were due "
        "while every connection waited",
        "taken": f"{flood.done}, of them {len(flood.written)} writes; p50, p99, most "
        f"{_ms(flood.done_s)} ms",
        "refused": f"{refused}; p50, p99, most {_ms(flood.refused_s)} ms",
        "broken, timed out": f"{flood.broken}, {flood.late}",
        "health": f"{len(watched.health_s)} answers, {len(watched.failures)} failures; p50, p99, "
        f"most {_ms(watched.health_s)} ms",
        "event loop lag": f"at most {max(watched.lags, default=0) * 1000:.0f} ms",
        "memory": f"{max(watched.memory[:third]) >> 20} MiB at most in the first third, "
        f"{max(watched.memory[-third:]) >> 20} MiB in the last",
        "behind it": f"p50, p99, most {_ms(result.after.done_s)} ms",
    }
    found = Table(show_header=False, box=None)
    for row in rows.items():
        found.add_row(*row)
    console.print(found)


def _ms(times: Sequence[float]) -> str:
    if not times:
        return "none"
    ordered = sorted(times)
    shown = (ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1])
    return ", ".join(f"{one * 1000:.1f}" for one in shown)


if __name__ == "__main__":
    main()
