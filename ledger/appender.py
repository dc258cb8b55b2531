"""Appender: the one writer. Takes admitted entries from any thread, commits them in groups,
answers each.

A group, with an epoch before it where one is due (``ledger.epochs``), is decided
(``ledger.sequencer``, pure) and then applied, in this order, each step durable
before the next:

    1. payloads      appended to the segment, fdatasync; tags to their tail file likewise
    2. content keys  into the vault's slots, fdatasync
    3. the log       leaves, tiles, ids, index rows and the signed checkpoint, one LMDB transaction
    4. the guard     the checkpoint once more, outside, fdatasync
    5. the answer

What fails before step 3 aborts the group: nothing was written, the caller may try again. What
fails in step 3 or 4 stops the appender for good, since what the disk holds is unknown; opening
the ledger again finds out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from ledger.admission import Admitted, AdmittedBatch, PublicKeys
from ledger.epochs import EpochMaker, forget_retired
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.heads import ChainHeads
from ledger.identity import Registry
from ledger.keyfiles import LogKeys
from ledger.merkle import Frontier
from ledger.reader import Reader, earlier_leaves, inherited_from
from ledger.sequencer import ID_WINDOW_MS, Appended, Draft, LogView, receive_time
from ledger.store.environment import CommitFailed
from ledger.store.guard import Guard
from ledger.store.payloads import Place
from ledger.store.sorted_index import Finished, RunBuilder, SortedIndex
from ledger.store.store import Commit, Store, storage_full
from ledger.store.tables import State
from ledger.tags import TagIndex
from ledger.vault.door import Vault
from ledger.wire.checkpoint import Checkpoint, sign_provisional
from ledger.wire.claim import REGISTRY_KINDS
from ledger.wire.ids import TreeSize

GROUP_ENTRIES: Final = 8_192
GROUP_BYTES: Final = 64 << 20
GATHER_ENTRIES: Final = 1_024
GATHER_S: Final = 0.02
GATHER_STEP_S: Final = 0.001
"""A group of fewer entries waits this long at most, and looks again this often."""
ENTRY_OVERHEAD: Final = 1_024
"""Leaf, tile and id rows of an entry, rounded up: for the check of free space."""

Item: TypeAlias = Admitted | AdmittedBatch
Outcome: TypeAlias = Appended | CounterfoilError


@dataclass(slots=True)
class Parts:
    """What opening hands to the appender. Owned by its thread from then on."""

    store: Store
    vault: Vault
    guard: Guard
    keys: LogKeys
    registry: Registry
    heads: ChainHeads
    tags: TagIndex
    builder: RunBuilder
    frontier: Frontier
    latest_id: bytes
    predecessor: Reader | None
    """Of the log that this one took over from."""
    resources: ExitStack
    stopped: bool = False
    """After a failed commit nothing more is written."""

    def adopt(self, count: int) -> None:
        """Take over the first ``count`` finished runs, which a transaction has registered."""
        for _ in range(count):
            self.builder.adopt_next()
            forget_retired(self.store, self.heads.index)
            self.tags.registered(self.tags.index.upto)
            self.store.tails.drop(self.tags.index.upto)

    def settle(self, *, merges: bool = True) -> None:
        """Register and take over every run that is due, merged ones too if that is asked for.
        Raises CommitFailed when one failed.
        """
        while True:
            self.builder.settle(merges=merges)
            if self.builder.failure is not None:
                raise CommitFailed(f"the index cannot be written: {self.builder.failure}")
            finished = [run for _, run in self.builder.finished]
            if not finished:
                return
            self.store.register(finished)
            self.adopt(len(finished))

    def close(self) -> None:
        """Finish background work, keep what it made, and close every file."""
        with self.resources:
            self.builder.close()
            # Runs that no commit has registered are made again at the next opening.
            if not self.stopped:
                with suppress(LedgerFault):
                    self.store.register([run for _, run in self.builder.finished])


@dataclass(frozen=True, slots=True)
class _Request:
    items: Sequence[Item]
    answer: Future[list[Outcome]]
    errand: Callable[[Parts], None] | None = None
    """Something else that only the writer may do; then there are no items."""
    covers: bool = False
    """Make an epoch over everything; then there are no items."""

    @property
    def alone(self) -> bool:
        return self.errand is not None or self.covers


class Appender:
    """Start with ``Appender(parts)``, hand in with ``submit``, end with ``close``."""

    def __init__(
        self,
        parts: Parts,
        clock: Callable[[], int] | None = None,
        more_coming: Callable[[], bool] = lambda: False,
    ) -> None:
        """``clock`` gives unix milliseconds; ``more_coming`` says whether entries are being checked
        right now that will be handed in.
        """
        self._parts = parts
        self._more_coming = more_coming
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._mutex = threading.Lock()
        """Held to hand in and to end: a request put behind the end would never be answered."""
        self._stopped: LedgerFault | None = None
        self._waiting: _Request | None = None
        state = parts.store.state()
        self._received_ms = state.received_ms
        self._epochs = EpochMaker(parts.store, parts.heads, parts.registry, parts.keys)
        self.checkpoint = parts.store.checkpoint() if state.size else b""
        """The newest acknowledged checkpoint. Written by the appender's thread only."""
        self.public_keys: PublicKeys = parts.registry.statement_keys()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Item]) -> Future[list[Outcome]]:
        """Hand in entries that belong together; the answer has one outcome for each, in order.

        The future raises LedgerFault when the appender has stopped, StorageFull when nothing was
        written.
        """
        return self._hand_in(_Request(items, Future()))

    def run(self, errand: Callable[[Parts], None]) -> Future[list[Outcome]]:
        """Do something in the writer's thread, between two commits. An OSError there stops the
        appender, as one of a commit does.
        """
        return self._hand_in(_Request((), Future(), errand))

    def cover(self) -> Future[list[Outcome]]:
        """Append an epoch over every leaf, unless nothing but epochs came since the last one."""
        return self._hand_in(_Request((), Future(), covers=True))

    def _hand_in(self, request: _Request) -> Future[list[Outcome]]:
        with self._mutex:
            stopped = self._stopped
            if stopped is None:
                self._requests.put(request)
        if stopped is not None:
            request.answer.set_exception(stopped)
        return request.answer

    def check_ready(self) -> None:
        """Raises LedgerFault when it has stopped, or the clock was set back. Any thread."""
        if self._stopped is not None:
            raise self._stopped
        receive_time(self._clock(), self._received_ms)

    def close(self) -> None:
        """Commit what was handed in, then end the thread."""
        self._requests.put(None)
        self._thread.join()
        self._disk.shutdown()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                outcomes = self._decide_and_apply(group)
            except (CommitFailed, OSError) as error:
                self._stop(group, error)
            except CounterfoilError as error:
                for request in group:
                    request.answer.set_exception(error)
            except Exception as error:
                self._stop(group, error)
            else:
                for request, answer in zip(group, outcomes, strict=True):
                    request.answer.set_result(answer)
        self._drain(LedgerFault("the ledger is closed"))

    def _next_group(self) -> list[_Request] | None:
        """Requests for one commit, none when an epoch is due though nothing came; None to end. A
        trust or actor entry ends its group: it changes who may sign.

        A small group waits a moment for what is being checked: a commit costs the disk four syncs
        and the processor a signature, whether it holds ten entries or a thousand.
        """
        group: list[_Request] = []
        entries = size = 0
        deadline = 0.0
        while True:
            request = self._waiting
            self._waiting = None
            if request is None:
                try:
                    request = self._requests.get(
                        block=not group, timeout=None if group else self._epochs.wait_s()
                    )
                except queue.Empty:
                    if not group:
                        return group
                    late = time.monotonic() >= deadline
                    if late or entries >= GATHER_ENTRIES or not self._more_coming():
                        return group
                    time.sleep(GATHER_STEP_S)
                    continue
            if request is None:
                if group:
                    self._requests.put(None)
                return group or None
            count, blob_bytes, ends = _measure(request.items)
            ends = ends or request.alone
            too_many = entries + count > GROUP_ENTRIES or size + blob_bytes > GROUP_BYTES
            if group and (too_many or request.alone):
                self._waiting = request
                return group
            deadline = deadline or time.monotonic() + GATHER_S
            group.append(request)
            entries, size = entries + count, size + blob_bytes
            if ends:
                return group

    def _decide_and_apply(self, group: list[_Request]) -> list[list[Outcome]]:
        if self._stopped is not None:
            raise self._stopped
        if self._parts.builder.failure is not None:
            raise CommitFailed(f"the index cannot be written: {self._parts.builder.failure}")
        if group and (errand := group[0].errand) is not None:
            errand(self._parts)
            return [[]]
        draft = Draft(self._view(), receive_time(self._clock(), self._received_ms))
        finished = self._finished()
        if group and group[0].covers:
            self._parts.settle(merges=False)
            finished = []
            epoch = self._epochs.over_all(self._parts.heads.index.rows)
        else:
            epoch = self._epochs.due(finished)
        if epoch is not None:
            draft.add(self._epochs.entry(epoch, draft.received_ms))
        outcomes = [[self._place(draft, item) for item in request.items] for request in group]
        if draft.leaves:
            self._apply(draft, finished)
            self._epochs.committed(draft.next_index, epoch)
        return outcomes

    def _finished(self) -> list[tuple[SortedIndex, Finished]]:
        """The runs that lie ready now: the builder may add to them meanwhile."""
        waiting = self._parts.builder.finished
        return list(islice(waiting, len(waiting)))

    def _place(self, draft: Draft, item: Item) -> Outcome:
        try:
            if isinstance(item, AdmittedBatch):
                return draft.add_batch(item)
            if item.chunks and self._parts.store.large.count(item.claim.blob_hash) != item.chunks:
                raise BadRequest(
                    "the chunks of this payload do not lie ready", hint="seal and send it again"
                )
            return draft.add(item)
        except CounterfoilError as error:
            return error

    def _view(self) -> LogView:
        parts = self._parts
        return LogView(
            parts.frontier.size,
            self._received_ms,
            parts.registry,
            parts.heads.get,
            parts.store.index_of,
            parts.store.used_id,
            parts.latest_id,
            parts.store.leaf,
            inherited_from(parts.predecessor),
            earlier_leaves(parts.predecessor),
            parts.store.has_large,
            parts.heads.found_ahead,
        )

    def _apply(self, draft: Draft, finished: list[tuple[SortedIndex, Finished]]) -> None:
        """The first four steps of the module's docstring."""
        parts, start = self._parts, draft.view.size
        sizes = [len(blob) for blob in draft.blobs]
        parts.store.check_space(sum(sizes) + ENTRY_OVERHEAD * len(sizes))
        place = parts.store.payloads.next_place()
        files = self._disk.submit(self._write_files, start, draft)
        try:
            frontier = parts.frontier.copy()
            nodes = frontier.extend_rows(draft.hashes)
            checkpoint = self._sign(frontier)
            end = Place(place.segment, place.offset + sum(sizes))
            parts.store.commit(
                Commit(
                    start,
                    draft.leaves,
                    nodes,
                    draft.ids,
                    checkpoint,
                    State(frontier.size, draft.received_ms, end),
                    sizes,
                    place,
                    [index for index, _ in draft.registry_changes],
                    draft.epochs,
                    draft.batches,
                    draft.tags,
                    draft.large,
                    [run for _, run in finished],
                    files.result,
                    (draft.received_ms - ID_WINDOW_MS - 1000).to_bytes(6, "big"),
                )
            )
        except CommitFailed:
            # It may have been stored all the same: then its payloads belong to the log.
            raise
        except BaseException:
            wait([files])
            parts.store.rewind(place)
            raise
        try:
            parts.guard.advance(checkpoint)
            self._adopt(draft, frontier, checkpoint, len(finished))
        except CounterfoilError as error:
            # The entries are in the log: to answer that they were refused would be false.
            raise CommitFailed(f"after the commit: {error}", hint=error.hint) from error

    def _write_files(self, start: int, draft: Draft) -> None:
        """Payloads, tags and keys, on the disk thread while LMDB's rows are put in place."""
        try:
            self._parts.store.write_files(draft.blobs, draft.tags)
            self._parts.vault.keys.store(start, draft.keys)
        except OSError as error:
            raise storage_full(error) from error

    def _sign(self, frontier: Frontier) -> bytes:
        signer = self._parts.keys.checkpoint
        return sign_provisional(
            Checkpoint(signer.name, TreeSize(frontier.size), frontier.root()), signer
        )

    def _adopt(self, draft: Draft, frontier: Frontier, checkpoint: bytes, registered: int) -> None:
        """Take over in memory what is durable now."""
        parts, start = self._parts, draft.view.size
        parts.frontier, self.checkpoint = frontier, checkpoint
        self._received_ms = draft.received_ms
        parts.latest_id = max(parts.latest_id, draft.newest_id)
        for index, claim in draft.registry_changes:
            parts.registry.apply(claim, index)
            self.public_keys = parts.registry.statement_keys()
        parts.adopt(registered)
        parts.heads.applied(start, draft.chains, draft.heads, parts.builder)
        parts.tags.applied(start, len(draft.leaves), draft.tags, parts.builder)

    def _stop(self, group: list[_Request], error: Exception) -> None:
        fault = LedgerFault(
            f"the ledger has stopped: {error}",
            hint="mend the cause, then open the ledger again: it finds out what was written",
        )
        fault.__cause__ = error
        self._stopped = fault
        self._parts.stopped = True
        for request in group:
            request.answer.set_exception(fault)

    def _drain(self, fault: LedgerFault) -> None:
        with self._mutex:
            self._stopped = self._stopped or fault
        while not self._requests.empty():
            if (request := self._requests.get()) is not None:
                request.answer.set_exception(self._stopped)


def _measure(items: Sequence[Item]) -> tuple[int, int, bool]:
    """Entries, payload bytes, and whether a trust or actor entry is among them."""
    entries = size = 0
    ends = False
    for item in items:
        if isinstance(item, AdmittedBatch):
            entries += 1 + len(item.claims)
            size += sum(map(len, item.blobs))
        else:
            entries += 1
            size += len(item.blob)
            ends = ends or item.claim.kind in REGISTRY_KINDS
    return entries, size, ends
