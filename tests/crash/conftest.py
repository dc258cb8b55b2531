"""Fixtures of the crash tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import make_ledger, small_ledgers

_MEMORY: Final = Path("/dev/shm")


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory; in memory if there is one, since a kill needs no real disk."""
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    with tempfile.TemporaryDirectory(dir=_MEMORY if usable else None) as directory:
        yield Path(directory)


@pytest.fixture
def ledger(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh ledger with one author; its runs are small."""
    small_ledgers(monkeypatch)
    directory = place / "ledger"
    make_ledger(directory)
    return directory


@pytest.fixture(scope="session")
def children() -> Iterator[ForkServer]:
    """A server of child processes, one for each worker of pytest."""
    with ForkServer() as server:
        yield server
