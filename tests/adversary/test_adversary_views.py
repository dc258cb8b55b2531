"""What comes after a move, and what a move carries: nothing of it may show or approve more."""

from __future__ import annotations

import pytest

from ledger.record.header import State
from ledger.record.model import Document, Hidden, Stage, Timeline, Version, Viewer
from ledger.record.views import timeline
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, Hash
from tests.record.makers import APP, CLINIC, DOCTOR, GATEWAY, RECORD, Record, Registry, header

FROM = Hash(bytes([8] * 32))


def seen(record: Record, viewer: Viewer = Viewer.PERSON) -> Timeline:
    return timeline(RECORD, record.entries, Registry(), viewer, record.end_ms)


def version(shown: Timeline, index: int) -> Version:
    (found,) = (
        one
        for item in shown.items
        if isinstance(item, Document)
        for one in item.versions
        if one.signed.position.at == index
    )
    return found


@pytest.mark.parametrize("readable", [True, False])
def test_a_later_version_does_not_bring_back_what_was_moved_away(readable: bool) -> None:
    record = Record()
    theirs = record.record(reason="secret")
    opened = header(moved_away=True, reason="secret") if readable else None
    record.add(Kind.RETRACT, opened, amends=theirs)
    later = record.amend(theirs, APP)
    shown = seen(record)
    assert version(shown, theirs).hidden is Hidden.MOVED_AWAY
    assert version(shown, later).hidden is None
    assert "secret" not in repr(shown)
    assert version(seen(record, Viewer.INSTITUTION), theirs).hidden is None


def test_an_erased_change_does_not_bring_back_what_was_moved_away() -> None:
    """Without its header a change looks like a version."""
    record = Record()
    theirs = record.record(reason="secret")
    record.retract(theirs, moved_away=True)
    record.add(Kind.AMEND, None, amends=theirs)
    assert version(seen(record), theirs).hidden is Hidden.MOVED_AWAY


@pytest.mark.parametrize(
    ("first", "principal", "stage"),
    [
        (APP, None, Stage.UNAPPROVED),
        (GATEWAY, None, Stage.UNAPPROVED),
        (GATEWAY, APP, Stage.UNAPPROVED),
        (GATEWAY, DOCTOR, Stage.APPROVED),
        (DOCTOR, None, Stage.APPROVED),
    ],
)
def test_a_move_approves_nothing_that_was_not_approved(
    first: ActorId, principal: ActorId | None, stage: Stage
) -> None:
    moved = {"moved_from": FROM, "first_author": first, "on_behalf_of": principal}
    record = Record()
    whole = record.record(CLINIC, state=State.APPROVED, **moved)
    draft = record.record(CLINIC, state=State.UNAPPROVED)
    record.change(draft, CLINIC, state=State.APPROVED, **moved)
    shown = seen(record, Viewer.INSTITUTION)
    assert [version(shown, at).stage for at in (whole, draft)] == [stage, stage]
    hidden = None if stage is Stage.APPROVED else Hidden.PREPARING
    assert version(seen(record), whole).hidden is hidden


def test_who_moves_is_not_qualified_by_whom_it_names() -> None:
    record = Record()
    at = record.record(APP, state=State.APPROVED, moved_from=FROM, first_author=DOCTOR)
    assert version(seen(record), at).hidden is Hidden.PREPARING
