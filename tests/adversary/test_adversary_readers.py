"""Readers that never pause, never finish, or were killed do not keep the writer from writing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from ledger.author import Draft
from ledger.log import Log
from tests.log.sample import Sample, placed

ROOT = Path(__file__).parents[2]
TIMEOUT = 30


def test_readers_without_a_pause_do_not_hold_up_the_writer(log: Log, sample: Sample) -> None:
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            with log.reader.store.environment.reading() as reader:
                reader.count("entries")

    readers = [threading.Thread(target=read, daemon=True) for _ in range(8)]
    for reader in readers:
        reader.start()
    entry = sample.clinic.entry(Draft(sample.record, bytes(4 << 20)))
    answer = log.append_later([entry])
    placed(answer.result(TIMEOUT)[0])
    ended.set()
    for reader in readers:
        reader.join(TIMEOUT)
    assert not any(reader.is_alive() for reader in readers)


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
