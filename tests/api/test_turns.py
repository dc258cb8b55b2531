"""Turns: one thread computes, and another beside it when that takes long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest

from api.turns import Turns

NEVER_S: Final = 60.0
SOON_S: Final = 0.01


class Together:
    """How many compute at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002)
        with self._lock:
            self.now -= 1


@contextmanager
def turns(threads: int = 4, patience_s: float = NEVER_S) -> Iterator[Turns]:
    made = Turns(threads, patience_s)
    try:
        yield made
    finally:
        made.close()


def test_what_is_computed_comes_back() -> None:
    async def ask(made: Turns) -> list[int]:
        return await asyncio.gather(*(made.call(partial(pow, n, 2)) for n in range(100)))

    with turns() as made:
        assert asyncio.run(ask(made)) == [n * n for n in range(100)]


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
def test_what_is_raised_comes_back(error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def ask(made: Turns) -> None:
        with pytest.raises(type(error)) as raised:
            await made.call(fail)
        assert raised.value is error
        assert await made.call(lambda: 1) == 1

    with turns(1) as made:
        asyncio.run(ask(made))


def test_one_computes_at_a_time_and_in_order() -> None:
    order: list[int] = []
    together = Together()

    def compute(number: int) -> None:
        together()
        order.append(number)

    async def ask(made: Turns) -> None:
        await asyncio.gather(*(made.call(partial(compute, n)) for n in range(30)))

    with turns() as made:
        asyncio.run(ask(made))
    assert together.most == 1
    assert order == list(range(30))


def test_nobody_waits_for_what_takes_long() -> None:
    end = threading.Event()

    async def ask(made: Turns) -> None:
        long = [asyncio.ensure_future(made.call(end.wait)) for _ in range(3)]
        assert await asyncio.wait_for(made.call(lambda: "short"), 30) == "short"
        assert not any(one.done() for one in long)
        end.set()
        assert await asyncio.gather(*long) == [True] * 3

    with turns(4, SOON_S) as made:
        asyncio.run(ask(made))


def test_behind_what_took_long_there_is_one_turn_again() -> None:
    end, together = threading.Event(), Together()

    async def ask(made: Turns) -> None:
        made._patience_s = SOON_S
        long = [asyncio.ensure_future(made.call(end.wait)) for _ in range(3)]
        await made.call(lambda: None)
        made._patience_s = NEVER_S
        end.set()
        await asyncio.gather(*long, *(made.call(together) for _ in range(30)))

    with turns() as made:
        asyncio.run(ask(made))
    assert together.most == 1


def test_more_that_take_long_than_threads_are_computed_one_day() -> None:
    async def ask(made: Turns) -> None:
        await asyncio.gather(*(made.call(lambda: time.sleep(0.03)) for _ in range(8)))

    with turns(2, SOON_S) as made:
        asyncio.run(asyncio.wait_for(ask(made), 30))


def test_whoever_no_longer_waits_hinders_nobody() -> None:
    begun, end = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        end.wait()

    async def ask(made: Turns) -> None:
        task = asyncio.ensure_future(made.call(long))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        end.set()
        assert await made.call(lambda: 2) == 2

    with turns(1) as made:
        asyncio.run(ask(made))


def test_the_end_waits_for_what_was_begun() -> None:
    done: list[int] = []

    def slow() -> None:
        time.sleep(0.05)
        done.append(1)

    async def ask(made: Turns) -> None:
        task = asyncio.ensure_future(made.call(slow))
        await asyncio.sleep(0)
        task.cancel()

    made = Turns(2)
    asyncio.run(ask(made))
    made.close()
    assert done == [1]
    assert not any(thread.is_alive() for thread in made._threads)
