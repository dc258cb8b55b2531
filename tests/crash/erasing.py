"""A ledger of which a person is erased, and the erasing that is killed in a child."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.author import Author, Draft
from ledger.erasing import Order, carry_out, find_orders, order_at, order_record
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ChainId
from ledger.wire.manifest import MIN_CHUNK
from ledger.wire.statement import StatementKey
from tests.crash import points
from tests.crash.appending import die
from tests.crash.ledgers import AUTHOR_KEY, Record, record_path, small_ledgers

WINDOW = 32


def prepare(directory: Path) -> list[bytes]:
    """Two records with tags in tail and runs, and an order about the first; returns bytes that
    must be gone once it is carried out.
    """
    with Log.open(directory) as log:
        record = Record(record_path(directory))
        author = Author(log.reader.registry.log, record.author, StatementKey.of(AUTHOR_KEY))
        (mine, first), (other, second) = author.open_record(), author.open_record()
        log.append([first, second])
        tags: list[bytes] = []
        for _ in range(8):
            for chain in (mine, other):
                drafts = [_draft(chain) for _ in range(5)]
                log.append([author.entry(draft) for draft in drafts])
                tags += [draft.tags[0] for draft in drafts if chain == mine]
        files = log.reader.store.large
        large = Draft(mine, b"", "a/b")
        source = io.BytesIO(os.urandom(3000))
        log.append([author.large(large, source, files, chunk=MIN_CHUNK)])
        traces = [*tags, *_traces(log, mine)]
        (placed,) = log.append([author.entry(order_record(log.reader, mine, "asked for"))])
        assert isinstance(placed, Appended)
    return traces


def _draft(chain: ChainId) -> Draft:
    return Draft(chain, os.urandom(100), tags=(os.urandom(16),))


def _traces(log: Log, chain: ChainId) -> list[bytes]:
    store, traces = log.reader.store, []
    for entry in log.reader.history(chain):
        blob, claim = store.payload(entry.index), entry.leaf.claim
        assert sha256(blob).digest() == claim.blob_hash
        traces += [blob[:WINDOW], blob[-WINDOW:]]
        for number in range(store.large.count(claim.blob_hash)):
            traces.append(store.large.read(claim.blob_hash, number)[:WINDOW])
    return traces


def only_order(log: Log) -> Order:
    (order,) = find_orders(log.reader.store, log.reader.checkpoint.size)
    return order_at(log.reader.store, order.index)


def erase(directory: str, passed: int) -> None:
    """Carry out the order and die at the ``passed``-th point of it, whatever it is called."""
    patch = pytest.MonkeyPatch()
    small_ledgers(patch)
    seen = -1

    def at(_: str) -> None:
        nonlocal seen
        if seen >= 0:
            seen += 1
        if seen == passed:
            die()

    points.install(patch, at)
    with Log.open(Path(directory)) as log:
        order = only_order(log)
        seen = 0
        carry_out(log, order)
        seen = -1
