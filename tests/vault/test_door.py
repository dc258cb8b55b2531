"""The door: content leaves only against an access entry that fits, and only once for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault
from ledger.founding import found
from ledger.large import Stream
from ledger.log import Log
from ledger.store.payloads import PayloadFiles, Place
from ledger.vault import door
from ledger.vault.door import ENTRIES_FIELD
from ledger.vault.journal import first_break
from ledger.vault.keys import NO_KEY
from ledger.wire import cbor
from ledger.wire.checkpoint import Checkpoint, sign_provisional
from ledger.wire.claim import Kind
from ledger.wire.ids import Hash, Position, TreeSize
from ledger.wire.note import Ed25519Signer
from ledger.wire.receipt import Receipt
from tests.log.sample import ORIGIN, STRANGER_KEY, Sample, entry_with, placed


def _access(log: Log, sample: Sample, *indexes: int, chain: bytes | None = None) -> Receipt:
    """Append an access entry that names the entries, and take its receipt."""
    named: list[cbor.Value] = [_hash(log, index) for index in indexes]
    draft = Draft(
        sample.record if chain is None else chain,  # type: ignore[arg-type]
        b"",
        kind=Kind.ACCESS,
        header={ENTRIES_FIELD: named},
    )
    index = placed(log.append([sample.hospital.entry(draft)])[0]).index
    return log.reader.receipt(index)


def _hash(log: Log, index: int) -> Hash:
    return Hash(sha256(b"\0" + log.reader.store.leaf(index)).digest())


def _lines(log: Log) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.layout.releases.read_bytes().splitlines()]


def test_release_against_an_access_that_names_the_entry(log: Log, sample: Sample) -> None:
    access = _access(log, sample, 6)
    released = log.vault.release(6, access)
    assert released.content == sample.content
    assert released.media_type == "application/fhir+json"
    (line,) = _lines(log)
    assert (line["entry"], line["access"]) == (6, access.index)
    assert "use" not in line
    assert sample.content not in log.layout.releases.read_bytes()


def test_one_access_releases_each_of_its_entries_once(log: Log, sample: Sample) -> None:
    more = placed(log.append([entry_with(sample.clinic, sample.record)])[0]).index
    access = _access(log, sample, 6, more, 4)
    for index in (4, more, 6):
        log.vault.release(index, access)
    before = log.layout.releases.read_bytes()
    for index in (4, more, 6):
        with pytest.raises(BadRequest, match="was used already") as caught:
            log.vault.release(index, access)
        assert caught.value.hint == "append a new one for a new release"
    assert log.layout.releases.read_bytes() == before
    log.vault.release(6, _access(log, sample, 6))


def test_access_is_good_under_a_later_checkpoint_too(log: Log, sample: Sample) -> None:
    access = _access(log, sample, 6)
    placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"")] * 300)))
    log.vault.release(6, log.reader.receipt(access.index, log.publish()))


def test_member_of_a_batch_is_released_and_releases(log: Log, sample: Sample) -> None:
    batch = placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"one")])))
    header: dict[str, cbor.Value] = {ENTRIES_FIELD: [_hash(log, batch.index + 1)]}
    draft = Draft(sample.record, b"", kind=Kind.ACCESS, header=header)
    access = placed(log.append_batch(sample.hospital.batch([draft, draft])))
    receipt = log.reader.receipt(access.index + 2)
    assert log.vault.release(batch.index + 1, receipt).content == b"one"


Spoil = Callable[[Log, Sample], tuple[int, Receipt | None]]


def _no_access(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    return 6, None


def _not_named(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    return 6, _access(log, sample, 4)


def _names_nothing(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    return 6, _access(log, sample)


def _names_no_list(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    header: dict[str, cbor.Value] = {ENTRIES_FIELD: _hash(log, 6).hex()}
    draft = Draft(sample.record, b"", kind=Kind.ACCESS, header=header)
    index = placed(log.append([sample.hospital.entry(draft)])[0]).index
    return 6, log.reader.receipt(index)


def _other_record(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    return 6, _access(log, sample, 6, chain=sample.other)


def _no_access_entry(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    header: dict[str, cbor.Value] = {ENTRIES_FIELD: [_hash(log, 6)]}
    draft = Draft(sample.record, b"", header=header)
    index = placed(log.append([sample.clinic.entry(draft)])[0]).index
    return 6, log.reader.receipt(index)


def _older(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    """The access entry stands before the entry, which cannot have been meant."""
    entry = sample.clinic.entry(Draft(sample.record, b"{}"))
    access = _access(log, sample, 6)
    return placed(log.append([entry])[0]).index, access


def _used_before_opening(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    return 6, log.reader.receipt(7)


def _forged_checkpoint(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    """The right name and tree, signed by somebody else."""
    receipt = _access(log, sample, 6)
    signer = Ed25519Signer(ORIGIN, STRANGER_KEY)
    return 6, replace(receipt, checkpoint=sign_provisional(log.reader.checkpoint, signer))


def _changed_checkpoint(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    receipt = _access(log, sample, 6)
    size = log.reader.checkpoint.size
    changed = receipt.checkpoint.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1))
    return 6, replace(receipt, checkpoint=changed)


def _changed_leaf(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    receipt = _access(log, sample, 6)
    return 6, replace(receipt, leaf=receipt.leaf[:-1] + bytes([receipt.leaf[-1] ^ 1]))


def _not_in_the_tree(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    """The leaf as it would be, before it was appended."""
    receipt = _access(log, sample, 6)
    again = bytearray(receipt.leaf)
    again[8] += 1
    return 6, replace(receipt, leaf=bytes(again))


def _other_index(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    receipt = _access(log, sample, 6)
    return 6, replace(receipt, index=type(receipt.index)(receipt.index - 1))


def _other_hashes(log: Log, sample: Sample) -> tuple[int, Receipt | None]:
    receipt = _access(log, sample, 6)
    return 6, replace(receipt, hashes=receipt.hashes[:-1])


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_no_access, BadRequest, "against an access entry only"),
        (_not_named, BadRequest, "does not name entry 6"),
        (_names_nothing, BadRequest, "does not name entry 6"),
        (_names_no_list, BadRequest, "does not name entry 6"),
        (_other_record, BadRequest, "not of an access to this record"),
        (_no_access_entry, BadRequest, "not of an access to this record"),
        (_older, BadRequest, "older than what it is to release"),
        (_used_before_opening, BadRequest, ""),
        (_forged_checkpoint, BadEvidence, "a signature of a known key"),
        (_changed_checkpoint, BadEvidence, ""),
        (_changed_leaf, BadEvidence, ""),
        (_not_in_the_tree, BadEvidence, ""),
        (_other_index, BadEvidence, ""),
        (_other_hashes, BadEvidence, ""),
    ],
)
def test_release_is_refused_and_nothing_is_written(
    log: Log, sample: Sample, spoil: Spoil, error: type[CounterfoilError], message: str
) -> None:
    index, receipt = spoil(log, sample)
    before = log.layout.releases.read_bytes()
    with pytest.raises(error) as caught:
        log.vault.release(index, receipt)
    assert message in str(caught.value)
    assert sample.content.decode() not in str(caught.value) + caught.value.hint
    assert log.layout.releases.read_bytes() == before


def test_receipt_of_another_log_with_the_same_name(
    log: Log, sample: Sample, tmp_path: Path
) -> None:
    found(tmp_path / "ledger", ORIGIN)
    with Log.open(tmp_path / "ledger") as other:
        receipt = other.reader.receipt(0)
    with pytest.raises(BadEvidence):
        log.vault.release(6, receipt)


def test_access_from_before_the_opening_takes_a_new_one(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        access = _access(log, sample, 6)
        log.vault.release(6, access)
        unused = _access(log, sample, 6)
    with Log.open(sample.directory) as log:
        for receipt in (access, unused):
            with pytest.raises(BadRequest, match="was used already"):
                log.vault.release(6, receipt)
        assert log.vault.release(6, _access(log, sample, 6)).content == sample.content
        assert first_break(log.layout.releases) is None


def test_forgetting_old_releases_never_lets_one_be_repeated(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of releases is bounded; what falls out of it counts as used."""
    monkeypatch.setattr(door, "_REMEMBERED", 6)
    indexes = [6, 4]
    accesses = [_access(log, sample, *indexes) for _ in range(9)]
    done = []
    for access in accesses:
        for index in indexes:
            log.vault.release(index, access)
            done.append((index, access))
            for index_before, access_before in done:
                with pytest.raises(BadRequest, match="was used already"):
                    log.vault.release(index_before, access_before)


def test_resource_of_a_directory_needs_no_access_entry(log: Log, sample: Sample) -> None:
    directory = sample.clinic.directory
    index = placed(log.append([sample.clinic.entry(Draft(directory, b"ward 3"))])[0]).index
    for _ in range(2):
        assert log.vault.release(index, None).content == b"ward 3"
    assert [line["entry"] for line in _lines(log)] == [index, index]


def test_name_of_an_actor_is_not_released_without_an_access(log: Log) -> None:
    with pytest.raises(BadRequest, match="against an access entry only"):
        log.vault.release(1, None)


def test_use_is_journalled_before_the_content(log: Log, sample: Sample) -> None:
    assert log.vault.use(6, "search index").content == sample.content
    assert log.vault.use(1, "names").header["name"] == "Clinic"
    assert [(line["entry"], line["use"]) for line in _lines(log)] == [
        (6, "search index"),
        (1, "names"),
    ]


def test_journal_that_cannot_be_written_keeps_the_content(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    access = _access(log, sample, 6)
    monkeypatch.setattr("ledger.vault.journal.os.fdatasync", full)
    with pytest.raises(OSError, match="No space left"):
        log.vault.use(6, "x")
    with pytest.raises(OSError, match="No space left"):
        log.vault.release(6, access)


def test_entry_without_content_says_so(log: Log) -> None:
    with pytest.raises(BadRequest, match="entry 0 has no content"):
        log.vault.use(0, "x")


@pytest.mark.parametrize("index", [-1, 10, 1 << 60])
def test_entry_that_is_not_there_is_the_callers_mistake(log: Log, index: int) -> None:
    with pytest.raises(BadRequest, match=f"there is no entry {index}"):
        log.vault.use(index, "x")
    with pytest.raises(BadRequest, match=f"there is no entry {index}"):
        log.vault.release(index, None)
    assert log.layout.releases.read_bytes() == b""


def test_destroyed_key_says_so(log: Log, sample: Sample) -> None:
    log.vault.keys.store(6, [NO_KEY])
    with pytest.raises(BadRequest, match="the key of entry 6 was destroyed") as caught:
        log.vault.use(6, "x")
    assert "gone for good" in caught.value.message
    with pytest.raises(BadRequest, match="was destroyed"):
        log.vault.release(6, _access(log, sample, 6))


def test_keys_destroyed_through_the_door_are_in_the_journal(log: Log, sample: Sample) -> None:
    log.vault.destroy([6, 1, 2, 6], "erasure 9")
    rows = [(line["entry"], line["count"], line["destroy"]) for line in _lines(log)]
    assert rows == [(1, 2, "erasure 9"), (6, 1, "erasure 9")]
    for index in (1, 2, 6):
        with pytest.raises(BadRequest, match="was destroyed"):
            log.vault.use(index, "x")
    assert log.vault.use(4, "x").header is not None


def test_wrong_key_says_what_to_restore(log: Log) -> None:
    log.vault.keys.store(6, [os.urandom(32)])
    with pytest.raises(LedgerFault, match="entry 6 cannot be opened: sealed blob") as caught:
        log.vault.use(6, "x")
    assert "key files" in caught.value.hint


def test_changed_payload_says_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    right = PayloadFiles.read

    def read(files: PayloadFiles, place: Place, size: int) -> bytes:
        data = right(files, place, size)
        return data[:-1] + bytes([data[-1] ^ 1])

    monkeypatch.setattr(PayloadFiles, "read", read)
    with pytest.raises(LedgerFault, match="payload 6 is not the one that its leaf names"):
        log.vault.use(6, "x")


def test_checkpoint_of_the_future_is_not_taken_without_its_leaf(log: Log, sample: Sample) -> None:
    """A receipt signed by the log's own key over a tree that does not hold the entry."""
    receipt = _access(log, sample, 6)
    keys = log._parts.keys
    forged = Checkpoint(ORIGIN, TreeSize(receipt.index + 9), Hash(b"\1" * 32))
    with pytest.raises(BadEvidence):
        log.vault.release(6, replace(receipt, checkpoint=sign_provisional(forged, keys.checkpoint)))


def test_several_are_released_with_one_line_of_the_journal(log: Log, sample: Sample) -> None:
    access = _access(log, sample, 4, 6)
    streams = list(log.vault.release_all([Position(6), Position(4)], access))
    (content,) = [b"".join(one.pieces) for one in streams[:1] if isinstance(one, Stream)]
    assert content == sample.content
    (line,) = _lines(log)
    assert (line["entries"], line["access"]) == ([6, 4], access.index)
    for again in (4, 6):
        with pytest.raises(BadRequest, match="was used already"):
            log.vault.release(again, access)


@pytest.mark.parametrize("places", [[], [6, 6], [6, 5], list(range(door.MOST + 1))])
def test_one_that_may_not_leave_keeps_all(log: Log, sample: Sample, places: list[int]) -> None:
    access = _access(log, sample, 4, 6)
    before = log.layout.releases.read_bytes()
    with pytest.raises(BadRequest):
        log.vault.release_all([Position(at) for at in places], access)
    assert log.layout.releases.read_bytes() == before
    assert log.vault.release(6, access).content == sample.content


def test_what_cannot_be_opened_is_there_as_its_error(log: Log, sample: Sample) -> None:
    good, bad = log.vault.use_all([Position(6), Position(0)], "search index")
    assert isinstance(good, Stream)
    assert isinstance(bad, BadRequest)
    assert [line["entries"] for line in _lines(log)] == [[6, 0]]
