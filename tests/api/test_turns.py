"""Turns: one thread computes, and another beside it when that takes long."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    begun = threading.Event()

    def slow() -> None:
        begun.set()
        time.sleep(0.05)
        done.append(1)

    async def ask(made: Turns) -> None:
        task = asyncio.ensure_future(made.call(slow))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()

    made = Turns(2)
    asyncio.run(ask(made))
    made.close()
    assert done == [1]
    assert not any(thread.is_alive() for thread in made._threads)


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    done: list[int] = []
    end = threading.Event()

    async def ask(made: Turns) -> None:
        first = asyncio.ensure_future(made.call(end.wait))
        others = [asyncio.ensure_future(made.call(partial(done.append, n))) for n in range(5)]
        await asyncio.sleep(0)
        for one in others[1:]:
            one.cancel()
        end.set()
        await asyncio.gather(first, *others, return_exceptions=True)

    with turns(1) as made:
        asyncio.run(ask(made))
    assert done == [0]


def test_behind_the_end_nothing_is_taken() -> None:
    made = Turns(1)
    made.close()
    with pytest.raises(RuntimeError, match="nothing is computed"):
        asyncio.run(made.call(int))


def test_no_call_hangs_for_what_no_future_takes() -> None:
    async def ask(made: Turns) -> None:
        with pytest.raises(RuntimeError) as raised:
            await asyncio.wait_for(made.call(partial(next, iter(()))), 30)
        assert isinstance(raised.value.__cause__, StopIteration)

    with turns(1) as made:
        asyncio.run(ask(made))


class Body:
    """Stands for what a request brings."""


def all_gone(kept: list[weakref.ref[Body]]) -> bool:
    """A thread tells what came of a call before it lets go of it."""
    until = time.monotonic() + 10
    while any(one() is not None for one in kept) and time.monotonic() < until:
        time.sleep(0.01)
    return all(one() is None for one in kept)


def test_what_an_error_was_raised_over_does_not_outlast_it() -> None:
    """A service that is sent bad bodies must not keep them until somebody looks for cycles."""
    kept: list[weakref.ref[Body]] = []

    def fail() -> None:
        body = Body()
        kept.append(weakref.ref(body))
        raise ValueError(body)

    async def ask(made: Turns) -> None:
        for _ in range(10):
            with suppress(ValueError):
                await made.call(fail)
        await made.call(int)

    gc.disable()
    try:
        with turns(2) as made:
            asyncio.run(ask(made))
            assert len(kept) == 10 and all_gone(kept)
    finally:
        gc.enable()


def test_no_thread_keeps_what_it_made() -> None:
    kept: list[weakref.ref[Body]] = []

    def make() -> Body:
        body = Body()
        kept.append(weakref.ref(body))
        time.sleep(0.03)
        return body

    async def ask(made: Turns) -> None:
        await asyncio.gather(*(made.call(make) for _ in range(4)))
        await made.call(int)

    with turns(4, SOON_S) as made:
        asyncio.run(ask(made))
        assert all_gone(kept)
