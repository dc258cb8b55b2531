"""Tail files: appended, read, rewound, dropped and erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import LedgerFault
from ledger.store.files import wipe
from ledger.store.tails import ERASED, TAIL_ROW, TailFiles, tail_name
from ledger.wire import epoch

PAIRS = [(index, bytes([index + 1]) * 16) for index in (0, 2, 2, 9, 15, 16, 30, 47)]


@pytest.fixture(autouse=True)
def stretches_of_16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch, "STRETCH", 16)


@pytest.fixture
def tails(tmp_path: Path) -> TailFiles:
    tails = TailFiles(tmp_path)
    tails.write(PAIRS)
    return tails


def rows(tails: TailFiles) -> list[tuple[int, bytes]]:
    return [row for tail in sorted(tails.rows.items()) for row in tails.read(*tail)]


def test_rows_come_back_in_order(tails: TailFiles, tmp_path: Path) -> None:
    assert tails.rows == {0: 5, 16: 2, 32: 1}
    assert rows(tails) == PAIRS
    tails.write([(47, b"z" * 16)])
    assert rows(tails) == [*PAIRS, (47, b"z" * 16)]
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {tail_name(0): 160, tail_name(16): 64, tail_name(32): 64}


def test_the_next_writer_cuts_off_what_no_commit_names(tails: TailFiles, tmp_path: Path) -> None:
    again = TailFiles(tmp_path)
    again.begin_writing({0: 3, 16: 2})
    assert rows(again) == PAIRS[:3] + PAIRS[5:7]
    assert (tmp_path / tail_name(0)).stat().st_size == 3 * TAIL_ROW.size


def test_rewinding_removes_the_files_of_an_aborted_commit(tails: TailFiles, tmp_path: Path) -> None:
    tails.rewind({0: 4})
    assert [path.name for path in tmp_path.iterdir()] == [tail_name(0)]
    assert rows(tails) == PAIRS[:4]


def test_a_short_or_missing_file_is_refused(tails: TailFiles, tmp_path: Path) -> None:
    for action in (lambda: tails.read(0, 6), lambda: TailFiles(tmp_path).begin_writing({0: 6})):
        with pytest.raises(LedgerFault, match="shorter than the log says"):
            action()
    with pytest.raises(LedgerFault, match="cannot be read"):
        tails.read(48, 1)


@pytest.mark.parametrize("at", range(32))
def test_every_byte_of_a_row_counts(tails: TailFiles, tmp_path: Path, at: int) -> None:
    path = tmp_path / tail_name(16)
    data = bytearray(path.read_bytes())
    data[32 + at] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerFault, match="row 1 is damaged"):
        tails.read(16, 2)


def test_dropped_files_are_zeros_before_they_go(
    tails: TailFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bytes] = {}
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        seen[path.name] = path.read_bytes()
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    tails.drop(32)
    assert seen == {tail_name(0): bytes(160), tail_name(16): bytes(64)}
    assert rows(tails) == PAIRS[7:]
    wipe(tmp_path / "not there")


def test_erased_tags_leave_no_byte(tails: TailFiles, tmp_path: Path) -> None:
    for _ in range(2):
        tails.erase({2, 30, 31})
        assert rows(tails) == [(index, ERASED if index in (2, 30) else tag) for index, tag in PAIRS]
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert bytes([3]) * 16 not in data and bytes([31]) * 16 not in data
    assert bytes([10]) * 16 in data
