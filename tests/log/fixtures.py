"""Fixtures of the tests of log, vault and check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.log import Log
from tests.log.sample import Sample, make_sample, memory_directory


@pytest.fixture(scope="session")
def made_once() -> Iterator[Sample]:
    """The sample that every test copies."""
    with memory_directory() as place:
        yield make_sample(place)


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory in memory."""
    with memory_directory() as directory:
        yield directory


@pytest.fixture
def sample(made_once: Sample, place: Path) -> Sample:
    """The sample ledger, closed, this test's own."""
    return made_once.copied(place)


@pytest.fixture
def log(sample: Sample) -> Iterator[Log]:
    """The sample ledger, open for writing."""
    with Log.open(sample.directory) as opened:
        yield opened
