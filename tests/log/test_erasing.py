"""Erasure, by looking for the bytes: in every file before, in none afterwards."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from ledger import erasing
from ledger.author import Draft
from ledger.check import check_ledger
from ledger.erasing import attestation, carry_out, find_orders, order_at, order_entries
from ledger.erasing import order_record as record_order
from ledger.errors import BadRequest, LedgerFault
from ledger.export import export_tiles
from ledger.log import Log
from ledger.vault.opening import open_vault
from ledger.vault.rotation import new_period
from ledger.wire.ids import ChainId, Position
from ledger.wire.manifest import MIN_CHUNK
from tests.log.sample import Sample, placed
from tests.small_runs import small_runs

WINDOW = 32


def files_of(directory: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


class Traces:
    """Bytes by which the content of one entry would be known again."""

    def __init__(self, log: Log, index: int, tag: bytes = b"") -> None:
        store = log.reader.store
        blob, key = store.payload(index), log.vault.keys.load(index)
        assert key is not None
        claim = log.reader.entry(index).leaf.claim
        self.windows = [blob[at : at + WINDOW] for at in (0, 40, len(blob) // 2, -WINDOW)]
        self.windows[-1] = blob[-WINDOW:]
        for number in range(store.large.count(claim.blob_hash)):
            chunk = store.large.read(claim.blob_hash, number)
            self.windows += [chunk[:WINDOW], chunk[-WINDOW:]]
        slots = next(iter(sorted(log.layout.vault.keys.rglob("*.keys")))).read_bytes()
        self.windows.append(slots[32 * index : 32 * index + 32])
        self.windows += [tag] if tag else []
        self.plain_key = key

    def found(self, directory: Path) -> list[bool]:
        data = files_of(directory)
        assert self.plain_key not in data
        return [window in data for window in self.windows]


def append(log: Log, sample: Sample, chain: ChainId, count: int) -> dict[int, bytes]:
    """Entries with a tag each; index -> tag."""
    drafts = [Draft(chain, os.urandom(200), tags=(os.urandom(16),)) for _ in range(count)]
    outcomes = log.append([sample.clinic.entry(draft) for draft in drafts])
    return {placed(one).index: draft.tags[0] for one, draft in zip(outcomes, drafts, strict=True)}


def append_large(log: Log, sample: Sample) -> int:
    draft, files = Draft(sample.record, b"", "a/b"), log.reader.store.large
    entry = sample.clinic.large(draft, io.BytesIO(os.urandom(5000)), files, chunk=MIN_CHUNK)
    return placed(log.append([entry])[0]).index


def order(log: Log, sample: Sample, entries: Collection[int] | None) -> erasing.Order:
    if entries is None:
        draft = record_order(log.reader, sample.record, "asked for")
    else:
        draft = order_entries(log.reader, [Position(one) for one in entries], "asked for")
    return order_at(log.reader.store, placed(log.append([sample.clinic.entry(draft)])[0]).index)


def attest(log: Log, sample: Sample, one: erasing.Order) -> None:
    placed(log.append([sample.clinic.entry(attestation(one))])[0])


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("count", [4, 60, 200])
def test_no_byte_of_what_is_erased_is_left(
    sample: Sample, place: Path, monkeypatch: pytest.MonkeyPatch, count: int, whole: bool
) -> None:
    """In the tail, in runs, and in merged runs."""
    small_runs(monkeypatch, 16, 4)
    with Log.open(sample.directory) as log:
        mine: dict[int, bytes] = {}
        others: dict[int, bytes] = {}
        while len(mine) < count:
            mine |= append(log, sample, sample.record, 5)
            others |= append(log, sample, sample.other, 2)
        large = append_large(log, sample)
        gone = {index: mine[index] for index in (mine if whole else sorted(mine)[::2])}
        traces = [Traces(log, index, tag) for index, tag in gone.items()]
        traces.append(Traces(log, large))
        stays = [Traces(log, index, tag) for index, tag in others.items()]
        before, root = log.reader.checkpoint.size, log.reader.checkpoint.root
        for one in (traces[0], traces[-2], traces[-1], stays[0]):
            assert all(one.found(sample.directory))
        ordered = order(log, sample, None if whole else {*gone, large})
        carry_out(log, ordered)
        attest(log, sample, ordered)
        data = files_of(sample.directory)
        assert not [w for one in traces for w in one.windows if w in data]
        assert all(w in data for one in stays for w in one.windows)
        for index, tag in gone.items():
            assert log.reader.tags.get(tag) is None
            with pytest.raises(BadRequest, match="gone for good"):
                log.vault.use(index, "test")
        assert log.vault.use(next(iter(others)), "test").content
        proof = log.reader.consistency(before, log.reader.checkpoint.size)
        assert proof and root
        log.publish()
    report = check_ledger(sample.directory)
    assert (report.problems, report.notes) == ([], [])
    with Log.open(sample.directory) as log:
        append(log, sample, sample.record, 3)
        for index, tag in others.items():
            assert log.reader.tags.get(tag) == index
    data = files_of(sample.directory)
    assert not [w for one in traces for w in one.windows if w in data]


def test_the_newest_content_may_be_erased(sample: Sample) -> None:
    """Opening looks at the newest payload that no order erases."""
    with Log.open(sample.directory) as log:
        newest = append(log, sample, sample.record, 3)
        carry_out(log, order(log, sample, None))
        (entry,) = append(log, sample, sample.other, 1)
        carry_out(log, order(log, sample, [entry]))
    with Log.open(sample.directory) as log:
        assert append(log, sample, sample.record, 1).keys().isdisjoint(newest)
    assert check_ledger(sample.directory).problems == []


class Stop(Exception):
    pass


STEPS = ("erase_tags", "destroy_payload", "wipe", "large", "vault")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_what_stops_half_way_is_found_and_finished(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    with Log.open(sample.directory) as log:
        mine = append(log, sample, sample.record, 5)
        large = append_large(log, sample)
        traces = [Traces(log, index, tag) for index, tag in mine.items()] + [Traces(log, large)]
        ordered = order(log, sample, {*mine, large})
        store = log.reader.store
        owner, name = {
            "erase_tags": (log, "erase_tags"),
            "destroy_payload": (store, "destroy_payload"),
            "wipe": (store.payloads, "wipe"),
            "large": (store.large, "destroy"),
            "vault": (log.vault, "destroy"),
        }[step]
        real = getattr(owner, name)

        def stop(*args: object) -> None:
            if after:
                real(*args)
            raise Stop

        with monkeypatch.context() as patch:
            patch.setattr(type(owner), name, lambda _, *args: stop(*args))
            with pytest.raises(Stop):
                carry_out(log, ordered)
    report = check_ledger(sample.directory)
    assert report.problems == []
    pending = not (step == "vault" and after)
    assert [one.where for one in report.notes] == [f"erasure {ordered.index}"] * pending
    with Log.open(sample.directory) as log:
        store = log.reader.store
        (found,) = find_orders(store, log.reader.checkpoint.size)
        assert erasing.is_pending(log.vault, found) == pending
        carry_out(log, found)
        assert not erasing.is_pending(log.vault, found)
    data = files_of(sample.directory)
    assert not [w for one in traces for w in one.windows if w in data]
    report = check_ledger(sample.directory)
    assert (report.problems, report.notes) == ([], [])


def test_erased_without_an_order_is_damage(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        index, *_ = append(log, sample, sample.record, 3)
        large = append_large(log, sample)
        append(log, sample, sample.record, 1)
        log.destroy([index, large], "no order")
    where = {one.where for one in check_ledger(sample.directory).problems}
    assert where == {f"payload {index}", f"payload {large}", f"large payload {large}", "tags"}


def test_attested_but_still_there_is_damage(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        index, *_ = append(log, sample, sample.record, 3)
        ordered = order(log, sample, [index])
        attest(log, sample, ordered)
    (problem,) = check_ledger(sample.directory).problems
    assert problem.where == f"erasure {ordered.index}"
    assert "attested" in problem.what


def test_a_later_entry_is_not_touched_by_an_order_about_a_record(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        ordered = order(log, sample, None)
        later = append(log, sample, sample.record, 2)
        carry_out(log, ordered)
        for index in later:
            assert log.vault.use(index, "test").content
        # The order's own reason is sealed beside it and stays.
        assert log.vault.use(ordered.index, "test").header["reason"] == "asked for"
    assert check_ledger(sample.directory).problems == []


def test_an_order_names_entries_of_one_record(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        (mine,) = append(log, sample, sample.record, 1)
        (other,) = append(log, sample, sample.other, 1)
        with pytest.raises(BadRequest, match="of one record"):
            order_entries(log.reader, [Position(mine), Position(other)], "x")
        with pytest.raises(BadRequest, match="only a person's record"):
            record_order(log.reader, log.reader.entry(1).leaf.claim.chain, "x")


def test_last_months_log_does_not_bring_it_back(sample: Sample, place: Path) -> None:
    """The log, payloads and tags of before, beside today's vault: ciphertext without its key."""
    backup = place / "backup"
    with Log.open(sample.directory) as log:
        index, *_ = append(log, sample, sample.record, 3)
        shutil.copytree(sample.directory, backup)
        carry_out(log, order(log, sample, [index]))
    shutil.rmtree(backup / "vault")
    shutil.copytree(sample.directory / "vault", backup / "vault")
    with pytest.raises(LedgerFault, match="old copy"):
        Log.open(backup)
    assert f"key {index}" in {one.where for one in check_ledger(backup).problems}


def test_the_export_is_as_before(sample: Sample, place: Path) -> None:
    """Full tiles and bundles of what stood before the order are the same bytes."""
    before, after = place / "before", place / "after"
    with Log.open(sample.directory) as log:
        append(log, sample, sample.record, 300)
        log.publish()
        export_tiles(log.reader, before, with_entries=True)
        carry_out(log, order(log, sample, None))
        log.publish()
        export_tiles(log.reader, after, with_entries=True)
    full = ("tile/0/000", "tile/entries/000")
    for name in full:
        assert (before / name).read_bytes() == (after / name).read_bytes()


def test_slots_of_a_destroyed_period_open_nothing(sample: Sample, place: Path) -> None:
    """Payload and slots of before come back, their period's key does not."""
    segment = sample.directory / "payloads" / "00000000.seg"
    with Log.open(sample.directory) as log:
        index, *_ = append(log, sample, sample.record, 3)
        blob = log.reader.store.payload(index)
        offset = segment.read_bytes().index(blob)
        shutil.copytree(log.layout.vault.keys, place / "slots")
        carry_out(log, order(log, sample, [index]))
        paths = log.layout.vault
        new_period(paths, open_vault(paths), log.vault.note)
    shutil.copytree(place / "slots", paths.keys, dirs_exist_ok=True)
    with open(segment, "r+b") as file:
        file.seek(offset)
        file.write(blob)
    report = check_ledger(sample.directory)
    assert report.problems == []
    assert report.notes[0].where.startswith("erasure ")
    with Log.open(sample.directory) as log:
        assert log.reader.store.payload(index) == blob
        with pytest.raises(BadRequest, match="gone for good"):
            log.vault.use(index, "test")
        carry_out(log, find_orders(log.reader.store, log.reader.checkpoint.size)[0])
    report = check_ledger(sample.directory)
    assert (report.problems, report.notes) == ([], [])


def test_many_orders_about_one_record_share_its_entries(sample: Sample) -> None:
    """Each entry is looked at for one of them, or reading a log would take its square."""
    with Log.open(sample.directory) as log:
        given = [order(log, sample, None) for _ in range(12)]
        named = order(log, sample, [given[0].entries[0]])
        attest(log, sample, given[7])
        found = find_orders(log.reader.store, log.reader.checkpoint.size)
    assert [one.index for one in found] == [*(one.index for one in given), named.index]
    record, last = found[:-1], found[-1]
    assert sorted(index for one in record for index in one.entries) == sorted(given[-1].entries)
    # Who attests the eighth has nothing left of what those before it name.
    assert [one.attested for one in record] == [True] * 8 + [False] * 4
    assert (last.entries, last.attested) == (named.entries, False)
