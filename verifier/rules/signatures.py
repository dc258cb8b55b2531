"""Author signatures, checked on all cores.

`cryptography` releases the interpreter's lock while it verifies, so threads do use several cores.
Jobs go out in groups, and only a bounded number of groups waits, so memory does not grow with the
log.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

from verifier.formats.keys import LoadedKey, verifies

_GROUP = 256
_WAITING_PER_CORE = 4


class Job(NamedTuple):
    leaf_index: int
    key: LoadedKey
    signature: bytes
    signed: bytes


class SignatureChecker(Protocol):
    def submit(self, job: Job) -> None:
        """Check this signature, now or later."""

    def failures(self, wait: bool = False) -> list[int]:
        """Leaves whose signature failed since the last call; `wait`: after all jobs ended."""

    def close(self) -> None:
        """Drop what is still waiting."""


class ThreadedChecker:
    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="signatures")
        self._most_waiting = _WAITING_PER_CORE * cores
        self._group: list[Job] = []
        self._waiting: deque[Future[list[int]]] = deque()
        self._failed: list[int] = []

    def submit(self, job: Job) -> None:
        self._group.append(job)
        if len(self._group) == _GROUP:
            self._send()

    def failures(self, wait: bool = False) -> list[int]:
        if wait:
            self._send()
            while self._waiting:
                self._failed += self._waiting.popleft().result()
        failed, self._failed = self._failed, []
        return failed

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send(self) -> None:
        self._waiting.append(self._pool.submit(_check, self._group))
        self._group = []
        while len(self._waiting) > self._most_waiting:
            self._failed += self._waiting.popleft().result()


def _check(jobs: list[Job]) -> list[int]:
    return [job.leaf_index for job in jobs if not verifies(job.key, job.signature, job.signed)]
