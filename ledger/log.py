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
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from ledger.admission import AdmissionThreads, BatchSubmission, Checked, Submission
from ledger.admission_workers import AdmissionWorkers
from ledger.appender import Appender, Parts
from ledger.appender import Outcome as Outcome
from ledger.author import Author
from ledger.custody.lines import custodian_signed, is_on, with_lines
from ledger.epochs import forget_retired
from ledger.erasing import Order
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.governing import APPROVED_FOR_MS, act_of, enacted, signed_change
from ledger.identity import (
    Change,
    Contest,
    Enrol,
    Governor,
    Governors,
    NewKey,
    Revoke,
    Rotate,
    threshold_of,
)
from ledger.identity.requests import Proposal
from ledger.keyfiles import Unlock, governor_key
from ledger.layout import Layout, read_layout
from ledger.published import Published, covers, published, tile_bytes
from ledger.reader import Entry as Entry
from ledger.reader import Reader
from ledger.recovery import open_parts
from ledger.sequencer import Appended as Appended
from ledger.store.lock import WriterLock
from ledger.wire.checkpoint import sign_published
from ledger.wire.ids import ActorId, ChainId, new_chain_id
from ledger.wire.keys import KeyId
from ledger.wire.note import parse_note
from ledger.wire.statement import StatementKey
from ledger.wire.tile import Tile

Admission: TypeAlias = AdmissionThreads | AdmissionWorkers
CHUNK: Final = 64
"""Entries that one admission task checks."""


class Log:
    """An open ledger that may be appended to. Close it, or use it in a ``with`` statement."""

    def __init__(
        self,
        layout: Layout,
        lock: WriterLock,
        parts: Parts,
        appender: Appender,
        checking: _Checking,
        workers: int,
        clock: Callable[[], int],
    ) -> None:
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
            parts.predecessor,
        )
        self._lock = lock
        self._publishing = threading.Lock()
        self._parts = parts
        self._clock = clock
        self._appender = appender
        self._checking = checking
        self._admission: Admission = AdmissionWorkers(workers) if workers else AdmissionThreads()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        map_limit: int | None = None,
        clock: Callable[[], int] | None = None,
        workers: int = 0,
        unlock: Unlock | None = None,
        ended: bool = False,
    ) -> Self:
        """Lock, verify the right edge, and start the writer. Raises BadRequest or LedgerFault.

        ``map_limit`` caps LMDB's file in bytes; ``clock`` gives unix milliseconds;
        ``workers`` is the number of processes that check entries, 0 for threads of this process
        (enough for a command; a busy server takes one for each core); ``unlock`` has what opens
        key files under a passphrase; ``ended`` opens a ledger that another one took over from,
        which may still have to destroy content.
        """
        layout = read_layout(directory, unlock)
        if not os.access(directory, os.W_OK):
            raise LedgerFault(
                f"{directory.name} is read-only", hint="make it writable, or use a reading command"
            )
        if layout.successor and not ended:
            raise BadRequest(
                f"{directory.name} takes no more entries: {layout.successor} took over from it",
                hint="append to that log's ledger",
            )
        lock = WriterLock(layout.lock)
        try:
            parts = open_parts(layout, map_limit)
        except BaseException:
            lock.release()
            raise
        checking = _Checking()
        appender = Appender(parts, clock, checking.any)
        return cls(layout, lock, parts, appender, checking, workers, clock or _now_ms)

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
        self._admission.close()
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
        checked = [self._check(chunk) for chunk in chunks]
        answers = [self._hand_over(future.result()) for future in checked]
        return [outcome for answer in answers for outcome in answer.result()]

    def append_later(
        self, submissions: Sequence[Submission] | BatchSubmission
    ) -> Future[list[Outcome]]:
        """Like ``append`` without waiting, for entries or one batch.

        Calls that overlap may be committed in any order. A batch has one outcome: it is appended
        whole or refused whole.
        """
        answer: Future[list[Outcome]] = Future()
        # What was handed in cannot be taken back: cancelling has no effect.
        answer.set_running_or_notify_cancel()

        def hand_over(done: Future[Checked]) -> None:
            if error := done.exception():
                answer.set_exception(error)
            else:
                self._hand_over(done.result(), answer)

        self._check(submissions).add_done_callback(hand_over)
        return answer

    def append_batch(self, batch: BatchSubmission) -> Outcome:
        """Append a batch under its one signature: all of it, or one error."""
        return self.append_later(batch).result()[0]

    def _check(self, submissions: Sequence[Submission] | BatchSubmission) -> Future[Checked]:
        """Begin admission. The first to hear that it is done is the count of what is coming."""
        files = self._parts.heads.files() if isinstance(submissions, BatchSubmission) else None
        future = self._admission.check(submissions, self._appender.public_keys, files)
        self._checking.begin()
        future.add_done_callback(self._checking.end)
        return future

    def _hand_over(
        self, checked: Checked, answer: Future[list[Outcome]] | None = None
    ) -> Future[list[Outcome]]:
        """Give what was admitted to the writer; the answer has the refusals in their places."""
        answer = answer or Future()
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
        """The governor whose key lies with the ledger. Raises LedgerFault when none does."""
        return self.governor_with(
            StatementKey.of(governor_key(self.layout.directory, self.layout.unlock))
        )

    def governor_with(self, key: StatementKey) -> Author:
        """The governor that has this key. Raises BadRequest when it is nobody's."""
        registry = self.reader.registry
        for one in registry.governors:
            if one.kid == key.kid:
                return Author(registry.log, one.id, key)
        raise BadRequest(
            f"key {key.kid.hex()[:16]} is not that of a governor now", hint="sign with another key"
        )

    def enrol(
        self,
        name: str,
        role: str,
        keys: Sequence[NewKey],
        *,
        by: Author | None = None,
        record: ChainId | None = None,
        scope: Iterable[str] = (),
        from_ms: int = 0,
        until_ms: int = 0,
        approvers: Sequence[StatementKey] = (),
    ) -> tuple[ActorId, Appended]:
        """Enrol an actor; the name is sealed. ``by`` is the governor whose key lies with the
        ledger, or another author that may; ``approvers`` are keys of other governors. Raises what
        the entry is refused for.
        """
        chain = new_chain_id()
        body = Enrol(role, tuple(keys), record, frozenset(scope), from_ms, until_ms)
        return ActorId(chain), self.change(chain, body, by=by, approvers=approvers, name=name)

    def rotate(
        self,
        actor: ActorId,
        kid: KeyId,
        new_key: NewKey,
        *,
        by: Author | None = None,
        approvers: Sequence[StatementKey] = (),
    ) -> Appended:
        """End an actor's key and put another in its place."""
        return self.change(ChainId(actor), Rotate(kid, new_key), by=by, approvers=approvers)

    def revoke(
        self,
        actor: ActorId,
        kid: KeyId,
        *,
        by: Author | None = None,
        approvers: Sequence[StatementKey] = (),
    ) -> Appended:
        """End an actor's key from here on."""
        return self.change(ChainId(actor), Revoke(kid), by=by, approvers=approvers)

    def contest(
        self,
        actor: ActorId,
        since: int,
        *,
        by: Author | None = None,
        approvers: Sequence[StatementKey] = (),
    ) -> Appended:
        """Put what an actor did from an index on in doubt."""
        return self.change(ChainId(actor), Contest(since), by=by, approvers=approvers)

    def govern(
        self,
        governors: Sequence[Governor],
        threshold: int | None = None,
        approvers: Sequence[StatementKey] = (),
        *,
        by: Author | None = None,
    ) -> Appended:
        """Replace the governors from here on."""
        threshold = threshold_of(len(governors)) if threshold is None else threshold
        body = Governors(tuple(governors), threshold)
        return self.change(self.reader.registry.log_chain, body, by=by, approvers=approvers)

    def change(
        self,
        chain: ChainId,
        body: Change,
        *,
        by: Author | None = None,
        approvers: Sequence[StatementKey] = (),
        name: str = "",
    ) -> Appended:
        """Append a trust or actor entry. Raises what it is refused for."""
        registry, author = self.reader.registry, by or self.governor()
        act = act_of(
            registry, self.reader.find_head(chain), chain, body, self._clock() + APPROVED_FOR_MS
        )
        return self._append_one(signed_change(registry, act, body, author, approvers, name))

    def propose(
        self, body: Change, expires_ms: int, *, chain: ChainId | None = None, note: str = ""
    ) -> Proposal:
        """Ask governors elsewhere to approve a change; without a chain it is an enrolment or a
        change of governors.
        """
        log_chain = self.reader.registry.log_chain
        chain = chain or (log_chain if isinstance(body, Governors) else new_chain_id())
        head = self.reader.find_head(chain)
        return Proposal(act_of(self.reader.registry, head, chain, body, expires_ms), note)

    def enact(
        self,
        proposal: Proposal,
        approvals: Sequence[bytes],
        *,
        by: Author | None = None,
        name: str = "",
    ) -> Appended:
        """Append what was proposed, with the approvals in these files. Raises BadRequest when it is
        stale, or what the entry is refused for.
        """
        head = self.reader.find_head(proposal.act.chain)
        registry, author = self.reader.registry, by or self.governor()
        return self._append_one(enacted(registry, head, proposal, approvals, author, name))

    def _append_one(self, submission: Submission) -> Appended:
        (outcome,) = self.append([submission])
        if isinstance(outcome, CounterfoilError):
            raise outcome
        return outcome

    def destroy(self, indexes: Collection[int], reason: str) -> None:
        """Destroy tags, payload and key of entries for good, in this order; may be repeated.

        ``reason`` goes into the vault's journal and names no person. OSError goes to the caller.
        """
        self.erase_tags(indexes)
        for index in indexes:
            self.reader.store.destroy_payload(index)
        self.vault.destroy(indexes, reason)

    def erase_tags(self, indexes: Collection[int]) -> None:
        """Destroy the tags of some entries for good, wherever the index holds them."""

        def errand(parts: Parts) -> None:
            parts.settle()
            parts.tags.erase(indexes, parts.store)

        self._appender.run(errand).result()

    def publish(self) -> bytes:
        """Append an epoch over every leaf, sign the newest checkpoint with both keys and keep it;
        returns the note. The one that is there stays when it is the newest: custodians may have
        signed it. Raises what an append is refused for.
        """
        keys, now = self._parts.keys, int(time.time())
        # One at a time: a smaller checkpoint must not replace a larger one.
        with self._publishing:
            self._appender.cover().result()
            checkpoint, before = self.reader.checkpoint, self.reader.store.published()
            if before is not None and parse_note(before).text == checkpoint.text():
                return before
            note = sign_published(checkpoint, keys.checkpoint, keys.checkpoint_ml_dsa, now)
            self.reader.store.publish(note)
        self._appender.run(lambda parts: forget_retired(parts.store, parts.heads.index)).result()
        return note

    @property
    def published(self) -> Published:
        """The newest published checkpoint. Raises LedgerFault."""
        return published(self.reader.store, self.reader.registry.genesis)

    def published_tile(self, tile: Tile) -> bytes | None:
        """A tile or bundle that the published checkpoint covers, else None. Raises LedgerFault."""
        if not covers(self.published.size, tile):
            return None
        return tile_bytes(self.reader.store, tile)

    def check_ready(self) -> None:
        """Raises LedgerFault when an append would be refused for the ledger's own sake: it has
        stopped, the clock was set back, the disk is full, or the guard was taken away.
        """
        self._appender.check_ready()
        self.reader.store.check_space(0)
        self._parts.guard.check_there()

    def add_cosignatures(self, notes: Sequence[bytes]) -> bytes:
        """Put the lines of custodians and witnesses on the published checkpoint, or on the newest
        one that custodians signed; returns the one that the last of them is on. Raises BadRequest
        or BadEvidence, and then nothing is kept.
        """
        store, registry = self.reader.store, self.reader.registry
        with self._publishing:
            published, cosigned = store.published(), store.cosigned()
            if published is None:
                raise BadRequest("nothing is published", hint="run `counterfoil checkpoint` first")
            signed = published
            for note in notes:
                if cosigned is not None and is_on(note, cosigned) and not is_on(note, published):
                    signed = cosigned = with_lines(cosigned, note, registry)
                else:
                    signed = published = with_lines(published, note, registry)
            if custodian_signed(published, registry):
                cosigned = published
            store.publish(published, cosigned=cosigned)
        return signed


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def destroy_earlier(layout: Layout, order: Order) -> None:
    """Destroy what an order names in the earlier logs of a line, one ledger after the other. The
    newest one must be closed: two openings of a store do not go together. May be repeated.
    """
    reason = f"order {order.index} of {layout.origin}"
    back, directory = 1, layout.predecessor
    while directory is not None:
        indexes = [at.at for at in order.earlier if at.back == back]
        if indexes:
            with Log.open(directory, unlock=layout.unlock, ended=True) as log:
                log.destroy(indexes, reason)
        back, directory = back + 1, read_layout(directory).predecessor


class _Checking:
    """How many admissions are under way. Any thread."""

    def __init__(self) -> None:
        self._count = 0
        self._mutex = threading.Lock()

    def begin(self) -> None:
        with self._mutex:
            self._count += 1

    def end(self, _done: Future[Checked]) -> None:
        with self._mutex:
            self._count -= 1

    def any(self) -> bool:
        """Whether there are any."""
        return self._count > 0
