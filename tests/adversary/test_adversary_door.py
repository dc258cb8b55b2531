"""One access entry, many hands; and content that its own author made unreadable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.author import CBOR, Draft
from ledger.errors import BadRequest
from ledger.log import Log
from ledger.wire.claim import Kind
from ledger.wire.receipt import Receipt
from ledger.wire.sealed import seal
from tests.log.sample import Sample, claim_for, placed, raw_entry

TIMEOUT = 30


def _access(log: Log, sample: Sample, index: int) -> Receipt:
    named = placed(log.append([sample.clinic.entry(_naming(log, sample, index))])[0])
    return log.reader.receipt(named.index)


def _naming(log: Log, sample: Sample, index: int) -> Draft:
    hashes = [log.reader.store.read(0, 0, index + 1)[32 * index : 32 * index + 32]]
    return Draft(sample.record, b"", CBOR, Kind.ACCESS, {"entries": [*hashes]})


def test_many_threads_with_one_access_entry_get_the_content_once(log: Log, sample: Sample) -> None:
    access = _access(log, sample, 6)

    def release(_: int) -> bool:
        try:
            return log.vault.release(6, access).content == sample.content
        except BadRequest:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(release, range(64), timeout=TIMEOUT)) == 1
    journal = log.layout.releases.read_text().splitlines()
    assert sum(f'"access":{access.index}' in line for line in journal) == 1


def test_a_blob_sealed_for_another_place_is_its_authors_fault(log: Log, sample: Sample) -> None:
    """Nobody must restore key files because an author hands in what never opens."""
    sealed = seal(b"{}", {"type": CBOR}, bytes(64))
    entry = raw_entry(
        sample.clinic, claim_for(sample.clinic, sample.record, sealed.blob).encode(), sealed
    )
    index = placed(log.append([entry])[0]).index
    with pytest.raises(BadRequest, match="author sealed it wrongly"):
        log.vault.release(index, _access(log, sample, index))
