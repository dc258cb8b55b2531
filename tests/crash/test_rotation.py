"""kill -9 at every point of a rotation and of a new master key: no key is lost or left over."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from ledger.log import Log
from ledger.vault.journal import first_break
from ledger.vault.opening import open_vault
from tests.crash.checking import check_log
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import Record, Workload, record_path


@pytest.fixture
def grown(ledger: Path) -> Path:
    with Log.open(ledger) as log:
        workload = Workload(log, Record(record_path(ledger)), 3)
        workload.open_records()
        while log.reader.checkpoint.size < 60:
            workload.batch()
        log.vault.destroy([5, 40], "test")
    return ledger


def keys_of(log: Log) -> list[bytes | None]:
    return [log.vault.keys.load(index) for index in range(log.reader.checkpoint.size)]


@pytest.mark.parametrize("job", ["rotate", "renew_master"])
def test_killed_at_each_point(children: ForkServer, grown: Path, place: Path, job: str) -> None:
    with Log.open(grown) as log:
        keys, tag = keys_of(log), log.vault.tag(b"probe")
    pristine = place / "pristine"
    shutil.copytree(grown, pristine)
    periods = []
    for passed in range(1, 200):
        shutil.rmtree(grown)
        shutil.copytree(pristine, grown)
        status = children.run(f"tests.crash.appending:{job}", directory=str(grown), passed=passed)
        with Log.open(grown) as log:
            number = log.vault.secrets.period.number
            assert keys_of(log) == keys
            assert log.vault.tag(b"probe") == tag
            assert first_break(log.layout.releases) is None
            vault = log.layout.vault
        assert [path.name for path in vault.keys.iterdir()] == [f"{number:08d}"]
        assert not vault.next_master.exists()
        assert vault.periods.read_bytes().count(b"cfperiod") == 1
        open_vault(vault)
        periods.append(number)
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert len(periods) > 12
    # Once it counts, it counts.
    assert periods == sorted(periods)
    assert set(periods) == ({1, 2} if job == "rotate" else {1})


def test_what_was_destroyed_stays_destroyed_and_the_rest_is_whole(grown: Path) -> None:
    with Log.open(grown) as log:
        before = keys_of(log)
        assert log.vault.new_period() == 2
        assert log.vault.new_period() == 3
        assert keys_of(log) == before
        assert before[5] is None and before[40] is None
    with Log.open(grown) as log:
        assert keys_of(log) == before


def test_a_ledger_goes_on_in_a_new_period(grown: Path) -> None:
    with Log.open(grown) as log:
        log.vault.new_period()
        Workload(log, Record(record_path(grown)), 4).step()
        size = log.reader.checkpoint.size
        keys = keys_of(log)
    with Log.open(grown) as log:
        assert log.reader.checkpoint.size == size
        assert keys_of(log) == keys


def test_an_undisturbed_check_after_rotation(ledger: Path) -> None:
    with Log.open(ledger) as log:
        workload = Workload(log, Record(record_path(ledger)), 5)
        workload.open_records()
        workload.batch()
        log.vault.new_period()
    check_log(ledger)
