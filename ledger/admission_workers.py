"""Admission in processes of its own, so that checking signatures never waits for the writer's
interpreter.

A worker runs ``ledger.admission`` on what it is sent and answers with what it refuses; the bytes
themselves stay in the parent. Frames on its standard input and output, each preceded by its
length (``Connection``):

    request   JSON head (below) ‖ 0A ‖ their sizes, u32 each ‖ the byte strings
    answer    JSON (below) ‖ 0A ‖ for a batch: the tree over its members ‖ heads found ahead

    head      {"batch": bool, "keys": {author: {kid: key}} when they changed, "count": of strings,
               "runs": to look heads up in (``ledger.look_ahead``), when they changed}
    JSON      {"refused": {position: [class, message, hint, step, expected, found]},
               "latest_authored_ms", "earliest_expiry_ms", "tree": bytes}   but the first of a batch

A worker ends when its input ends, so it never outlives a parent that was killed.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from array import array
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger.admission import (
    Admitted,
    AdmittedBatch,
    BatchSubmission,
    Checked,
    PublicKeys,
    Submission,
    admit_batch,
    admit_many,
)
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault
from ledger.heads import HeadFiles
from ledger.look_ahead import LookAhead, files_json, read_found
from ledger.store.tables import RunRow
from ledger.wire.claim import CHAIN_AT, ENTRY_ID_AT, Claim
from ledger.wire.ids import ActorId, ChainId, EntryId
from ledger.wire.keys import KeyId
from ledger.wire.statement import slice_claim, slice_kid

_SIZE = array("I").itemsize
_IN_FLIGHT = 2
"""Requests that a worker may have: one that it checks and one that waits in the pipe."""


@dataclass(frozen=True, slots=True)
class _Job:
    submissions: Sequence[Submission] | BatchSubmission
    keys: PublicKeys
    files: HeadFiles | None
    answer: Future[Checked]


class AdmissionWorkers:
    """A fixed number of worker processes, each fed by a thread of this process."""

    def __init__(self, count: int) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._mutex = threading.Lock()
        self._closed = False
        """A job put behind the end of the queue would never be answered."""
        self._threads = [
            threading.Thread(target=self._serve, name=f"admission-{number}", daemon=True)
            for number in range(count)
        ]
        self._serving = count
        for thread in self._threads:
            thread.start()

    def check(
        self,
        submissions: Sequence[Submission] | BatchSubmission,
        keys: PublicKeys,
        files: HeadFiles | None = None,
    ) -> Future[Checked]:
        """Check entries, or one batch; the answer has one item for each entry, or one for the
        batch. ``files``: where to look up the heads that a batch needs.
        """
        job = _Job(submissions, keys, files, Future())
        with self._mutex:
            if self._closed:
                raise LedgerFault("the ledger is closed", hint="open it again")
            self._jobs.put(job)
        return job.answer

    def close(self) -> None:
        """Finish what was handed in and end the workers."""
        with self._mutex:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        under_way: deque[_Job] = deque()
        try:
            with _Worker() as worker:
                self._serve_with(worker, under_way)
        except (OSError, EOFError) as error:
            for job in under_way:
                _fail(job, error)
            self._leave(error)

    def _serve_with(self, worker: _Worker, under_way: deque[_Job]) -> None:
        while True:
            job = self._next(under_way)
            if job is None and not under_way:
                return
            if job is not None and _send(job, worker):
                under_way.append(job)
            if under_way and (job is None or len(under_way) == _IN_FLIGHT):
                _complete(under_way.popleft(), worker)

    def _leave(self, error: Exception) -> None:
        """Without a worker: the others go on, and the last one answers what comes."""
        with self._mutex:
            self._serving -= 1
            if self._serving:
                return
        while (job := self._jobs.get()) is not None:
            _fail(job, error)

    def _next(self, under_way: deque[_Job]) -> _Job | None:
        """The next job; None when there is none now, or, with nothing under way, ever again."""
        try:
            job = self._jobs.get(block=not under_way)
        except queue.Empty:
            return None
        if job is None and under_way:
            self._jobs.put(None)
        return job


def _send(job: _Job, worker: _Worker) -> bool:
    """Whether the worker has the job; if not, it is answered. Raises OSError for a dead worker."""
    try:
        worker.send(job)
    except OSError as error:
        _fail(job, error)
        raise
    except Exception as error:
        _fail(job, error)
        return False
    return True


def _complete(job: _Job, worker: _Worker) -> None:
    """Answer a job. Raises OSError or EOFError for a dead worker."""
    try:
        checked = worker.receive(job)
    except (OSError, EOFError) as error:
        _fail(job, error)
        raise
    except Exception as error:
        _fail(job, error)
    else:
        job.answer.set_result(checked)


def _fail(job: _Job, error: Exception) -> None:
    """An unanswered job would keep its caller waiting for ever."""
    fault = error
    if isinstance(error, OSError | EOFError):
        fault = LedgerFault("a process that checks entries has ended", hint="open the ledger again")
        fault.__cause__ = error
    job.answer.set_exception(fault)


class _Worker:
    """One child process and both ends of its pipes."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ledger.admission_workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # `-m` looks there first: for this very package, not for what lies where we are.
            cwd=Path(__file__).absolute().parents[1],
            # Ctrl-C at a terminal is for the parent, which still wants answers while it ends.
            process_group=0,
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        self._out = Connection(os.dup(self._child.stdin.fileno()), readable=False)
        self._in = Connection(os.dup(self._child.stdout.fileno()), writable=False)
        self._child.stdin.close()
        self._child.stdout.close()
        self._keys: PublicKeys | None = None
        self._rows: tuple[RunRow, ...] = ()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self._in.close()
        self._child.wait()

    def send(self, job: _Job) -> None:
        batch = isinstance(job.submissions, BatchSubmission)
        pieces = _batch_pieces(job.submissions) if batch else _entry_pieces(job.submissions)
        head: dict[str, object] = {"batch": batch, "count": len(pieces)}
        sizes = array("I", map(len, pieces)).tobytes()
        if self._keys is not job.keys:
            head["keys"] = {
                author.hex(): {kid.hex(): raw.hex() for kid, raw in own.items()}
                for author, own in job.keys.items()
            }
            self._keys = job.keys
        if job.files is not None and self._rows != job.files.rows:
            head["runs"] = files_json(job.files)
            self._rows = job.files.rows
        self._out.send_bytes(b"".join((json.dumps(head).encode(), b"\n", sizes, *pieces)))

    def receive(self, job: _Job) -> Checked:
        said, _, more = self._in.recv_bytes().partition(b"\n")
        answer = json.loads(said)
        refused = {int(at): _error(fields) for at, fields in answer["refused"].items()}
        if isinstance(job.submissions, BatchSubmission):
            return [refused.get(0) or _trusted_batch(job.submissions, answer, more, job.files)]
        return [
            refused.get(at) or _trusted(submission) for at, submission in enumerate(job.submissions)
        ]


def _entry_pieces(submissions: Any) -> list[bytes]:
    return [piece for one in submissions for piece in (one.statement, one.blob, one.key)]


def _batch_pieces(batch: Any) -> list[bytes]:
    return [batch.statement, *batch.claims, *batch.blobs, *batch.keys]


def _trusted(submission: Submission) -> Admitted:
    """What ``admit`` returns, without the checks that a worker made."""
    claim = slice_claim(submission.statement)
    return Admitted(
        submission.statement,
        Claim.trusted(claim),
        claim,
        slice_kid(submission.statement),
        submission.blob,
        submission.key,
        submission.tags,
        submission.amends,
        submission.erases,
        submission.chunks,
    )


def _trusted_batch(
    batch: BatchSubmission, answer: dict[str, Any], more: bytes, files: HeadFiles | None
) -> AdmittedBatch:
    tree, found = more[: answer["tree"]], more[answer["tree"] :]
    chains = [ChainId(claim[CHAIN_AT]) for claim in batch.claims]
    ahead = read_found(found, chains, files.rows[-1].stop) if found and files else None
    return AdmittedBatch(
        _trusted(Submission(batch.statement)),
        batch.claims,
        batch.blobs,
        batch.keys,
        chains,
        [EntryId(claim[ENTRY_ID_AT]) for claim in batch.claims],
        answer["latest_authored_ms"],
        answer["earliest_expiry_ms"],
        tree,
        ahead,
    )


def _error(fields: list[str]) -> CounterfoilError:
    name, message, hint, step, expected, found = fields
    if name == "BadEvidence":
        return BadEvidence(step, expected=expected, found=found, hint=hint)
    return BadRequest(message, hint=hint)


def _fields(error: CounterfoilError) -> list[str]:
    if isinstance(error, BadEvidence):
        return ["BadEvidence", "", error.hint, error.step, error.expected, error.found]
    return ["BadRequest", error.message, error.hint, "", "", ""]


def _work(requests: Connection, answers: Connection) -> None:
    """The child: answer until the input ends."""
    keys: PublicKeys = {}
    ahead = LookAhead()
    frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_read_ahead, args=(requests, frames), daemon=True).start()
    while (frame := frames.get()) is not None:
        end = frame.index(b"\n")
        head = json.loads(frame[:end])
        if "keys" in head:
            keys = {
                ActorId(bytes.fromhex(author)): {
                    KeyId(bytes.fromhex(kid)): bytes.fromhex(raw) for kid, raw in own.items()
                }
                for author, own in head["keys"].items()
            }
        start = end + 1 + head["count"] * _SIZE
        sizes = array("I", frame[end + 1 : start])
        pieces = [frame[a:b] for a, b in pairwise(accumulate(sizes, initial=start))]
        if "runs" in head:
            ahead.open(head["runs"])
        if head["batch"]:
            answer, more = _check_batch(pieces, keys, ahead)
        else:
            answer, more = _check_entries(pieces, keys), b""
        try:
            answers.send_bytes(json.dumps(answer).encode() + b"\n" + more)
        except BrokenPipeError:
            return


def _read_ahead(requests: Connection, frames: queue.SimpleQueue[bytes | None]) -> None:
    """Take requests as they come, at most ``_IN_FLIGHT`` of them.

    An answer may be longer than a pipe holds, and the parent reads it only when it has written its
    next request: were that one not read meanwhile, both would wait for ever.
    """
    with suppress(EOFError, OSError):
        while True:
            frames.put(requests.recv_bytes())
    frames.put(None)


def _check_entries(pieces: list[bytes], keys: PublicKeys) -> dict[str, object]:
    thirds = zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    submissions = [Submission(statement, blob, key) for statement, blob, key in thirds]
    checked = admit_many(submissions, keys)
    errors = {at: one for at, one in enumerate(checked) if isinstance(one, CounterfoilError)}
    return {"refused": {at: _fields(error) for at, error in errors.items()}}


def _check_batch(
    pieces: list[bytes], keys: PublicKeys, ahead: LookAhead
) -> tuple[dict[str, object], bytes]:
    """What to answer, and behind it the tree over the members and the heads found."""
    count = len(pieces) // 3
    batch = BatchSubmission(
        pieces[0], pieces[1 : 1 + count], pieces[1 + count : 1 + 2 * count], pieces[1 + 2 * count :]
    )
    try:
        admitted = admit_batch(batch, keys)
    except CounterfoilError as error:
        return {"refused": {0: _fields(error)}}, b""
    answer: dict[str, object] = {
        "refused": {},
        "latest_authored_ms": admitted.latest_authored_ms,
        "earliest_expiry_ms": admitted.earliest_expiry_ms,
        "tree": len(admitted.tree),
    }
    return answer, admitted.tree + ahead.find(admitted.chains)


if __name__ == "__main__":
    _work(Connection(0, writable=False), Connection(1, readable=False))
