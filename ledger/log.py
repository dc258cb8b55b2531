"""Log: the facade of the ledger for whoever appends. One process holds one open ``Log`` of a
ledger.

    with Log.open(directory) as log:
        outcomes = log.append([author.entry(draft), …])

``append`` checks signatures on all cores, hands the entries to the one writer, and returns when
they are durable. ``append_later`` does the same without waiting, so that checking, sequencing and
the disk overlap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ledger.admission import BatchSubmission, Submission, admit_batch, admit_many
from ledger.appender import Appender, Item, Outcome, Parts
from ledger.author import Author
from ledger.errors import CounterfoilError, LedgerFault
from ledger.identity import Enrol, Revoke
from ledger.keyfiles import governor_key
from ledger.layout import Layout, read_layout
from ledger.reader import Reader
from ledger.recovery import open_parts
from ledger.sequencer import Appended
from ledger.store.lock import WriterLock
from ledger.wire.checkpoint import sign_published
from ledger.wire.ids import ActorId, ChainId, new_chain_id
from ledger.wire.keys import KeyId
from ledger.wire.statement import StatementKey

CHUNK: Final = 64
"""Entries that one admission task checks."""


class Log:
    """An open ledger that may be appended to. Close it, or use it in a ``with`` statement."""

    def __init__(self, layout: Layout, lock: WriterLock, parts: Parts, appender: Appender) -> None:
        """Use ``Log.open``."""
        self.layout = layout
        self.vault = parts.vault
        self.reader = Reader(
            layout,
            parts.store,
            parts.registry,
            parts.heads,
            parts.tags,
            lambda: appender.checkpoint,
        )
        self._lock = lock
        self._parts = parts
        self._appender = appender
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="admission")

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        map_limit: int | None = None,
        clock: Callable[[], int] | None = None,
    ) -> Self:
        """Lock, verify the right edge, and start the writer. Raises BadRequest or LedgerFault.

        ``map_limit`` caps LMDB's file in bytes; ``clock`` gives unix milliseconds.
        """
        layout = read_layout(directory)
        if not os.access(directory, os.W_OK):
            raise LedgerFault(
                f"{directory.name} is read-only", hint="make it writable, or use a reading command"
            )
        lock = WriterLock(layout.lock)
        try:
            parts = open_parts(layout, map_limit)
        except BaseException:
            lock.release()
            raise
        return cls(layout, lock, parts, Appender(parts, clock))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what was handed in, then let everything go."""
        self._pool.shutdown()
        self._appender.close()
        self._parts.close()
        self._lock.release()

    def append(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Append in this order; one outcome for each. Returns when they are durable.

        An entry may follow the opening of its record in the same call, but not the enrolment of
        its author. Raises StorageFull when nothing of a group was written, LedgerFault when the
        ledger has stopped.
        """
        chunks = [submissions[at : at + CHUNK] for at in range(0, len(submissions), CHUNK)]
        keys = self._appender.public_keys
        checked = [self._pool.submit(admit_many, chunk, keys) for chunk in chunks]
        answers = [self._hand_over(future.result()) for future in checked]
        return [outcome for answer in answers for outcome in answer.result()]

    def append_later(self, submissions: Sequence[Submission]) -> Future[list[Outcome]]:
        """Like ``append`` without waiting. Calls that overlap may be committed in any order."""
        answer: Future[list[Outcome]] = Future()
        keys = self._appender.public_keys
        self._start(answer, lambda: self._hand_over(admit_many(submissions, keys)))
        return answer

    def append_batch(self, batch: BatchSubmission) -> Future[list[Outcome]]:
        """Append a batch under its one signature: all of it, or one error."""
        answer: Future[list[Outcome]] = Future()
        keys = self._appender.public_keys
        self._start(answer, lambda: self._appender.submit([admit_batch(batch, keys)]))
        return answer

    def _start(
        self, answer: Future[list[Outcome]], admission: Callable[[], Future[list[Outcome]]]
    ) -> None:
        """Run admission on the pool and forward the writer's answer."""

        def work() -> None:
            try:
                admission().add_done_callback(lambda done: _forward(done, answer))
            except CounterfoilError as error:
                answer.set_result([error])
            except Exception as error:
                answer.set_exception(error)

        self._pool.submit(work)

    def _hand_over(self, checked: Sequence[Item | CounterfoilError]) -> Future[list[Outcome]]:
        """Give what was admitted to the writer; the answer has the refusals in their places."""
        answer: Future[list[Outcome]] = Future()
        admitted = [item for item in checked if not isinstance(item, CounterfoilError)]

        def complete(done: Future[list[Outcome]]) -> None:
            if error := done.exception():
                answer.set_exception(error)
                return
            placed = iter(done.result())
            answer.set_result(
                [item if isinstance(item, CounterfoilError) else next(placed) for item in checked]
            )

        self._appender.submit(admitted).add_done_callback(complete)
        return answer

    def governor(self) -> Author:
        """The governor, where its key lies with the ledger. Raises LedgerFault."""
        registry = self.reader.registry
        key = StatementKey.of(governor_key(self.layout.directory))
        return Author(registry.log, registry.genesis.governor, key)

    def enrol(self, name: str, role: str, public_key: bytes) -> tuple[ActorId, Appended]:
        """Enrol an author by its raw Ed25519 key; the name is sealed. Raises what the entry is
        refused for.
        """
        chain = new_chain_id()
        entry = self.governor().actor(chain, Enrol(role, public_key).encode(), name)
        return ActorId(chain), self._append_one(entry)

    def revoke(self, actor: ActorId, kid: KeyId) -> Appended:
        """End an author's key from here on."""
        return self._append_one(self.governor().actor(ChainId(actor), Revoke(kid).encode()))

    def _append_one(self, submission: Submission) -> Appended:
        (outcome,) = self.append([submission])
        if isinstance(outcome, CounterfoilError):
            raise outcome
        return outcome

    def publish(self) -> bytes:
        """Sign the newest checkpoint with both keys and keep it; returns the note."""
        keys, now = self._parts.keys, int(time.time())
        note = sign_published(self.reader.checkpoint, keys.checkpoint, keys.checkpoint_ml_dsa, now)
        self.reader.store.publish(note)
        return note


def _forward(done: Future[list[Outcome]], answer: Future[list[Outcome]]) -> None:
    error = done.exception()
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
