"""Readers that never pause, never finish, or were killed do not keep the writer from writing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.log import Log
from ledger.store import environment
from ledger.store.environment import Environment, StorageFull
from tests.log.sample import Sample, placed

ROOT = Path(__file__).parents[2]
TIMEOUT = 30


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    """An empty environment whose map is smaller than one big row."""
    path = tmp_path / "log"
    path.mkdir()
    opened = Environment(path, writable=True)
    yield opened
    opened.close()


def _write_more_than_fits(env: Environment) -> None:
    env.write(lambda writer: writer.put("meta", b"big", bytes(environment.FIRST_MAP + (1 << 20))))


def test_readers_without_a_pause_let_the_map_grow(env: Environment) -> None:
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            with env.reading() as reader:
                reader.count("meta")
                with env.reading() as nested:
                    nested.count("meta")

    readers = [threading.Thread(target=read, daemon=True) for _ in range(8)]
    for reader in readers:
        reader.start()
    writer = threading.Thread(target=_write_more_than_fits, args=(env,), daemon=True)
    writer.start()
    writer.join(TIMEOUT)
    ended.set()
    for reader in readers:
        reader.join(TIMEOUT)
    assert not writer.is_alive()
    assert not any(reader.is_alive() for reader in readers)


def test_a_reader_that_never_finishes_is_not_waited_for_without_end(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "PATIENCE_S", 0.2)
    with env.reading(), pytest.raises(StorageFull, match="snapshot"):
        _write_more_than_fits(env)
    with env.reading() as reader:
        assert reader.get("meta", b"big") is None
    _write_more_than_fits(env)


def test_slots_of_killed_readers_are_given_back(sample: Sample) -> None:
    """Else some five hundred of them shut the ledger for all readers, and pin its pages."""
    held = 300
    code = (
        "import sys, time; from pathlib import Path\n"
        "from ledger.store.environment import Environment\n"
        "opened = Environment(Path(sys.argv[1]), writable=False)\n"
        f"held = [opened._env.begin() for _ in range({held})]\n"
        "print('ready', flush=True); time.sleep(60)\n"
    )
    with Log.open(sample.directory) as log:
        for _ in range(2):
            child = subprocess.Popen(
                [sys.executable, "-c", code, str(sample.directory / "log")],
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
            with child:
                assert child.stdout is not None
                assert child.stdout.readline() == b"ready\n"
                child.send_signal(signal.SIGKILL)
        placed(log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])[0])
