"""The vault's journal: hash-chained lines; a break is seen, a torn end is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.errors import BadRequest, LedgerFault
from ledger.vault.journal import Journal, first_break


@contextmanager
def _journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def path(place: Path) -> Path:
    return place / "releases.log"


def _write(path: Path, count: int) -> list[bytes]:
    with _journal(path) as journal:
        for number in range(count):
            journal.add({"entry": number, "use": "test"})
    return path.read_bytes().splitlines(keepends=True)


def test_lines_are_chained_over_openings(path: Path) -> None:
    assert first_break(path) is None
    _write(path, 3)
    lines = _write(path, 2)
    assert len(lines) == 5
    assert first_break(path) is None
    assert json.loads(lines[0])["prev"] == "0" * 64
    assert list(json.loads(lines[4])) == ["prev", "ms", "entry", "use", "sum"]


def test_empty_journal(path: Path) -> None:
    _write(path, 0)
    assert path.read_bytes() == b""
    assert first_break(path) is None


@pytest.mark.parametrize("number", range(6))
def test_changed_line_is_seen(path: Path, number: int) -> None:
    """The newest too, by its own sum."""
    lines = _write(path, 6)
    changed = lines[number].replace(b'"entry":', b'"entry":1')
    path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
    assert first_break(path) == number + 1


def test_line_written_anew_is_seen_by_the_next(path: Path) -> None:
    """Somebody who knows the format makes the sum fit."""
    lines = _write(path, 3)
    row = json.loads(lines[1])
    del row["sum"]
    row["entry"] = 99
    body = json.dumps(row, separators=(",", ":"))
    digest = sha256(body.encode()).hexdigest()[:16]
    lines[1] = f'{body[:-1]},"sum":"{digest}"}}\n'.encode()
    path.write_bytes(b"".join(lines))
    assert first_break(path) == 3


@pytest.mark.parametrize("number", range(1, 5))
def test_removed_line_is_seen(path: Path, number: int) -> None:
    lines = _write(path, 6)
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    assert first_break(path) == number + 1


def test_removed_first_line_is_seen(path: Path) -> None:
    lines = _write(path, 3)
    path.write_bytes(b"".join(lines[1:]))
    assert first_break(path) == 1


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{}\n", b"null\n", b"\xff\n", b'{"prev":1}\n', b'{"prev":'],
)
def test_line_that_is_none_is_seen(path: Path, line: bytes) -> None:
    lines = _write(path, 2)
    path.write_bytes(b"".join([*lines, line]))
    assert first_break(path) == 3


@pytest.mark.parametrize("torn", [b"{", b'{"prev":"00', b"\0" * 3000, b"\xff" * 4000])
def test_torn_last_line_is_cut_and_the_chain_goes_on(path: Path, torn: bytes) -> None:
    lines = _write(path, 40)
    path.write_bytes(b"".join(lines) + torn)
    again = _write(path, 2)
    assert again[:40] == lines
    assert len(again) == 42
    assert first_break(path) is None


def test_more_than_a_line_without_an_end_is_no_torn_line(path: Path) -> None:
    lines = _write(path, 40)
    path.write_bytes(b"".join(lines) + b"\xff" * 5000)
    with pytest.raises(LedgerFault, match="damaged at its end"):
        Journal(path)
    assert path.stat().st_size == len(b"".join(lines)) + 5000


def test_torn_first_line_is_cut(path: Path) -> None:
    path.write_bytes(b'{"prev":"00')
    assert len(_write(path, 1)) == 1
    assert first_break(path) is None


def test_long_line_keeps_the_chain(path: Path) -> None:
    """A purpose of any length: opening again must find the line before, however long it is."""
    with _journal(path) as journal:
        journal.add({"entry": 1, "use": "x" * 3000})
        journal.add({"entry": 1, "use": "x" * 3900})
    _write(path, 1)
    assert first_break(path) is None


def test_line_that_opening_could_not_read_back_is_not_written(path: Path) -> None:
    with _journal(path) as journal:
        with pytest.raises(BadRequest, match="too long"):
            journal.add({"entry": 1, "use": "x" * 5000})
        journal.add({"entry": 1, "use": "x"})
    _write(path, 1)
    assert first_break(path) is None


def test_many_threads(path: Path) -> None:
    with _journal(path) as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal.add({"entry": number}), range(200)))
    assert first_break(path) is None
    entries = [json.loads(line)["entry"] for line in path.read_bytes().splitlines()]
    assert sorted(entries) == list(range(200))


def test_line_that_was_not_written_leaves_no_gap(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with _journal(path) as journal:
        journal.add({"entry": 1})
        with monkeypatch.context() as patch:
            patch.setattr("ledger.vault.journal.os.fdatasync", full)
            with pytest.raises(OSError, match="No space"):
                journal.add({"entry": 2})
        journal.add({"entry": 3})
    assert first_break(path) is None
    assert [json.loads(line)["entry"] for line in path.read_bytes().splitlines()] == [1, 3]
