"""A log takes over from another one: who must agree, to what, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ledger.errors import BadEvidence, BadRequest
from ledger.identity.requests import approve
from ledger.log import Log
from ledger.reader import open_reader
from ledger.succeeding import (
    draft_succession,
)
from tests.log.governed import Governed, governor_of, make_governed, new_key, registered
from tests.log.lines import SECOND, THIRD, own_governor, problems, take_over
from tests.log.sample import ORIGIN, Sample, entry_with, memory_directory, placed
from tests.log.taking import Taking


@pytest.fixture
def governed() -> Iterator[Governed]:
    with memory_directory() as place:
        yield make_governed(place)


# One governor


def test_one_governor_takes_over(sample: Sample) -> None:
    key = own_governor(sample.directory)
    new = take_over(sample.directory, sample.directory.with_name("new"), SECOND, [key])
    with Log.open(new) as log:
        registry = log.reader.registry
        assert registry.genesis.origin == SECOND
        assert registry.log != sample.log_id
        assert registry.first_log == sample.log_id
        assert [one.kid for one in registry.governors] == [key.kid]
        assert set(registry.actors) == {sample.clinic.id, sample.hospital.id, sample.leaver.id}
        log.enrol("", "organisation", [registered(new_key())], by=log.governor_with(key))
    assert problems(new) == []
    assert problems(sample.directory) == []


def test_the_old_log_takes_no_more_entries(sample: Sample) -> None:
    take_over(
        sample.directory,
        sample.directory.with_name("new"),
        SECOND,
        [own_governor(sample.directory)],
    )
    with pytest.raises(BadRequest, match=f"takes no more entries: {SECOND} took over"):
        Log.open(sample.directory)
    open_reader(sample.directory).close()


def test_it_is_taken_over_once(sample: Sample) -> None:
    key = own_governor(sample.directory)
    take_over(sample.directory, sample.directory.with_name("new"), SECOND, [key])
    with pytest.raises(BadRequest, match="takes no more entries"):
        take_over(sample.directory, sample.directory.with_name("rival"), THIRD, [key])


def test_only_a_published_end_is_taken_over(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    with pytest.raises(BadRequest, match="newest entries are not published"):
        draft_succession(sample.directory, sample.directory.with_name("draft"), SECOND)
    assert not sample.directory.with_name("draft").exists()


def test_no_origin_of_the_line_again(sample: Sample) -> None:
    key = own_governor(sample.directory)
    with pytest.raises(BadRequest, match="origin is already used"):
        Taking(sample.directory, (key,), origin=ORIGIN)
    new = take_over(sample.directory, sample.directory.with_name("second"), SECOND, [key])
    for origin in (ORIGIN, SECOND):
        with pytest.raises(BadRequest, match="origin is already used"):
            draft_succession(new, new.with_name("x"), origin)


@pytest.mark.parametrize("renew_hash", [False, True])
def test_renewed_hash(sample: Sample, renew_hash: bool) -> None:
    key = own_governor(sample.directory)
    new = sample.directory.with_name("new")
    take_over(sample.directory, new, SECOND, [key], renew_hash=renew_hash)
    with Log.open(new) as log:
        assert (b"renewal" in log.reader.store.leaf(0)) is renew_hash
    assert problems(new) == []


# Three governors, two must agree


@pytest.fixture
def taking(governed: Governed) -> Taking:
    return Taking(governed.directory, governed.keys)


def test_two_of_three_agree(governed: Governed, taking: Taking) -> None:
    first, second, third = governed.keys
    files = [approve(taking.asked.old, key) for key in (third, first)]
    taking.finish(first, [*files, approve(taking.asked.new, second)])
    assert not taking.draft.exists()
    with Log.open(taking.new) as log:
        assert log.reader.registry.governors == governed.governors
        by = log.governor_with(second)
        log.enrol("", "organisation", [registered(new_key())], by=by, approvers=[third])
    assert problems(taking.new) == []


def test_approval_files_may_come_twice_and_for_both(governed: Governed, taking: Taking) -> None:
    files = [
        approve(asked, key)
        for key in governed.keys
        for asked in (taking.asked.old, taking.asked.new)
        if (asked, key) != (taking.asked.new, governed.keys[0])
    ]
    taking.finish(governed.keys[0], files * 2)
    assert problems(taking.new) == []


def test_missing_approvals(governed: Governed, taking: Taking) -> None:
    first, second, third = governed.keys
    old, new = taking.asked.old, taking.asked.new
    mine, theirs = approve(old, first), approve(new, second)
    taking.refused(first, [], "0 governors of the old log approve, 2 are needed")
    taking.refused(first, [mine, theirs], "1 governors of the old log approve, 2 are needed")
    taking.refused(first, [mine, mine, theirs], "1 governors of the old log approve")
    taking.refused(first, [mine, approve(old, second)], "0 governors approve, 1 to 2 are needed")
    taking.refused(
        second, [mine, approve(old, second), theirs], "not the key of the first new governor"
    )
    taking.finish(first, [mine, approve(old, third), theirs])


def test_foreign_approvals(governed: Governed, taking: Taking) -> None:
    first, second, third = governed.keys
    old, new, stranger = taking.asked.old, taking.asked.new, new_key()
    good = [approve(old, first), approve(old, second), approve(new, second)]
    not_governor = "not that of another governor"
    taking.refused(first, [*good[1:], approve(old, stranger)], not_governor)
    taking.refused(first, [*good, approve(old, stranger)], not_governor)
    taking.refused(first, [*good, approve(new, stranger)], not_governor)
    # The founder signs the first leaf, and so approves nothing beside it.
    taking.refused(first, [*good[:2], approve(new, first)], not_governor)
    row = json.loads(approve(old, third))
    row["approval"] = row["approval"][:-2] + f"{int(row['approval'][-2:], 16) ^ 1:02x}"
    error = taking.refused(first, [*good, json.dumps(row).encode()], "approval of governor")
    assert isinstance(error, BadEvidence)


def test_approval_of_the_other_proposal(governed: Governed, taking: Taking) -> None:
    """The same change, another place: what one quorum signed counts nothing in the other."""
    first, second, third = governed.keys
    old, new = taking.asked.old, taking.asked.new
    assert old.act.change == new.act.change
    files = [approve(new, second), approve(new, third)]
    taking.refused(first, files, "0 governors of the old log approve")
    row = json.loads(approve(new, second))
    renamed = json.dumps(row | {"act": old.digest.hex()}).encode()
    error = taking.refused(first, [approve(old, first), renamed], "approval of governor")
    assert isinstance(error, BadEvidence)


def test_approval_of_another_draft(governed: Governed, taking: Taking) -> None:
    """Drafted twice under one name: other keys, so another change."""
    first, second, _ = governed.keys
    other = draft_succession(governed.directory, taking.draft.with_name("other"), SECOND)
    files = [approve(other.old, key) for key in governed.keys]
    taking.refused(first, [*files, approve(other.new, second)], "for neither proposal")
    renamed = [
        json.dumps(json.loads(one) | {"act": taking.asked.old.digest.hex()}).encode()
        for one in files
    ]
    taking.refused(first, renamed, "approval of governor")


@pytest.mark.parametrize("published", [True, False])
def test_draft_is_stale_when_the_old_log_grew(
    governed: Governed, taking: Taking, published: bool
) -> None:
    first, second, third = governed.keys
    files = [approve(taking.asked.old, key) for key in governed.keys]
    files.append(approve(taking.asked.new, third))
    with Log.open(governed.directory) as log:
        by = log.governor_with(first)
        log.enrol("", "organisation", [registered(new_key())], by=by, approvers=[second])
        if published:
            log.publish()
    taking.refused(first, files, "predecessor's size")


def test_other_governors_at_the_end(governed: Governed) -> None:
    """Those who governed when it began approve nothing any more."""
    first, second, third = governed.keys
    heirs = tuple(new_key() for _ in range(3))
    with Log.open(governed.directory) as log:
        row = tuple(governor_of(key) for key in heirs)
        log.govern(row, approvers=[second, third], by=log.governor_with(first))
        log.publish()
    taking = Taking(governed.directory, heirs)
    old, new = taking.asked.old, taking.asked.new
    welcome = approve(new, heirs[1])
    before = [approve(old, key) for key in (first, second)]
    taking.refused(heirs[0], [*before, welcome], "not that of another governor")
    taking.finish(heirs[0], [approve(old, heirs[0]), approve(old, heirs[2]), welcome])
    assert problems(taking.new) == []


@pytest.mark.parametrize("count", [1, 2, 4])
def test_new_governors(governed: Governed, count: int) -> None:
    """One stays, others come; the former ones have nothing to say in the new log."""
    coming = [new_key() for _ in range(count - 1)]
    row = (governed.governors[2], *(governor_of(key) for key in coming))
    taking = Taking(governed.directory, governed.keys, row)
    files = [approve(taking.asked.old, key) for key in governed.keys[:2]]
    files += [approve(taking.asked.new, key) for key in coming]
    founder = governed.keys[2]
    if coming:
        taking.refused(founder, files[:2], "0 governors approve")
        taking.refused(
            founder,
            [*files[:2], approve(taking.asked.new, governed.keys[0])],
            "not that of another governor",
        )
    taking.finish(founder, files)
    with Log.open(taking.new) as log:
        assert log.reader.registry.governors == row
        with pytest.raises(BadRequest, match="not that of a governor now"):
            log.governor_with(governed.keys[0])
    assert problems(taking.new) == []
