"""Views, case by case: stages, kinds, sharing, versions, retractions, joined records."""

from __future__ import annotations

from itertools import product

import pytest

from ledger.record.contents import LinkedIdentifier, LinkedRecord
from ledger.record.header import RecordKind, Source, State
from ledger.record.model import Document, Event, Hidden, Stage, Timeline, Version, Viewer
from ledger.record.views import timeline
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Position
from tests.record.makers import (
    APP,
    CLINIC,
    DEVICE,
    DOCTOR,
    GATEWAY,
    GUARDIAN,
    NOBODY,
    OTHER,
    PERSON,
    RECORD,
    THIRD,
    Record,
    Registry,
    header,
    indexes,
)

QUALIFIED = {CLINIC, DOCTOR}
EVERYBODY = [CLINIC, DOCTOR, GATEWAY, PERSON, DEVICE, APP, GUARDIAN, NOBODY]


def seen(
    record: Record,
    viewer: Viewer = Viewer.PERSON,
    as_of_ms: int | None = None,
    registry: Registry | None = None,
) -> Timeline:
    at = record.end_ms if as_of_ms is None else as_of_ms
    return timeline(RECORD, record.entries, registry or Registry(), viewer, at)


def documents(shown: Timeline) -> list[Document]:
    return [item for item in shown.items if isinstance(item, Document)]


def version(shown: Timeline, index: int) -> Version:
    return next(
        one for item in documents(shown) for one in item.versions if one.signed.position.at == index
    )


def stage(record: Record, index: int, at: int | None = None) -> Stage:
    return version(seen(record, Viewer.INSTITUTION, at), index).stage


@pytest.mark.parametrize(
    ("state", "kind", "shared", "viewer"),
    list(product([None, *State], [None, *RecordKind], [None, False, True], Viewer)),
)
def test_what_each_sees_of_a_document_by_an_organisation(
    state: State | None, kind: RecordKind | None, shared: bool | None, viewer: Viewer
) -> None:
    record = Record()
    at = record.record(state=state, kind=kind, shared=shared, reason="why")
    found = version(seen(record, viewer), at)
    if viewer is Viewer.INSTITUTION:
        wanted = None
    elif kind in (RecordKind.DELIBERATION, RecordKind.COMMUNICATION) and shared is not True:
        wanted = Hidden.NOT_SHARED
    elif state is State.UNAPPROVED:
        wanted = Hidden.PREPARING
    else:
        wanted = None
    assert found.hidden is wanted
    assert (found.header is None) == (wanted is not None)
    if wanted is None:
        assert (found.kind, found.source) == (kind or RecordKind.HEALTH, Source.CLINICAL)
    else:
        assert (found.kind, found.source, found.authored_ms) == (None, None, None)


@pytest.mark.parametrize("author", EVERYBODY)
@pytest.mark.parametrize("behalf", [None, DOCTOR, PERSON])
@pytest.mark.parametrize("way", ["appended so", "approved later"])
def test_whose_approval_counts(author: ActorId, behalf: ActorId | None, way: str) -> None:
    record = Record()
    if way == "appended so":
        at = record.record(author, state=State.APPROVED, on_behalf_of=behalf)
    else:
        at = record.record(state=State.UNAPPROVED)
        record.change(at, author, state=State.APPROVED, on_behalf_of=behalf)
    counts = author in QUALIFIED or (author == GATEWAY and behalf == DOCTOR)
    found = version(seen(record), at)
    assert found.stage is (Stage.APPROVED if counts else Stage.UNAPPROVED)
    assert (found.hidden is None) == counts
    if way == "approved later":
        assert [change.counts for change in found.changes] == [counts]
        assert found.approved_ms == (record.end_ms - record.step if counts else None)


def test_time_approves_for_the_institution_and_not_for_the_person() -> None:
    record = Record()
    record.record()
    at = record.record(state=State.UNAPPROVED, approve_after_ms=100)
    assert stage(record, at, 109) is Stage.UNAPPROVED
    assert stage(record, at, 110) is Stage.AUTOMATIC
    assert version(seen(record, as_of_ms=10_000), at).hidden is Hidden.PREPARING
    assert version(seen(record, as_of_ms=10_000), at).approve_at_ms is None
    record.change(at, DOCTOR, state=State.APPROVED)
    assert stage(record, at, 10_000) is Stage.APPROVED
    assert version(seen(record), at).hidden is None


def test_an_approval_of_an_approval_is_one_of_the_document() -> None:
    record = Record()
    at = record.record(state=State.UNAPPROVED)
    sharing = record.change(at, shared=True)
    record.change(sharing, DOCTOR, state=State.APPROVED)
    assert stage(record, at) is Stage.APPROVED


def test_an_amendment_of_a_document_to_be_approved_is_not_approved_by_silence() -> None:
    record = Record()
    first = record.record(state=State.APPROVED)
    second = record.amend(first, reason="unit")
    shown = seen(record)
    assert version(shown, first).hidden is None
    assert version(shown, second).hidden is Hidden.PREPARING
    assert version(shown, second).header is None
    assert stage(record, second) is Stage.UNAPPROVED


def test_versions_stand_newest_first_and_drafts_are_named_as_such() -> None:
    record = Record()
    first = record.record(state=State.UNAPPROVED, machine="scribe")
    second = record.amend(first, state=State.UNAPPROVED, reason="day")
    third = record.amend(second, state=State.APPROVED, reason="name")
    (document,) = documents(seen(record))
    assert [one.signed.position.at for one in document.versions] == [third, second, first]
    assert [one.amends for one in document.versions] == [Position(second), Position(first), None]
    assert [one.hidden for one in document.versions] == [None, Hidden.DRAFT, Hidden.DRAFT]
    # A machine's hand is marked even where nothing else is shown.
    assert [one.machine for one in document.versions] == [None, None, "scribe"]
    (document,) = documents(seen(record, Viewer.INSTITUTION))
    assert [one.header.reason for one in document.versions if one.header] == ["name", "day", None]


def test_two_amendments_of_one_version_are_both_shown() -> None:
    record = Record()
    first = record.record()
    one, two = record.amend(first, reason="a"), record.amend(first, author=DOCTOR, reason="b")
    (document,) = documents(seen(record))
    assert [v.signed.position.at for v in document.versions] == [two, one, first]


@pytest.mark.parametrize("sharer", EVERYBODY)
def test_sharing_is_for_the_author_and_the_qualified(sharer: ActorId) -> None:
    record = Record()
    at = record.record(GUARDIAN, kind=RecordKind.DELIBERATION)
    record.change(at, sharer, shared=True)
    shared = version(seen(record), at).hidden is None
    assert shared == (sharer in QUALIFIED | {GUARDIAN})
    if shared:
        record.change(at, sharer, shared=False)
        assert version(seen(record), at).hidden is Hidden.NOT_SHARED


def test_a_retraction_is_shown_with_its_reason_and_a_later_version_undoes_it() -> None:
    record = Record()
    first = record.record()
    gone = record.retract(first, reason="entered twice")
    (document,) = documents(seen(record))
    assert document.retracted is not None
    assert document.retracted.reason == "entered twice"
    assert document.retracted.signed.position.at == gone
    assert document.versions[0].hidden is None
    record.change(first, state=State.APPROVED)
    assert documents(seen(record))[0].retracted is not None
    record.amend(first, reason="right after all")
    (document,) = documents(seen(record))
    assert document.retracted is None
    assert [one.stands for one in document.retractions] == [False]


def test_a_reason_does_not_tell_what_is_not_shown() -> None:
    record = Record()
    at = record.record(kind=RecordKind.DELIBERATION, reason="secret")
    record.change(at, reason="secret", labels=("secret",))
    record.retract(at, reason="secret")
    assert "secret" not in repr(seen(record))
    assert "secret" in repr(seen(record, Viewer.INSTITUTION))


@pytest.mark.parametrize("readable", [True, False])
def test_what_was_moved_away_is_not_shown_to_the_wrong_person(readable: bool) -> None:
    record = Record()
    at = record.record(reason="secret")
    opened = header(moved_away=True, reason="secret") if readable else None
    record.add(Kind.RETRACT, opened, amends=at)
    shown = seen(record)
    assert version(shown, at).hidden is Hidden.MOVED_AWAY
    assert "secret" not in repr(shown)
    assert version(seen(record, Viewer.INSTITUTION), at).hidden is None


@pytest.mark.parametrize("viewer", Viewer)
def test_what_cannot_be_opened_is_marked_and_stays(viewer: Viewer) -> None:
    record = Record()
    erased = record.add(Kind.RECORD, None)
    wrong = record.add(Kind.RECORD, None, malformed=True)
    shown = seen(record, viewer)
    assert version(shown, erased).hidden is Hidden.ERASED
    assert version(shown, wrong).hidden is Hidden.MALFORMED
    assert version(shown, erased).stage is Stage.UNKNOWN


@pytest.mark.parametrize("viewer", Viewer)
def test_a_key_in_doubt_is_marked_and_approves_nothing(viewer: Viewer) -> None:
    record = Record()
    before = record.record(DOCTOR)
    draft = record.record(CLINIC, state=State.UNAPPROVED)
    record.change(draft, DOCTOR, state=State.APPROVED)
    thought = record.record(DOCTOR, kind=RecordKind.DELIBERATION, shared=True)
    shown = seen(record, viewer, registry=Registry({DOCTOR: 1}))
    assert not version(shown, before).signed.contested
    assert version(shown, thought).signed.contested
    assert version(shown, draft).stage is Stage.UNAPPROVED
    (change,) = version(shown, draft).changes
    assert (change.signed.contested, change.counts) == (True, False)
    if viewer is Viewer.PERSON:
        assert version(shown, thought).hidden is Hidden.NOT_SHARED


@pytest.mark.parametrize(
    ("author", "behalf", "said", "source"),
    [
        (CLINIC, None, None, Source.CLINICAL),
        (PERSON, None, None, Source.PERSON),
        (GUARDIAN, None, None, Source.PERSON),
        (DEVICE, None, None, Source.DEVICE),
        (APP, None, None, Source.DEVICE),
        (APP, PERSON, None, Source.PERSON),
        (CLINIC, None, Source.DEVICE, Source.DEVICE),
        (PERSON, None, Source.CLINICAL, Source.CLINICAL),
    ],
)
def test_sources(
    author: ActorId, behalf: ActorId | None, said: Source | None, source: Source
) -> None:
    record = Record()
    at = record.record(author, on_behalf_of=behalf, source=said)
    found = version(seen(record), at)
    assert found.source is source
    clinical = source is Source.CLINICAL
    assert found.kind is (RecordKind.HEALTH if clinical else RecordKind.PERSON_OBTAINED)


def test_an_ended_link_does_not_tell_the_person_whose_number_it_was() -> None:
    record = Record()
    linked = LinkedIdentifier("urn:x", "secret")
    at = record.add(Kind.LINK, header(), linked=linked)
    assert "secret" in repr(seen(record))
    record.add(Kind.UNLINK, header(reason="wrong"), amends=at, linked=linked)
    shown = seen(record)
    assert "secret" not in repr(shown)
    assert [item.ended for item in shown.items if isinstance(item, Event)] == [True, False]
    assert "secret" in repr(seen(record, Viewer.INSTITUTION))


def joining(record: Record, here: ChainId, there: ChainId) -> int:
    return record.add(Kind.LINK, header(), chain=here, linked=LinkedRecord(there))


def test_joined_records_are_one_timeline() -> None:
    record = Record()
    for chain in (RECORD, OTHER, THIRD):
        record.add(Kind.RECORD, header(), chain=chain)
    assert seen(record).records == (RECORD,)
    link = joining(record, RECORD, OTHER)
    assert seen(record).records == (RECORD,)
    back = joining(record, OTHER, RECORD)
    assert seen(record).records == (RECORD, OTHER)
    assert indexes(seen(record).items) == [0, 1, link, back]
    joining(record, THIRD, OTHER)
    joining(record, OTHER, THIRD)
    assert seen(record).records == (RECORD, OTHER, THIRD)
    before = record.end_ms - record.step
    record.add(Kind.UNLINK, header(), amends=back, chain=OTHER, linked=LinkedRecord(RECORD))
    assert seen(record).records == (RECORD,)
    assert seen(record, as_of_ms=before).records == (RECORD, OTHER, THIRD)


def test_an_amendment_of_what_is_not_here_is_a_document_of_its_own() -> None:
    record = Record()
    at = record.record(state=State.UNAPPROVED)
    amended = record.amend(at)
    retracted = record.retract(amended)
    shown = timeline(RECORD, record.entries[1:], Registry(), Viewer.PERSON, record.end_ms)
    assert indexes(shown.items) == [amended, retracted]
    shown = timeline(RECORD, record.entries[2:], Registry(), Viewer.PERSON, record.end_ms)
    assert indexes(shown.items) == [retracted]
