"""What an enrolled author seals into a record, so that its timeline says more, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.author import CBOR, Author, Draft
from ledger.cli.viewing import Sight
from ledger.cli.words import language_of
from ledger.errors import BadRequest
from ledger.identity import NewKey
from ledger.linkage.aliases import unlink_draft
from ledger.linkage.joining import join
from ledger.linkage.opening import gather, joined_with
from ledger.linkage.standing import RegistryStanding
from ledger.log import Log
from ledger.reader import Entry
from ledger.record.contents import LinkedRecord
from ledger.record.header import Header
from ledger.record.model import Viewer
from ledger.record.views import timeline
from ledger.wire.claim import Kind
from ledger.wire.ids import MAX_INTEGER, ChainId
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey
from tests.log.sample import STRANGER_KEY, Sample, placed, refused

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


@pytest.mark.parametrize("after_ms", [MAX_INTEGER, 86_400_000 * 99_999_999])
def test_a_time_that_no_calendar_has_is_shown(sample: Sample, after_ms: int) -> None:
    """`--approve-after 99999999d` kept everybody from the record's timeline."""
    header = UNAPPROVED | {"approve-after": after_ms}
    with Log.open(sample.directory) as log:
        draft = Draft(sample.record, b"x", "text/plain", header=header)
        placed(log.append([sample.clinic.entry(draft)])[0])
        gathered = gather(log, sample.clinic, sample.record, "TREAT", MAX_INTEGER)
        standing = RegistryStanding(log.reader)
        shown = timeline(sample.record, gathered.entries, standing, Viewer.INSTITUTION, 2**42)
    rows = Sight(shown, language_of("en"), {}, gathered.titles).rows()
    assert any("approved by time at after 9999-12-31" in row[-1] for row in rows)


def test_who_acts_in_one_record_joins_no_other_to_it(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        key = NewKey(raw_public(STRANGER_KEY))
        actor, _ = log.enrol("", "person", [key], record=sample.other)
        person = Author(sample.log_id, actor, StatementKey.of(STRANGER_KEY))
        with pytest.raises(BadRequest, match="one record only"):
            join(log, person, sample.record, sample.other)
        # Its own half stands, or the other way round; either joins nothing.
        with pytest.raises(BadRequest, match="one record only"):
            join(log, person, sample.other, sample.record)
        assert joined_with(log, sample.other, MAX_INTEGER) == (sample.other,)
        assert joined_with(log, sample.record, MAX_INTEGER) == (sample.record,)
        link = find_link(log, sample)
        end = unlink_draft(link, LinkedRecord(sample.record), bytes(16), "mine")
        placed(log.append([person.entry(end)])[0])
        wrong = replace(end, chain=sample.record)
        refused(log.append([sample.clinic.entry(wrong)])[0])


def find_link(log: Log, sample: Sample) -> Entry:
    return next(one for one in log.reader.history(sample.other) if one.leaf.claim.kind is Kind.LINK)


def test_a_ring_of_joins_ends(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        third, opening = sample.clinic.open_record()
        placed(log.append([opening])[0])
        ring = (sample.record, sample.other, third)
        for one, other in zip(ring, (*ring[1:], ring[0]), strict=True):
            join(log, sample.clinic, one, other)
        to_itself = Draft(third, LinkedRecord(third).encode(), CBOR, Kind.LINK)
        placed(log.append([sample.clinic.entry(to_itself)])[0])
        assert set(joined_with(log, third, MAX_INTEGER)) == set(ring)
