"""What an enrolled author seals into a record, so that its timeline says less, or more, or nothing."""

from __future__ import annotations

import pytest

from ledger.author import CBOR, Draft
from ledger.linkage.opening import gather
from ledger.log import Log
from ledger.record.contents import LinkedRecord
from ledger.record.header import Header
from ledger.wire.claim import Kind
from ledger.wire.ids import MAX_INTEGER, ChainId
from tests.log.sample import Sample, placed

UNAPPROVED = Header("text/plain").encode() | {"state": "unapproved"}


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"resourceType":' * 50_000], ids=["arrays", "objects"]
)
def test_a_resource_that_is_nested_too_deep_has_a_title(sample: Sample, content: bytes) -> None:
    with Log.open(sample.directory) as log:
        (outcome,) = log.append([sample.clinic.entry(Draft(sample.record, content))])
        index = placed(outcome).index
        gathered = gather(log, sample.clinic, sample.record, "TREAT", MAX_INTEGER)
    assert index in [one.index for one in gathered.entries]


def test_a_link_to_a_record_that_does_not_exist_joins_nothing(sample: Sample) -> None:
    nowhere = LinkedRecord(ChainId(bytes([7] * 16))).encode()
    drafts = [
        Draft(sample.record, nowhere, CBOR, Kind.LINK),
        Draft(sample.record, LinkedRecord(sample.log_chain).encode(), CBOR, Kind.LINK),
    ]
    with Log.open(sample.directory) as log:
        for outcome in log.append([sample.clinic.entry(one) for one in drafts]):
            placed(outcome)
        gathered = gather(log, sample.clinic, sample.record, "TREAT", MAX_INTEGER)
    assert gathered.records == (sample.record,)
