"""Old copies, lost and foreign guards, what crashes leave lying about, and directories that are
no ledger: refused with a message, or cut off as a part of opening.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from ledger.errors import BadRequest, LedgerFault
from ledger.founding import found
from ledger.log import Log
from ledger.reader import open_reader
from ledger.store.guard import renew
from tests.crash.checking import check_log, damage, dump
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import ORIGIN, Record, Workload, make_ledger, record_path

SLOT = 4096


@pytest.fixture
def grown(ledger: Path) -> Path:
    """A ledger with some entries, closed."""
    grow(ledger)
    return ledger


def grow(ledger: Path, seed: int = 1) -> None:
    with Log.open(ledger) as log:
        workload = Workload(log, Record(record_path(ledger)), seed)
        workload.open_records()
        workload.group()


def guard_of(ledger: Path) -> Path:
    return ledger.with_name("ledger.guard")


def refused(ledger: Path, match: str) -> None:
    """Opening is refused, says so, and changes no file."""
    before = contents(ledger)
    with pytest.raises(LedgerFault, match=match) as raised:
        Log.open(ledger)
    assert raised.value.hint
    assert contents(ledger) == before


def contents(ledger: Path) -> dict[str, bytes]:
    files = [path for path in ledger.rglob("*") if path.is_file() and path.name != "lock.mdb"]
    if guard_of(ledger).exists():
        files.append(guard_of(ledger))
    return {str(path): path.read_bytes() for path in files}


def test_an_old_copy_is_refused(grown: Path) -> None:
    shutil.copytree(grown, grown.with_name("backup"))
    grow(grown, 2)
    shutil.rmtree(grown)
    grown.with_name("backup").rename(grown)
    refused(grown, "its guard has seen")
    assert any("guard" in problem for problem in damage(grown))
    assert open_reader(grown).store.state().size  # reading stays possible


def test_the_newest_copy_goes_on(grown: Path) -> None:
    backup = grown.with_name("backup")
    shutil.copytree(grown, backup)
    shutil.rmtree(grown)
    backup.rename(grown)
    grow(grown, 2)
    check_log(grown)


def test_an_lmdb_that_fell_back_is_refused(grown: Path) -> None:
    data = (grown / "log/data.mdb").read_bytes()
    grow(grown, 2)
    (grown / "log/data.mdb").write_bytes(data)
    refused(grown, "its guard has seen")


def test_a_copy_that_went_on_by_itself_is_refused(grown: Path, place: Path) -> None:
    """Two copies that were both appended to: the log would fork."""
    other = place / "other"
    other.mkdir()
    shutil.copytree(grown, other / "ledger")
    shutil.copy(guard_of(grown), other / "ledger.guard")
    shutil.copy(record_path(grown), record_path(other / "ledger"))
    grow(grown, 2)
    for seed in range(3, 6):
        grow(other / "ledger", seed)
    shutil.copy(guard_of(grown), other / "ledger.guard")
    refused(other / "ledger", "the guard knows another log")


def test_a_missing_guard_is_refused_until_it_is_renewed(grown: Path) -> None:
    guard_of(grown).unlink()
    refused(grown, r"guard file ledger\.guard cannot be opened")
    reader = open_reader(grown)
    note = reader.signed()
    reader.close()
    renew(guard_of(grown), note)
    check_log(grown)


def test_the_guard_of_another_ledger_is_refused(grown: Path, place: Path) -> None:
    found(place / "second", ORIGIN)
    (place / "second.guard").replace(guard_of(grown))
    refused(grown, "guard: ")
    found(place / "third", "example.org/third")
    (place / "third.guard").replace(guard_of(grown))
    refused(grown, "guard: ")


def test_a_guard_that_is_behind_advances(grown: Path) -> None:
    before = guard_of(grown).read_bytes()
    grow(grown, 2)
    after = guard_of(grown).read_bytes()
    guard_of(grown).write_bytes(before)
    check_log(grown)
    assert guard_of(grown).read_bytes() != after
    check_log(grown)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_slot_leaves_the_other(grown: Path, slot: int) -> None:
    data = bytearray(guard_of(grown).read_bytes())
    data[slot * SLOT + 100 : (slot + 1) * SLOT] = bytes(SLOT - 100)
    guard_of(grown).write_bytes(data)
    check_log(grown)


@pytest.mark.parametrize("data", [b"", bytes(2 * SLOT), b"\xff" * 2 * SLOT, b"short"])
def test_a_guard_without_a_good_slot_is_refused(grown: Path, data: bytes) -> None:
    guard_of(grown).write_bytes(data)
    refused(grown, "both slots of the guard are damaged")


def test_a_clock_set_back_appends_nothing(grown: Path) -> None:
    now = time.time_ns() // 1_000_000
    record = Record(record_path(grown))
    with Log.open(grown, clock=lambda: now - 3_600_000) as log:
        before = dump(log.reader.store, log.vault.keys)
        with pytest.raises(LedgerFault, match=r"clock is 3[56]"):
            Workload(log, record, 2).single()
        assert dump(log.reader.store, log.vault.keys) == before
    with Log.open(grown, clock=lambda: now - 20_000) as log:
        newest = log.reader.entry(log.reader.checkpoint.size - 1).leaf.received_ms
        Workload(log, record, 2).single()
        size = log.reader.checkpoint.size
        assert log.reader.entry(size - 1).leaf.received_ms == newest
    check_log(grown)


def test_a_second_writing_process_is_refused(grown: Path, children: ForkServer) -> None:
    with Log.open(grown):
        run = children.run("tests.crash.appending:refused", directory=str(grown))
    assert run == 0
    grow(grown, 2)


def test_a_second_writer_in_the_same_process_is_refused(grown: Path) -> None:
    with Log.open(grown), pytest.raises(LedgerFault, match="another process is writing"):
        Log.open(grown)


@pytest.mark.parametrize("make", ["missing", "empty", "file", "foreign"])
def test_what_is_no_ledger_is_refused(place: Path, make: str) -> None:
    path = place / "thing"
    if make == "file":
        path.write_text("hello")
    elif make != "missing":
        path.mkdir()
        if make == "foreign":
            (path / "notes.txt").write_text("hello")
    before = sorted(place.rglob("*"))
    for opening in (Log.open, open_reader):
        with pytest.raises(BadRequest, match="is not a ledger") as raised:
            opening(path)
        assert "init" in raised.value.hint
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": "counterfoil ledger 2", "origin": "o", "guard": "g"}',
        b'{"format": "counterfoil ledger 1", "origin": 1, "guard": "g"}',
        b'{"format": "counterfoil ledger 1", "origin": "o"}',
        b"\xff",
    ],
)
def test_a_damaged_description_is_refused(grown: Path, document: bytes) -> None:
    (grown / "ledger.json").write_bytes(document)
    with pytest.raises(LedgerFault, match=r"ledger\.json"):
        Log.open(grown)


def test_a_half_founded_store_is_refused(grown: Path) -> None:
    (grown / "log/data.mdb").unlink()
    refused_or_genesis = "holds no genesis|LMDB cannot open"
    with pytest.raises(LedgerFault, match=refused_or_genesis):
        Log.open(grown)


VAULT = [
    "vault/keys/00000001/00000000.keys",
    "vault/keys/00000001/period.json",
    "vault/periods",
    "vault/master.key",
]


@pytest.mark.parametrize("name", ["payloads/00000000.seg", *VAULT, "heads"])
def test_a_missing_file_is_refused(grown: Path, name: str) -> None:
    for seed in range(2, 6):
        grow(grown, seed)
    target = grown / name
    if target.is_dir():
        shutil.rmtree(target)
        target.mkdir()
    else:
        target.unlink()
    with pytest.raises(LedgerFault) as raised:
        Log.open(grown)
    assert raised.value.hint
    assert damage(grown)


def test_what_a_crash_leaves_is_cut_off(grown: Path) -> None:
    """Stray run files, a payload tail, a next segment, orphan keys, a torn journal line."""
    sizes = {path: path.stat().st_size for path in (grown / "payloads").iterdir()}
    (grown / "heads/000000999936-000001000000.run").write_bytes(b"x" * 5000)
    (grown / "tags/000000000000-000000000032.run.4711").write_bytes(b"")
    tails = {path: path.read_bytes() for path in (grown / "tags").glob("*.tail")}
    assert tails
    for path in tails:
        with open(path, "ab") as file:
            file.write(b"t" * 40)
    (grown / "tags/000000999936.tail").write_bytes(b"t" * 32)
    (grown / "payloads/00000001.seg").write_bytes(b"y" * 100)
    for path in sizes:
        with open(path, "ab") as file:
            file.write(b"tail" * 1000)
    with open(grown / "vault/keys/00000001/00000000.keys", "ab") as file:
        file.write(b"k" * 320)
    with open(grown / "vault/releases.log", "ab") as file:
        file.write(b'{"prev": "00')
    check_log(grown)
    assert {path: path.stat().st_size for path in (grown / "payloads").iterdir()} == sizes
    for path in (grown / "tags").glob("*.tail"):
        assert path.read_bytes() == tails[path]
    grow(grown, 2)
    check_log(grown)


def test_a_payload_segment_that_is_too_short_is_refused(grown: Path) -> None:
    (segment,) = (grown / "payloads").iterdir()
    os.truncate(segment, segment.stat().st_size - 1)
    refused(grown, "ends inside a payload")


def test_founding_that_is_killed_leaves_no_half_ledger(place: Path, children: ForkServer) -> None:
    """Dead at each point in turn: then there is no ledger, or one that opens."""
    passed = 0
    status = -signal.SIGKILL
    while status:
        passed += 1
        directory = place / f"try{passed}" / "ledger"
        directory.parent.mkdir()
        status = children.run(
            "tests.crash.appending:found", directory=str(directory), passed=passed
        )
        assert status in (0, -signal.SIGKILL)
        if directory.exists():
            with Log.open(directory) as log:
                assert log.reader.checkpoint.size >= 1
        else:
            guard_of(directory).unlink(missing_ok=True)
            found(directory, ORIGIN)
        shutil.rmtree(directory.parent)
    assert passed > 20


def test_founding_that_fails_leaves_nothing(place: Path) -> None:
    with pytest.raises(BadRequest, match="cannot make ledger"):
        found(place / "ledger", ORIGIN, guard=place / "no" / "such" / "guard")
    assert list(place.iterdir()) == []


def test_founding_where_something_is(place: Path) -> None:
    make_ledger(place / "ledger")
    before = contents(place / "ledger")
    with pytest.raises(BadRequest, match="not an empty directory"):
        found(place / "ledger", ORIGIN)
    shutil.move(place / "ledger", place / "moved")
    with pytest.raises(BadRequest, match=r"guard file ledger\.guard exists already"):
        found(place / "ledger", ORIGIN)
    shutil.move(place / "moved", place / "ledger")
    assert contents(place / "ledger") == before


def test_a_flipped_leaf_is_not_linked_to(place: Path) -> None:
    """A damaged leaf behind the last bundle must not become the head that the next entry names.

    The runs are of production's length: all leaves are replayed when the ledger is opened.
    """
    grown = place / "ledger"
    make_ledger(grown)
    with Log.open(grown) as log:
        workload = Workload(log, Record(record_path(grown)), 2)
        workload.open_records()
        while log.reader.checkpoint.size < 300:
            workload.batch()
        leaf = log.reader.store.leaf(2)
    data = bytearray((grown / "log/data.mdb").read_bytes())
    at = data.find(leaf)
    assert at >= 0
    while at >= 0:  # LMDB keeps older copies of the page too
        data[at + len(leaf) - 10] ^= 1
        at = data.find(leaf, at + 1)
    (grown / "log/data.mdb").write_bytes(data)
    with pytest.raises(LedgerFault, match="leaf 2 does not have its hash"):
        Log.open(grown)
    assert any(problem.startswith("leaf 2: ") for problem in damage(grown))


def test_a_guard_that_cannot_be_written_is_a_fault(
    grown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = guard_of(grown).read_bytes()
    grow(grown, 2)
    guard_of(grown).write_bytes(before)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ledger.store.guard.write_all", full)
        with pytest.raises(LedgerFault, match="cannot be opened for writing"):
            Log.open(grown)
    check_log(grown)
