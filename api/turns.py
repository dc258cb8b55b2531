"""Turns: threads of which one computes, and another beside it when that takes long.

The interpreter runs one thread at a time and hands over dearly: what two compute at once takes
longer than what one computes after the other. So one thread computes what is called, in its order.
When it is at one call for longer than ``PATIENCE_S``, the next thread takes over the rest: nobody
waits for the reader of a long record.

    turns = Turns(8)
    await turns.call(function)
    turns.close()
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")
PATIENCE_S: Final = 0.02
"""At which it is looked, every so often, who computes for longer."""


class _Call:
    """What is computed, and who waits for it."""

    __slots__ = ("begun", "function", "loop", "waiting")

    def __init__(self, function: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.function, self.loop = function, loop
        self.waiting: asyncio.Future[Any] = loop.create_future()
        self.begun = 0.0

    def compute(self) -> None:
        """In a thread. Nothing is computed for whoever does not wait any more."""
        if self.waiting.cancelled():
            return
        try:
            settle: Callable[[Any], None] = self._finish
            outcome: Any = self.function()
        except StopIteration as error:
            # No future takes it.
            settle, outcome = self._fail, RuntimeError("a call raised StopIteration")
            outcome.__cause__ = error
        except BaseException as error:
            settle, outcome = self._fail, error
        # The loop has ended: nobody waits.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(settle, outcome)
        # The traceback of an error leads here: what it was raised over must not outlast it.
        del self, settle, outcome

    def _finish(self, result: Any) -> None:
        if not self.waiting.done():
            self.waiting.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.waiting.done():
            self.waiting.set_exception(error)


class Turns:
    """``call`` is for one event loop."""

    def __init__(self, threads: int, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._turn = threading.Lock()
        """Held by the thread that takes the next call."""
        self._guard = threading.Lock()
        """Between the end of a call and whoever takes the turn away."""
        self._computed: _Call | None = None
        """By the thread that has the turn."""
        self._waiting = 0
        """Callers."""
        self._look_due: asyncio.TimerHandle | None = None
        self._closed = False
        # Daemons, so that a program that fails before it closes this ends all the same.
        self._threads = [
            threading.Thread(target=self._work, name=f"service_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def call(self, function: Callable[[], T]) -> T:
        """Compute something in a thread. Raises what it raises, and RuntimeError when closed."""
        self._waiting += 1
        try:
            # What is waited for has no name here: the traceback of its error leads here.
            result: T = await self._hand_in(function)
            return result
        finally:
            self._waiting -= 1

    def _hand_in(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        if self._closed:
            raise RuntimeError("nothing is computed any more")
        call = _Call(function, asyncio.get_running_loop())
        self._calls.put(call)
        self._look_later()
        return call.waiting

    def _look(self) -> None:
        """Let another thread take over from one that is at its call for long."""
        with self._guard:
            call = self._computed
            if call is not None and time.monotonic() - call.begun >= self._patience_s:
                self._computed = None
                self._turn.release()
        self._look_due = None
        if self._waiting:
            self._look_later()

    def _look_later(self) -> None:
        if self._look_due is None:
            loop = asyncio.get_running_loop()
            self._look_due = loop.call_later(self._patience_s, self._look)

    def _work(self) -> None:
        has_turn = False
        while True:
            if not has_turn:
                self._turn.acquire()
            call = self._calls.get()
            if call is None:
                self._turn.release()
                return
            call.begun = time.monotonic()
            self._computed = call
            call.compute()
            with self._guard:
                has_turn = self._computed is call
                if has_turn:
                    self._computed = None
            # What it had and made is not kept until the next one comes.
            del call

    def close(self) -> None:
        """Compute what somebody waits for, then end the threads."""
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
