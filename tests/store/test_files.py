"""Files, payload segments and the guard: whole or absent, cut off, or refused."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerFault
from ledger.store import files, guard, payloads
from ledger.store.guard import Guard, renew
from ledger.store.lock import WriterLock
from ledger.store.payloads import PayloadFiles, Place

SLOT = 4096


def test_what_is_made_is_the_owners_alone(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    files.make_directory(tmp_path / "d")
    files.write_new(tmp_path / "d" / "f", b"x")
    os.close(files.open_random(tmp_path / "d" / "r"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "d").iterdir()}
    assert modes == {"f": 0o600, "r": 0o600}
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


def test_a_file_that_cannot_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(OSError, match="no space"):
        files.write_new(tmp_path / "f", b"x")
    assert list(tmp_path.iterdir()) == []


def test_write_new_refuses_a_file_that_exists(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"


def test_replace_leaves_the_new_file_alone(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        files.replace(tmp_path / "f", data)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [data]


def test_write_all_goes_on_after_short_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = files.open_random(tmp_path / "f")
    real = os.pwrite
    monkeypatch.setattr("ledger.store.files.os.pwrite", lambda h, data, at: real(h, data[:3], at))
    files.write_all(handle, b"0123456789", 2)
    os.close(handle)
    assert (tmp_path / "f").read_bytes() == b"\0\x000123456789"


def test_the_writer_lock_is_held_by_one(tmp_path: Path) -> None:
    first = WriterLock(tmp_path / "lock")
    with pytest.raises(LedgerFault, match="another process"):
        WriterLock(tmp_path / "lock")
    first.release()
    WriterLock(tmp_path / "lock").release()


@pytest.fixture
def segments(tmp_path: Path) -> PayloadFiles:
    segments = PayloadFiles(tmp_path, Place(0, 0))
    segments.begin_writing()
    return segments


def test_payloads_are_read_where_they_were_written(segments: PayloadFiles) -> None:
    places = []
    for blobs in ([b"abc", b"", b"de"], [], [b"f"]):
        places.append(segments.next_place())
        segments.write(blobs)
    assert places == [Place(0, 0), Place(0, 5), Place(0, 5)]
    assert segments.read(Place(0, 0), 3) == b"abc"
    assert segments.read(Place(0, 3), 3) == b"def"
    with pytest.raises(LedgerFault, match="ends inside a payload"):
        segments.read(Place(0, 3), 4)
    with pytest.raises(LedgerFault, match="cannot be read"):
        segments.read(Place(7, 0), 1)
    segments.close()
    segments.close()


def test_a_full_segment_is_followed_by_another(
    tmp_path: Path, segments: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "SEGMENT_SIZE", 10)
    segments.write([b"0123456789ab"])  # a piece is never divided
    assert segments.next_place() == Place(1, 0)
    segments.write([b"c"])
    assert segments.end == Place(1, 1)
    segments.rewind(Place(0, 12))
    assert segments.end == Place(0, 12)
    assert [path.name for path in tmp_path.iterdir()] == ["00000000.seg"]
    assert segments.next_place() == Place(1, 0)
    segments.close()


def test_a_writer_cuts_off_what_no_commit_names(tmp_path: Path, segments: PayloadFiles) -> None:
    segments.write([b"kept", b"tail"])
    segments.close()
    (tmp_path / "00000001.seg").write_bytes(b"next")
    again = PayloadFiles(tmp_path, Place(0, 4))
    assert again.read(Place(0, 4), 4) == b"tail"  # not before it is asked to
    again.begin_writing()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"kept"]
    again.close()


def test_a_segment_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "00000000.seg").write_bytes(b"abc")
    segments = PayloadFiles(tmp_path, Place(0, 4))
    with pytest.raises(LedgerFault, match="shorter than the log says"):
        segments.begin_writing()
    assert (tmp_path / "00000000.seg").read_bytes() == b"abc"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Guard.create(tmp_path / "guard", b"checkpoint 1")
    return tmp_path / "guard"


def read(path: Path) -> bytes:
    opened = Guard(path)
    opened.close()
    return opened.checkpoint


def advanced(path: Path, *checkpoints: bytes) -> None:
    opened = Guard(path)
    for checkpoint in checkpoints:
        opened.advance(checkpoint)
    opened.close()


def test_the_guard_gives_back_the_newest_checkpoint(path: Path) -> None:
    assert read(path) == b"checkpoint 1"
    for number in range(2, 8):
        advanced(path, b"checkpoint %d" % number)
        assert read(path) == b"checkpoint %d" % number
    assert path.stat().st_size == 2 * SLOT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("newest", [4, 5])
@given(cut=st.integers(0, SLOT - 1))
@settings(deadline=None)
def test_a_torn_write_leaves_the_checkpoint_before(
    newest: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("guard") / "guard"
    Guard.create(path, b"checkpoint 1")
    advanced(path, *(b"checkpoint %d" % number for number in range(2, newest)))
    before = path.read_bytes()
    advanced(path, b"checkpoint %d" % newest)
    after = path.read_bytes()
    changed = 0 if before[:SLOT] != after[:SLOT] else SLOT
    torn = bytearray(after)
    torn[changed + cut : changed + SLOT] = before[changed + cut : changed + SLOT]
    path.write_bytes(torn)
    whole = bytes(torn) == after
    assert read(path) == b"checkpoint %d" % (newest if whole else newest - 1)
    advanced(path, b"next")
    assert read(path) == b"next"


@pytest.mark.parametrize("damage", [b"", b"x", bytes(2 * SLOT), b"\xff" * 2 * SLOT])
def test_a_guard_without_a_good_slot_is_refused(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    with pytest.raises(LedgerFault, match="both slots"):
        Guard(path)


def test_a_missing_guard_is_refused_and_can_be_renewed(path: Path) -> None:
    path.unlink()
    with pytest.raises(LedgerFault, match="cannot be opened"):
        Guard(path)
    renew(path, b"again")
    assert read(path) == b"again"
    renew(path, b"once more")
    assert read(path) == b"once more"


def test_a_guard_is_not_made_over_another(path: Path) -> None:
    with pytest.raises(FileExistsError):
        Guard.create(path, b"other")
    assert read(path) == b"checkpoint 1"


def test_a_checkpoint_that_does_not_fit_is_refused(path: Path) -> None:
    opened = Guard(path)
    with pytest.raises(LedgerFault, match="does not fit"):
        opened.advance(bytes(SLOT))
    opened.advance(bytes(guard._ROOM))
    opened.close()
    assert read(path) == bytes(guard._ROOM)
