"""Chunks of large payloads: what somebody who may read them could do to another's entry."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest

from ledger.admission import Submission
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.erasing import carry_out, find_orders, is_pending, order_at, order_entries
from ledger.log import Log
from ledger.wire.claim import Claim
from ledger.wire.ids import Position
from ledger.wire.manifest import MIN_CHUNK
from ledger.wire.statement import parse_statement
from tests.log.sample import Sample, claim_for, placed, refused

SIZE = 3 * MIN_CHUNK + 5


def large(log: Log, sample: Sample) -> Submission:
    """An entry of the clinic, its chunks lying ready."""
    draft, files = Draft(sample.record, b"", "a/b"), log.reader.store.large
    return sample.clinic.large(draft, io.BytesIO(os.urandom(SIZE)), files, chunk=MIN_CHUNK)


def claim_of(entry: Submission) -> Claim:
    return Claim.decode(parse_statement(entry.statement).claim)


def by_hospital(sample: Sample, entry: Submission, claim: Claim, chunks: int) -> Submission:
    """The hospital names the clinic's blob, whose key it was given."""
    return Submission(sample.hospital.key.sign(claim), entry.blob, entry.key, chunks=chunks)


def test_who_erases_the_same_blob_does_not_erase_anothers_chunks(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        entry = large(log, sample)
        index = placed(log.append([entry])[0]).index
        claim = claim_for(sample.hospital, sample.other, entry.blob)
        mine = placed(log.append([by_hospital(sample, entry, claim, 0)])[0]).index
        draft = order_entries(log.reader, [Position(mine)], "asked for")
        at = placed(log.append([sample.hospital.entry(draft)])[0]).index
        carry_out(log, order_at(log.reader.store, at))
        (order,) = find_orders(log.reader.store, log.reader.checkpoint.size)
        assert not is_pending(log.vault, order)
        assert sum(map(len, log.vault.use_stream(index, "test").pieces)) == SIZE
    report = check_ledger(sample.directory)
    assert (report.problems, report.notes) == ([], [])


@pytest.mark.parametrize("together", [False, True])
def test_chunks_belong_to_one_entry(log: Log, sample: Sample, together: bool) -> None:
    """Chain and entry id, for which the manifest is sealed, are those of the first; the author is
    another.
    """
    entry = large(log, sample)
    claim = replace(claim_of(entry), author=sample.hospital.id)
    second = by_hospital(sample, entry, claim, entry.chunks)
    outcomes = log.append([entry, second]) if together else log.append([entry])
    first = placed(outcomes[0])
    outcome = outcomes[1] if together else log.append([second])[0]
    assert refused(outcome).message == "these chunks are another entry's"
    again = placed(log.append([entry])[0])
    assert (again.index, again.known) == (first.index, True)


@pytest.mark.parametrize("fewer", [False, True])
def test_a_blob_that_is_not_the_manifest_of_its_chunks_is_refused(
    sample: Sample, fewer: bool
) -> None:
    """It would be taken, and then be damage to whoever checks the ledger."""
    with Log.open(sample.directory) as log:
        entry = large(log, sample)
        if fewer:
            path = log.reader.store.large.path(claim_of(entry).blob_hash)
            (path / str(entry.chunks - 1)).unlink()
            entry = replace(entry, chunks=entry.chunks - 1)
        else:
            claim = claim_for(sample.hospital, sample.other, entry.blob)
            entry = by_hospital(sample, entry, claim, entry.chunks)
        assert "manifest" in refused(log.append([entry])[0]).message
    assert check_ledger(sample.directory).problems == []
