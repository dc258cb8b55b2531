"""A short day; ``make day`` is the long one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.log import Log
from tests.day.checking import Logged, accesses, check_accesses, check_day, check_denials
from tests.day.clients import Clients
from tests.day.ground import Ground, lay
from tests.day.script import Script, Size

Day = tuple[Ground, Clients]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """It is over, and the service has stopped."""
    script = Script(5, Size(requests=400, patients=12, practitioners=10, clients=24))
    ground = lay(tmp_path_factory.mktemp("day"), script)
    clients = Clients(ground, script)
    with ground.service as service:
        asyncio.run(clients.run())
        service.stop()
        yield ground, clients


def test_the_script_is_the_seeds() -> None:
    size = Size(2_000, 30)
    assert Script(7, size).steps == Script(7, size).steps
    assert Script(8, size).steps != Script(7, size).steps


def test_a_short_day(day: Day, tmp_path: Path) -> None:
    found = check_day(*day, tmp_path)
    assert found.evidence == 12
    assert found.denials > 5 and found.accesses > 150


def lose_an_answer(clients: Clients, logged: dict[int, Logged], at: int) -> None:
    clients.seen[at] = replace(clients.seen[at], accesses=())


def lose_an_entry(clients: Clients, logged: dict[int, Logged], at: int) -> None:
    del logged[clients.seen[at].accesses[0]]


def show_more(clients: Clients, logged: dict[int, Logged], at: int) -> None:
    seen = clients.seen[at]
    more = next(one for one in clients.places.items() if one[0] not in seen.released)
    clients.seen[at] = replace(seen, released=seen.released | {more[0]})


def take_anothers(clients: Clients, logged: dict[int, Logged], at: int) -> None:
    other = next(
        one
        for one in clients.seen
        if one.accesses and one.step.patient != clients.seen[at].step.patient
    )
    clients.seen[at] = replace(clients.seen[at], accesses=other.accesses)


def add_an_entry(clients: Clients, logged: dict[int, Logged], at: int) -> None:
    logged[-1] = logged[clients.seen[at].accesses[0]]


@pytest.mark.parametrize(
    "lie", [lose_an_answer, lose_an_entry, show_more, take_anothers, add_an_entry]
)
def test_what_is_not_so_is_noticed(day: Day, lie: object) -> None:
    ground, clients = day
    assert callable(lie)
    kept = [*clients.seen]
    at = next(
        number
        for number, one in enumerate(clients.seen)
        if one.step.kind == "search" and one.accesses
    )
    with Log.open(ground.service.directory) as log:
        logged = accesses(log)
        check_accesses(ground, clients, logged, log)
        lie(clients, logged, at)
        try:
            with pytest.raises((AssertionError, KeyError)):
                check_accesses(ground, clients, logged, log)
        finally:
            clients.seen[:] = kept


def test_a_denial_that_is_not_noted_is_noticed(day: Day) -> None:
    ground, clients = day
    with Log.open(ground.service.directory) as log:
        logged = accesses(log)
    check_denials(ground, clients.seen, logged.values())
    lost = next(index for index, one in logged.items() if one.header.denied)
    del logged[lost]
    with pytest.raises(AssertionError, match="noted"):
        check_denials(ground, clients.seen, logged.values())
