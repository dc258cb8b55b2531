"""The environment: growth, snapshots, limits, and whose fault an error is. And the tables' rows."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerFault
from ledger.store.environment import CommitFailed, Environment, StorageFull, Writer
from ledger.store.payloads import Place
from ledger.store.store import split_piece
from ledger.store.tables import NAMES, RunName, RunRow, State


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    env = Environment(tmp_path, writable=True)
    yield env
    env.close()


def fill(writer: Writer, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        writer.put("entries", number.to_bytes(8, "big"), bytes(1000))


def rows(env: Environment, table: str = "entries") -> list[bytes]:
    with env.reading() as reader:
        return [key for key, _ in reader.scan(table)]


def test_the_file_grows_as_needed(env: Environment) -> None:
    for start in range(0, 3000, 500):
        env.write(partial(fill, count=500, start=start))
    assert len(rows(env)) == 3000
    assert 3_000_000 < env.used_bytes < 30_000_000


def test_the_map_has_a_limit(tmp_path: Path) -> None:
    env = Environment(tmp_path, writable=True, map_limit=600_000)
    env.write(lambda writer: fill(writer, 100))
    with pytest.raises(StorageFull, match="reached its limit"):
        env.write(lambda writer: fill(writer, 3000, 100))
    assert len(rows(env)) == 100
    env.write(lambda writer: fill(writer, 10, 100))
    env.close()
    again = Environment(tmp_path, writable=True)
    again.write(lambda writer: fill(writer, 3000, 110))
    assert len(rows(again)) == 3110
    again.close()


def test_a_writer_waits_for_no_reader(env: Environment) -> None:
    env.write(lambda writer: fill(writer, 10))
    with env.reading() as reader:
        env.write(lambda writer: fill(writer, 3000, 10))
        assert sum(1 for _ in reader.scan("entries")) == 10
    assert len(rows(env)) == 3010


def test_a_snapshot_stays_as_it_was(env: Environment) -> None:
    env.write(lambda writer: fill(writer, 10))
    with env.reading() as reader:
        env.write(lambda writer: fill(writer, 10, 10))
        assert reader.count("entries") == 10
    assert len(rows(env)) == 20


def test_what_a_thread_pins_is_one_snapshot_for_it_alone(env: Environment) -> None:
    env.write(lambda writer: fill(writer, 1))
    others: list[int] = []
    with env.pinned():
        env.write(lambda writer: fill(writer, 1, 1))
        assert len(rows(env)) == 1
        thread = threading.Thread(target=lambda: others.append(len(rows(env))))
        thread.start()
        thread.join()
    assert others == [2]
    assert len(rows(env)) == 2


def test_an_error_in_the_work_aborts_it(env: Environment) -> None:
    def work(writer: Writer) -> None:
        fill(writer, 5)
        raise KeyError("ours")

    with pytest.raises(KeyError):
        env.write(work)
    assert rows(env) == []
    env.write(lambda writer: fill(writer, 5))


def test_lmdb_refusing_a_row_is_told_as_nothing_written(env: Environment) -> None:
    with pytest.raises(StorageFull, match="LMDB refuses to write"):
        env.write(lambda writer: writer.put("entries", b"k" * 600, b""))
    with pytest.raises(LedgerFault, match="LMDB cannot read"), env.reading() as reader:
        reader.get("entries", b"")


class FailingCommit:
    """A transaction whose commit reports an error."""

    def __init__(self, txn: Any, error: lmdb.Error) -> None:
        self._txn = txn
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._txn, name)

    def commit(self) -> None:
        self._txn.abort()
        raise self._error


class FailingEnv:
    """An environment whose next commits report errors."""

    def __init__(self, env: Any, errors: list[lmdb.Error]) -> None:
        self._env = env
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def begin(self, **how: Any) -> Any:
        txn = self._env.begin(**how)
        return FailingCommit(txn, self._errors.pop()) if how and self._errors else txn


def test_a_failed_commit_is_told_apart(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "_env", FailingEnv(env._env, [lmdb.DiskError("input/output error")]))
    with pytest.raises(CommitFailed, match="the commit failed"):
        env.write(lambda writer: fill(writer, 1))


def test_a_commit_that_finds_the_map_full_has_written_nothing(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env, "_env", FailingEnv(env._env, [lmdb.MapFullError("full")]))
    with pytest.raises(StorageFull, match="limit"):
        env.write(lambda writer: fill(writer, 1))
    env.write(lambda writer: fill(writer, 1))
    assert len(rows(env)) == 1


def test_rows_at_or_before_a_key(env: Environment) -> None:
    keys = [b"b", b"d", b"f"]
    for key in keys:
        env.write(partial(Writer.put, table="meta", key=key, value=key * 2))
    with env.reading() as reader:
        expected = {b"a": None, b"b": b"b", b"c": b"b", b"d": b"d", b"e": b"d", b"f": b"f"}
        for key, found in (expected | {b"g": b"f"}).items():
            row = reader.at_or_before("meta", key)
            assert row == (None if found is None else (found, found * 2))
        assert reader.last("meta") == (b"f", b"ff")
        assert reader.at_or_before("tails", b"a") is None
        assert reader.last("tails") is None
        assert [key for key, _ in reader.scan("meta", b"c", b"f")] == [b"d"]


def test_new_rows_and_removed_ones(env: Environment) -> None:
    first = [(bytes([number]), b"x") for number in range(10)]
    assert env.write(lambda writer: writer.put_new("ids", first))
    assert not env.write(lambda writer: writer.put_new("ids", [(b"\x05", b"y")]))
    env.write(lambda writer: writer.delete_below("ids", b"\x05", limit=2))
    assert rows(env, "ids") == [bytes([number]) for number in range(2, 10)]
    env.write(lambda writer: writer.delete_below("ids", b"\x05", limit=None))
    env.write(lambda writer: writer.delete("ids", b"\x07"))
    env.write(lambda writer: writer.delete("ids", b"\x07"))
    assert rows(env, "ids") == [b"\x05", b"\x06", b"\x08", b"\x09"]
    env.write(lambda writer: writer.delete_below("ids", b"\xff", limit=None))
    assert rows(env, "ids") == []
    env.write(lambda writer: writer.delete_below("ids", b"\xff", limit=None))


def test_a_file_that_is_not_lmdbs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(os.urandom(8192))
    with pytest.raises(LedgerFault, match="LMDB cannot open"):
        Environment(tmp_path, writable=True)


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerFault, match="LMDB cannot open"):
        Environment(tmp_path, writable=False)
    assert not (tmp_path / "data.mdb").exists()


def test_every_table_is_there(env: Environment) -> None:
    assert len(set(NAMES)) == len(NAMES)
    for name in NAMES:
        assert rows(env, name) == []


U64 = st.integers(0, 2**64 - 1)


@given(U64, U64, st.integers(0, 2**32 - 1), U64)
@settings(deadline=None)
def test_a_state_row_is_read_as_written(size: int, time: int, segment: int, offset: int) -> None:
    state = State(size, time, Place(segment, offset))
    assert State.decode(state.encode()) == state


@pytest.mark.parametrize(
    "damage", [lambda row: row[:-1], lambda row: row + b"\0", lambda row: b"x" + row[1:]]
)
def test_a_damaged_state_row_is_refused(damage: Any) -> None:
    with pytest.raises(LedgerFault, match="state row"):
        State.decode(damage(State(1, 2, Place(3, 4)).encode()))


@given(st.sampled_from(RunName), U64, U64, U64, st.binary(min_size=32, max_size=32))
@settings(deadline=None)
def test_a_run_row_is_read_as_written(
    name: RunName, start: int, stop: int, count: int, digest: bytes
) -> None:
    row = RunRow(name, start, stop, count, digest)
    assert RunRow.decode(row.key(), row.value()) == row


def test_a_damaged_run_row_is_refused() -> None:
    row = RunRow(RunName.TAGS, 0, 8, 3, bytes(32))
    for key, value in (
        (row.key()[:-1], row.value()),
        (row.key(), row.value() + b"\0"),
        (b"\x07" + row.key()[1:], row.value()),
    ):
        with pytest.raises(LedgerFault, match="table runs"):
            RunRow.decode(key, value)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
@settings(deadline=None)
def test_a_piece_is_divided_into_its_leaves(leaves: list[bytes]) -> None:
    piece = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    assert split_piece(piece, 0) == leaves


@pytest.mark.parametrize("piece", [b"\0", b"\0\0", b"\0\x02x", b"\0\x01x\0\x05y", b"\0\x01x\xff"])
def test_a_damaged_piece_is_refused(piece: bytes) -> None:
    with pytest.raises(LedgerFault, match="piece of leaf 7"):
        split_piece(piece, 7)
