"""Look-ups in an epoch's index, each proven and checked by the page: docs/spec/epoch.md."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ledger.author import CBOR, Draft
from ledger.log import Log
from ledger.lookups import EpochIndex, LastLeaf
from ledger.merkle import check_multi, leaf_hash
from ledger.wire.claim import Kind
from ledger.wire.epoch import (
    PAGE_ROWS,
    ROW_SIZE,
    Epoch,
    blind,
    commitment,
    page_hash,
    page_size,
    pages_of,
)
from ledger.wire.ids import ChainId, Hash
from ledger.wire.leaf import decode_leaf
from tests.log.sample import Sample, placed
from tests.small_runs import small_runs

RECORDS = 90


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs(monkeypatch, 64, 4)


def proven_rows(index: EpochIndex, number: int, wanted: tuple[int, ...]) -> dict[int, bytes]:
    """Rows of proven pages, by their numbers in the run. Raises BadEvidence."""
    run = index.epoch.runs[number]
    pages = index.pages(number, wanted)
    assert [len(page) for _, page in pages] == [page_size(run.rows, at) for at in wanted]
    hashes = [page_hash(page) for _, page in pages]
    check_multi(wanted, hashes, pages_of(run.rows), index.proof(number, wanted), run.root)
    return {
        at * PAGE_ROWS + row: page[row * ROW_SIZE : (row + 1) * ROW_SIZE]
        for at, page in pages
        for row in range(len(page) // ROW_SIZE)
    }


def check(index: EpochIndex, log: Hash, chain: ChainId) -> LastLeaf | None:
    """The head that the look-up of a chain proves."""
    key = blind(log, chain)
    head, looked_at = index.find(chain)
    assert [number for number, _ in looked_at] == list(
        range(len(index.runs) - 1, len(index.runs) - 1 - len(looked_at), -1)
    )
    for number, wanted in looked_at:
        rows = proven_rows(index, number, wanted)
        present = [row for row in rows.values() if row.startswith(key)]
        if present:
            assert (number, wanted) == looked_at[-1] and head is not None
            assert present == [key + commitment(chain, head.length, head.at, head.hash)]
            return head
        assert is_absent(rows, index.epoch.runs[number].rows, key)
    assert head is None and len(looked_at) == len(index.runs)
    return None


def is_absent(rows: dict[int, bytes], count: int, key: bytes) -> bool:
    return (
        (0 in rows and key < rows[0])
        or (count - 1 in rows and rows[count - 1] < key)
        or any(b == a + 1 and rows[a] < key < rows[b] for a, b in pairwise(sorted(rows)))
    )


def heads_below(log: Log, upto: int) -> dict[ChainId, LastLeaf]:
    """From the leaves alone; their types are not looked at."""
    found: dict[ChainId, LastLeaf] = {}
    for index, raw in enumerate(log.reader.store.leaves(0, upto)):
        leaf = decode_leaf(raw)
        found[leaf.claim.chain] = LastLeaf(leaf.seq + 1, index, leaf_hash(raw))
    return found


def check_all(log: Log, epoch: Epoch) -> None:
    index = log.reader.epoch_index(epoch)
    expected = heads_below(log, epoch.upto)
    id_ = log.reader.registry.log
    for chain, head in expected.items():
        found = check(index, id_, chain)
        assert found is not None and found[1:] == head[1:]
    rng = random.Random(4)
    for _ in range(60):
        assert check(index, id_, ChainId(rng.randbytes(16))) is None


def test_every_chain_and_many_that_are_not_there(log: Log, sample: Sample) -> None:
    rng = random.Random(3)
    opened = [sample.clinic.open_record() for _ in range(RECORDS)]
    chains = [chain for chain, _ in opened]
    for outcome in log.append([entry for _, entry in opened]):
        placed(outcome)
    seen: list[Epoch] = []
    for _ in range(6):
        drafts = [
            Draft(rng.choice(chains[:70]), b"", CBOR, Kind.ACCESS)
            for _ in range(rng.randrange(1, 150))
        ]
        for outcome in log.append([sample.clinic.entry(draft) for draft in drafts]):
            placed(outcome)
        log.publish()
        found = log.reader.newest_epoch(log.reader.checkpoint.size)
        assert found is not None
        seen.append(found[1])
        check_all(log, found[1])
    assert len({len(epoch.runs) for epoch in seen}) > 1
    assert any(run.to - start > 64 for epoch in seen for start, run in epoch.spans())
