"""Ledgers, authors and peers that the benchmarks work on."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import BatchSubmission, Submission
from ledger.author import Author, Draft
from ledger.errors import CounterfoilError
from ledger.founding import found
from ledger.identity import NewKey
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ChainId
from ledger.wire.keys import raw_public
from ledger.wire.leaf import MEMBER_HEADER
from ledger.wire.statement import StatementKey

ORIGIN = "example.org/benchmark"
CONTENT = 1024
"""Bytes of content of an entry; the sealed payload is a little larger."""
CHAINS = 1000


@dataclass(frozen=True, slots=True)
class Bench:
    """An open ledger with two authors and some records."""

    log: Log
    authors: list[Author]
    private: list[Ed25519PrivateKey]
    chains: list[ChainId]

    def entries(self, count: int, content: int = CONTENT) -> list[Submission]:
        """Sealed and signed entries, the authors in turn, over all chains."""
        return [
            self.authors[at % 2].entry(Draft(self.chains[at % len(self.chains)], payload(content)))
            for at in range(count)
        ]

    def batches(self, count: int, size: int, content: int = CONTENT) -> list[BatchSubmission]:
        """Sealed batches of ``size`` members, ``count`` members in all."""
        chains = self.chains
        return [
            self.authors[number % 2].batch(
                [
                    Draft(chains[(number * size + at) % len(chains)], payload(content))
                    for at in range(size)
                ]
            )
            for number in range(count // size)
        ]


_random = Random(20250101)


def payload(size: int) -> bytes:
    """Incompressible content."""
    return _random.randbytes(size)


@contextmanager
def open_bench(directory: Path, workers: int, chains: int = CHAINS) -> Iterator[Bench]:
    """A new ledger with two authors."""
    found(directory, ORIGIN)
    with Log.open(directory, workers=workers) as log:
        private = [Ed25519PrivateKey.generate() for _ in range(2)]
        authors = [enrol(log, f"Hospital {at}", key) for at, key in enumerate(private)]
        records = [authors[at % 2].open_record() for at in range(chains)]
        settle([log.append_later([entry for _, entry in records])])
        yield Bench(log, authors, private, [chain for chain, _ in records])


def enrol(log: Log, name: str, key: Ed25519PrivateKey) -> Author:
    """A new author of a log."""
    actor, _ = log.enrol(name, "organisation", [NewKey(raw_public(key))])
    return Author(log.reader.registry.log, actor, StatementKey.of(key))


def settle(answers: Sequence[Future[list[Appended | CounterfoilError]]]) -> int:
    """Wait for answers; returns how many entries were appended. Raises what one was refused for."""
    count = 0
    for answer in answers:
        for outcome in answer.result():
            if isinstance(outcome, CounterfoilError):
                raise outcome
            count += outcome.count
    return count


def append_in_flight(log: Log, batches: Sequence[BatchSubmission], in_flight: int) -> int:
    """Append with at most ``in_flight`` batches unanswered; returns the members appended."""
    waiting: deque[Future[list[Appended | CounterfoilError]]] = deque()
    leaves = 0
    for batch in batches:
        if len(waiting) == in_flight:
            leaves += settle([waiting.popleft()])
        waiting.append(log.append_later(batch))
    return leaves + settle(list(waiting)) - len(batches)


Rows = list[tuple[bytes, bytes, bytes, bytes]]
"""id ‖ author, leaf, sealed payload, content key."""


def rows_of(batch: BatchSubmission) -> Rows:
    """The rows that a plain table keeps for a batch, as many bytes as the ledger keeps."""
    header = bytes(MEMBER_HEADER.size)
    return [
        (claim[66:82] + claim[50:66], header + claim, blob, key)
        for claim, blob, key in zip(batch.claims, batch.blobs, batch.keys, strict=True)
    ]


class SqliteTable:
    """A plain table: WAL, synchronous=FULL, one transaction for each batch."""

    def __init__(self, path: Path, *, unique: bool) -> None:
        self._unique = unique
        self._connection = sqlite3.connect(path, isolation_level=None)
        execute = self._connection.execute
        execute("pragma journal_mode=wal")
        execute("pragma synchronous=full")
        entry = "entry blob unique," if unique else ""
        execute(
            f"create table t (id integer primary key, {entry} leaf blob, payload blob, key blob)"
        )

    def side(self, batches: Callable[[], Sequence[BatchSubmission]]) -> Callable[[], int]:
        """The work of one round."""
        groups = [
            rows if self._unique else [row[1:] for row in rows] for rows in map(rows_of, batches())
        ]
        if self._unique:
            statement = "insert into t (entry, leaf, payload, key) values (?, ?, ?, ?)"
        else:
            statement = "insert into t (leaf, payload, key) values (?, ?, ?)"

        def work() -> int:
            for group in groups:
                self._connection.execute("begin")
                self._connection.executemany(statement, group)
                self._connection.execute("commit")
            return sum(map(len, groups))

        return work

    def close(self) -> None:
        self._connection.close()


def limit_side(path: Path, batches: Sequence[BatchSubmission]) -> Callable[[], int]:
    """hashlib, write, fdatasync: what any log that keeps the same bytes must do at least."""
    groups = [rows_of(batch) for batch in batches]

    def work() -> int:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for group in groups:
                for _, leaf, blob, _ in group:
                    sha256(b"\0" + leaf).digest()
                    sha256(blob).digest()
                os.write(handle, b"".join([part for row in group for part in row[1:]]))
                os.fdatasync(handle)
        finally:
            os.close(handle)
        return sum(map(len, groups))

    return work
