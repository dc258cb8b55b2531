"""Views as functions: of nothing that comes later, of no order, and losing nothing."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.record.contents import LinkedRecord
from ledger.record.header import RecordKind, State
from ledger.record.model import Document, Hidden, Viewer
from ledger.record.views import timeline
from ledger.wire.claim import Kind
from tests.record.makers import (
    CLINIC,
    DEVICE,
    DOCTOR,
    OTHER,
    PERSON,
    RECORD,
    Record,
    Registry,
    as_a_line,
    header,
    in_one_log,
    indexes,
)

_AUTHORS = st.sampled_from([CLINIC, DOCTOR, PERSON, DEVICE])
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(RecordKind),
        "shared": st.booleans(),
        "machine": st.just("m"),
        "reason": st.just("secret"),
        "moved_away": st.just(True),
    },
)
_STATES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"state": State.APPROVED}),
    st.just({"state": State.UNAPPROVED}),
    st.integers(1, 200).map(lambda ms: {"state": State.UNAPPROVED, "approve_after_ms": ms}),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any entries that a log would take on two records, some of them unreadable."""
    record = Record()
    for _ in range(draw(st.integers(1, 12))):
        chain = draw(st.sampled_from([RECORD, RECORD, OTHER]))
        own = [one for one in record.entries if one.chain == chain]
        targets = [one.index for one in own if one.kind in (Kind.RECORD, Kind.AMEND)]
        links = [one.index for one in own if one.kind is Kind.LINK]
        kinds = [Kind.RECORD, Kind.ACCESS, Kind.LINK]
        kinds += [Kind.AMEND, Kind.AMEND, Kind.RETRACT] if targets else []
        kinds += [Kind.UNLINK] if links else []
        kind = draw(st.sampled_from(kinds))
        amends = None
        if kind in (Kind.AMEND, Kind.RETRACT, Kind.UNLINK):
            amends = draw(st.sampled_from(links if kind is Kind.UNLINK else targets))
        fields = {**draw(_FIELDS), **draw(_STATES)}
        if kind is Kind.AMEND and draw(st.booleans()):
            fields["keeps_content"] = True
        linked = LinkedRecord(OTHER if chain == RECORD else RECORD)
        record.add(
            kind,
            None if draw(st.integers(0, 9)) == 0 else header(**fields),
            author=draw(_AUTHORS),
            amends=amends,
            chain=chain,
            linked=linked if kind in (Kind.LINK, Kind.UNLINK) else None,
        )
    return record


_TIMES = st.integers(-1, 400)
_VIEWERS = st.sampled_from(Viewer)


@settings(deadline=None)
@given(records(), _TIMES, _VIEWERS)
def test_what_came_later_does_not_count(record: Record, at: int, viewer: Viewer) -> None:
    until = [one for one in record.entries if one.received_ms <= at]
    shown = timeline(RECORD, record.entries, Registry(), viewer, at)
    assert shown == timeline(RECORD, until, Registry(), viewer, at)


@settings(deadline=None)
@given(records(), _TIMES, _VIEWERS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_count(
    record: Record, at: int, viewer: Viewer, chance: random.Random
) -> None:
    mixed = [*record.entries, *record.entries[:3]]
    chance.shuffle(mixed)
    shown = timeline(RECORD, record.entries, Registry(), viewer, at)
    assert shown == timeline(RECORD, mixed, Registry(), viewer, at)


@settings(deadline=None)
@given(records(), _TIMES, _VIEWERS)
def test_every_entry_exists_exactly_once(record: Record, at: int, viewer: Viewer) -> None:
    shown = timeline(RECORD, record.entries, Registry(), viewer, at)
    wanted = [
        one.index for one in record.entries if one.received_ms <= at and one.chain in shown.records
    ]
    assert indexes(shown.items) == wanted
    of_record = [i for i in wanted if record.entries[i].chain == RECORD]
    assert of_record == [
        one.index for one in record.entries if one.chain == RECORD and one.received_ms <= at
    ]


@settings(deadline=None)
@given(records(), _TIMES)
def test_the_person_sees_no_more_than_the_institution(record: Record, at: int) -> None:
    mine = timeline(RECORD, record.entries, Registry(), Viewer.PERSON, at)
    theirs = timeline(RECORD, record.entries, Registry(), Viewer.INSTITUTION, at)
    assert mine.records == theirs.records
    for one, other in zip(mine.items, theirs.items, strict=True):
        assert one.positions == other.positions
        if not isinstance(one, Document) or not isinstance(other, Document):
            continue
        for version, full in zip(one.versions, other.versions, strict=True):
            assert version.header in (None, full.header)
            assert version.machine == full.machine
            assert (version.header is None) == (version.hidden is not None)
            if full.hidden is not None:
                assert version.hidden is full.hidden is Hidden.ERASED


@settings(deadline=None)
@given(records(), _TIMES, _VIEWERS, st.data())
def test_a_line_of_logs_shows_what_one_log_shows(
    record: Record, at: int, viewer: Viewer, data: st.DataObject
) -> None:
    size = len(record.entries)
    cuts = data.draw(st.lists(st.integers(0, size), max_size=3))
    begins = (*sorted(cuts, reverse=True), 0)
    contested = data.draw(st.dictionaries(_AUTHORS, st.integers(0, size)))
    line = as_a_line(record.entries, begins)
    data.draw(st.randoms(use_true_random=False)).shuffle(line)
    shown = timeline(RECORD, line, Registry(contested, begins), viewer, at)
    wanted = timeline(RECORD, record.entries, Registry(contested), viewer, at)
    assert in_one_log(shown, begins) == wanted
