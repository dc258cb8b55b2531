"""The memory of used assertions: durable, for one winner, without what is long over."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from api.address import ADDRESS
from api.auth.replay import FILE, KEPT_S, Used
from api.auth.state import AUTH
from ledger.errors import LedgerFault
from ledger.log import Log
from ledger.wire.ids import ActorId
from tests.api.logins import ask_token, assertion
from tests.api.running import Running
from tests.log.sample import memory_directory

ME, OTHER = ActorId(b"a" * 16), ActorId(b"b" * 16)
NOW = 1_800_000_000


def test_once_each(tmp_path: Path) -> None:
    with closing(Used(tmp_path / FILE)) as used:
        assert used.first(ME, "x", NOW + 300, NOW)
        assert not used.first(ME, "x", NOW + 300, NOW)
        assert not used.first(ME, "x", NOW + 999, NOW + 1)
        assert used.first(OTHER, "x", NOW + 300, NOW)
        assert used.first(ME, "X", NOW + 300, NOW)
        assert used.first(ME, "患者", NOW + 300, NOW)


def test_it_is_remembered_when_opened_again(tmp_path: Path) -> None:
    with closing(Used(tmp_path / FILE)) as used:
        assert used.first(ME, "x", NOW + 300, NOW)
    with closing(Used(tmp_path / FILE)) as used:
        assert not used.first(ME, "x", NOW + 300, NOW)


def test_what_is_over_is_forgotten_an_hour_later(tmp_path: Path) -> None:
    with closing(Used(tmp_path / FILE)) as used:
        for n in range(50):
            used.first(ME, str(n), NOW, NOW - 300)
        used.first(ME, "later", NOW + KEPT_S + 300, NOW + KEPT_S)
        assert len(used) == 51
        used.first(ME, "latest", NOW + KEPT_S + 301, NOW + KEPT_S + 1)
        assert len(used) == 2


def test_written_through_and_for_the_owner_only(tmp_path: Path) -> None:
    with closing(Used(tmp_path / FILE)) as used:
        used.first(ME, "x", NOW + 300, NOW)
        (level,) = used._db.execute("PRAGMA synchronous").fetchone()
        assert level == 2
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert modes == {0o600}
        # Neither who nor what stands in the file.
        data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert bytes(ME) not in data


def test_threads_and_a_second_process_s_connection(tmp_path: Path) -> None:
    """UNIQUE decides, not the mutex of one object."""
    one, two = Used(tmp_path / FILE), Used(tmp_path / FILE)
    with closing(one), closing(two), ThreadPoolExecutor(8) as pool:
        for n in range(20):
            won = list(
                pool.map(
                    lambda used, n=n: used.first(ME, str(n), NOW + 300, NOW),
                    [one, two] * 4,
                )
            )
            assert sorted(won) == [False] * 7 + [True]


KILLED = """
import os, signal, sys
from pathlib import Path
from api.address import ADDRESS
from api.auth.replay import Used
from ledger.wire.ids import ActorId
used = Used(Path(sys.argv[1]))
assert used.first(ActorId(b"a" * 16), "x", 1_800_000_300, 1_800_000_000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_service_forgets_nothing(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    line = [sys.executable, "-c", KILLED, str(tmp_path / FILE)]
    ran = subprocess.run(line, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False)
    assert ran.returncode == -signal.SIGKILL
    with closing(Used(tmp_path / FILE)) as used:
        assert not used.first(ME, "x", NOW + 300, NOW)


def test_a_damaged_file_is_a_fault_and_no_empty_memory(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerFault):
        Used(tmp_path / FILE)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    used = Used(tmp_path / FILE)
    used.first(ME, "x", NOW + 300, NOW)
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("DROP TABLE used")
        other.commit()
    with pytest.raises(LedgerFault):
        used.first(ME, "y", NOW + 300, NOW)
    used.close()
    with pytest.raises(LedgerFault):
        used.first(ME, "z", NOW + 300, NOW)


def test_an_assertion_stays_used_behind_a_restart_of_the_service() -> None:
    with memory_directory() as place:
        first = Running.made(place)
        hospital = first.members["hospital"]
        with first:
            # The same URL before and behind the restart, which the port is not.
            first.app[ADDRESS].url = URL  # type: ignore[index]
            text = assertion(first, hospital.actor, hospital.login, aud=URL + "/auth/token")
            assert ask_token(first, text).status == 200
        again = Running(Log.open(first.directory), first.members, first.settings)
        with again:
            again.app[ADDRESS].url = URL  # type: ignore[index]
            answer = ask_token(again, text)
            assert answer.json["error_description"] == "this client assertion was used before"
            fresh = assertion(again, hospital.actor, hospital.login, aud=URL + "/auth/token")
            assert ask_token(again, fresh).status == 200


def test_no_token_where_nothing_can_be_remembered() -> None:
    with memory_directory() as place, Running.made(place) as service:
        hospital = service.members["hospital"]
        assert service.app is not None
        service.app[AUTH].used.close()
        answer = ask_token(service, assertion(service, hospital.actor, hospital.login))
        assert answer.status == 503
        assert len(service.app[AUTH].tokens) == 0


URL = "https://records.example.org"
