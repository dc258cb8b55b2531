"""Amendments and retractions that are good; those that are not stand in ``refusals_of_state``."""

from __future__ import annotations

import pytest

from ledger.admission import Submission
from ledger.author import Author, Draft
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position
from tests.log.sample import Sample, placed, refused


def _amend(log: Log, author: Author, chain: ChainId, index: int, kind: Kind) -> Submission:
    hash_ = leaf_hash(log.reader.store.leaf(index))
    return author.entry(Draft(chain, b"{}", kind=kind, amended=hash_, amends=Position(index)))


@pytest.mark.parametrize("kind", [Kind.AMEND, Kind.RETRACT])
def test_record_is_amended_by_its_author_or_another(log: Log, sample: Sample, kind: Kind) -> None:
    for author in (sample.clinic, sample.hospital):
        index = placed(log.append([_amend(log, author, sample.record, 6, kind)])[0]).index
        assert log.reader.entry(index).leaf.claim.amended == sample.hash(6)


def test_amendment_is_amended_but_a_retraction_is_not(log: Log, sample: Sample) -> None:
    first = placed(log.append([_amend(log, sample.clinic, sample.record, 6, Kind.AMEND)])[0])
    second = placed(
        log.append([_amend(log, sample.clinic, sample.record, first.index, Kind.RETRACT)])[0]
    )
    entry = _amend(log, sample.clinic, sample.record, second.index, Kind.AMEND)
    assert "only a record entry" in refused(log.append([entry])[0]).message


def test_member_of_a_batch_is_amended(log: Log, sample: Sample) -> None:
    batch = placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")] * 3)))
    member = batch.index + 2
    placed(log.append([_amend(log, sample.clinic, sample.record, member, Kind.AMEND)])[0])


def test_amendment_in_a_directory(log: Log, sample: Sample) -> None:
    directory = sample.clinic.directory
    index = placed(log.append([sample.clinic.entry(Draft(directory, b"{}"))])[0]).index
    placed(log.append([_amend(log, sample.clinic, directory, index, Kind.AMEND)])[0])
    by_another = _amend(log, sample.hospital, directory, index, Kind.AMEND)
    assert "only its owner" in refused(log.append([by_another])[0]).message


def test_first_entry_of_a_directory_cannot_be_an_amendment(log: Log, sample: Sample) -> None:
    entry = _amend(log, sample.clinic, sample.clinic.directory, 6, Kind.AMEND)
    assert "same record" in refused(log.append([entry])[0]).message


def test_amendment_says_nothing_of_its_index_in_the_leaf(log: Log, sample: Sample) -> None:
    """``amends`` only helps the writer to look it up; the signed claim has the hash."""
    good = _amend(log, sample.clinic, sample.record, 6, Kind.AMEND)
    index = placed(log.append([good])[0]).index
    assert log.reader.store.leaf(index).endswith(good.statement)
