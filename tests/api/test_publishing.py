"""A checkpoint is published when something is new, at the start and at the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ledger.errors import LedgerFault
from ledger.log import Log
from ledger.reader import open_reader
from tests.api.running import Running, quiet_settings

EVERY_S = 0.1


def published(running: Running, size: int) -> bool:
    """Whether that many entries are published within a while."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if running.log.published.size >= size:
            return True
        time.sleep(EVERY_S / 4)
    return False


def test_at_the_start_and_when_something_is_new(tmp_path: Path) -> None:
    with Running.made(tmp_path, quiet_settings(publish_s=EVERY_S)) as running:
        first = running.get("/checkpoint").body
        assert running.log.published.size == running.log.reader.checkpoint.size
        time.sleep(3 * EVERY_S)
        assert running.get("/checkpoint").body == first
        running.enrol("late", "organisation")
        assert published(running, running.log.reader.checkpoint.size)
        assert running.get("/checkpoint").body != first


def test_at_the_end(tmp_path: Path) -> None:
    with Running.made(tmp_path) as running:
        before = running.log.published.size
        running.enrol("late", "organisation")
        assert running.log.published.size == before
    reader = open_reader(tmp_path / "ledger")
    try:
        note = reader.store.published()
        assert note is not None
        size = int(note.split(b"\n")[1])
        assert size == reader.checkpoint.size > before
    finally:
        reader.close()


def test_a_ledger_that_cannot_publish_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [LedgerFault("the disk is full"), OSError(5, "/secret/place")]

    def refuse(_: Log) -> bytes:
        raise failures[0] if len(failures) == 1 else failures.pop()

    with (
        monkeypatch.context() as patched,
        Running.made(tmp_path, quiet_settings(publish_s=EVERY_S)) as running,
    ):
        patched.setattr(Log, "publish", refuse)
        running.enrol("late", "organisation")
        time.sleep(4 * EVERY_S)
        assert running.get("/checkpoint").status == 200
        patched.undo()
        assert published(running, running.log.reader.checkpoint.size)
    lines = [line for line in running.logged() if line["event"] == "cannot publish"]
    assert "causes" in lines[0]
    assert lines[1]["why"] == "the disk is full"
    assert "/secret/place" not in running.lines.getvalue()
