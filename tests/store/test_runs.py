"""Runs: every row is found again, merging keeps the newest, damage is noticed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerFault
from ledger.store import runs
from ledger.store.merge import Merger, merge
from ledger.store.run_form import RunForm
from ledger.store.runs import KEY, Run, merge_rows, write_run

ROW = RunForm(24)
PER_BLOCK = ROW.block_rows
BLOCK = PER_BLOCK * ROW.row_size
# Few distinct first bytes, so that keys share their fences and blocks.
KEYS = st.builds(
    lambda head, tail: bytes(head) + tail,
    st.lists(st.sampled_from([0, 1, 255]), min_size=8, max_size=8),
    st.binary(min_size=8, max_size=8),
)


def rows_of(content: dict[bytes, int]) -> list[bytes]:
    return [
        key + value.to_bytes(ROW.row_size - KEY, "big") for key, value in sorted(content.items())
    ]


def write(directory: Path, content: dict[bytes, int], name: str = "a.run") -> Run:
    count, digest = write_run(directory / name, rows_of(content), ROW)
    assert count == len(content)
    return Run(directory / name, ROW, count, digest)


def many(count: int, salt: bytes = b"") -> dict[bytes, int]:
    return {sha256(salt + bytes([n % 256, n // 256])).digest()[:KEY]: n for n in range(count)}


@given(st.dictionaries(KEYS, st.integers(0, 1000), max_size=400), st.lists(KEYS, max_size=20))
@settings(max_examples=40, deadline=None)
def test_find_tells_present_from_absent(content: dict[bytes, int], others: list[bytes]) -> None:
    with TemporaryDirectory() as directory:
        run = write(Path(directory), content)
        for row in rows_of(content):
            assert run.find(row[:KEY]) == row
        for key in others:
            if key not in content:
                assert run.find(key) is None
        assert list(run.scan()) == rows_of(content)


@pytest.mark.parametrize("count", [0, 1, PER_BLOCK - 1, PER_BLOCK, PER_BLOCK + 1, 5 * PER_BLOCK])
def test_sizes_around_a_block(tmp_path: Path, count: int) -> None:
    content = many(count)
    run = write(tmp_path, content)
    assert len(run) == count
    assert list(run.scan()) == rows_of(content)
    assert (tmp_path / "a.run").exists() == bool(count)
    for row in rows_of(content):
        assert run.find(row[:KEY]) == row
    assert run.find(bytes(KEY)) is None
    assert run.find(b"\xff" * KEY) is None


def test_a_key_inside_a_row_is_not_that_row(tmp_path: Path) -> None:
    key, other = b"\x01" * KEY, b"\x00" * 8 + b"\x01" * 8
    # The other row's tail and its value spell the key, 8 bytes into the row.
    count, digest = write_run(tmp_path / "a.run", [other + b"\x01" * 8], ROW)
    run = Run(tmp_path / "a.run", ROW, count, digest)
    assert run.find(key) is None
    assert run.find(other) == other + b"\x01" * 8


@given(
    st.lists(st.dictionaries(KEYS, st.integers(0, 1000), max_size=120), min_size=1, max_size=5),
    st.sampled_from([1, 7, 65_536]),
)
@settings(max_examples=40, deadline=None)
def test_a_merge_is_a_dict_of_the_newest_rows(
    contents: list[dict[bytes, int]], partition: int
) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_PARTITION_ROWS", partition)
        written = [write(Path(directory), one, f"{n}.run") for n, one in enumerate(contents)]
        newest: dict[bytes, int] = {}
        for one in contents:
            newest |= one
        assert list(merge_rows(written)) == rows_of(newest)


def test_the_merging_process_makes_the_same_file(tmp_path: Path) -> None:
    contents = [many(400, b"a"), many(300, b"b"), many(100, b"a")]
    inputs = []
    for number, content in enumerate(contents):
        count, digest = write_run(tmp_path / f"{number}.run", rows_of(content), ROW)
        inputs.append((tmp_path / f"{number}.run", count, digest))
    here = merge(
        [Run(path, ROW, rows, digest) for path, rows, digest in inputs], tmp_path / "here", ROW
    )
    merger = Merger()
    there = merger.merge(inputs, tmp_path / "there", ROW)
    assert there == here
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    with pytest.raises(LedgerFault, match="making the index failed"):
        merger.merge([(tmp_path / "no.run", 5, b"")], tmp_path / "x", ROW)
    assert merger.merge(inputs[:1], tmp_path / "y", ROW)[0] == 400
    merger.close()
    merger.close()


@pytest.mark.parametrize("at", [0, 100, BLOCK - 1, BLOCK + 5, -1, -12])
def test_damage_is_noticed(tmp_path: Path, at: int) -> None:
    content = many(2 * PER_BLOCK)
    count, digest = write_run(tmp_path / "a.run", rows_of(content), ROW)
    data = bytearray((tmp_path / "a.run").read_bytes())
    data[at] ^= 4
    (tmp_path / "a.run").write_bytes(data)
    with pytest.raises(LedgerFault, match=r"run a\.run: "):
        list(Run(tmp_path / "a.run", ROW, count, digest).scan())


@pytest.mark.parametrize("change", [-1, 1, -BLOCK])
def test_a_file_of_another_size_is_refused(tmp_path: Path, change: int) -> None:
    count, digest = write_run(tmp_path / "a.run", rows_of(many(PER_BLOCK * 2)), ROW)
    data = (tmp_path / "a.run").read_bytes()
    (tmp_path / "a.run").write_bytes(data[:change] if change < 0 else data + b"x")
    with pytest.raises(LedgerFault, match="bytes, not"):
        Run(tmp_path / "a.run", ROW, count, digest)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerFault, match="cannot be read"):
        Run(tmp_path / "a.run", ROW, 1, b"")
    (tmp_path / "a.run").touch()
    with pytest.raises(LedgerFault, match="cannot be read"):
        Run(tmp_path / "a.run", ROW, 1, b"")


def test_another_run_under_the_name_is_refused(tmp_path: Path) -> None:
    count, digest = write_run(tmp_path / "a.run", rows_of(many(10)), ROW)
    write_run(tmp_path / "a.run", rows_of(many(10, b"x")), ROW)
    with pytest.raises(LedgerFault, match="footer does not fit"):
        Run(tmp_path / "a.run", ROW, count, digest)
