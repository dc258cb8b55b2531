"""One service for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.running import Running
from tests.log.sample import memory_directory


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """A running service over a new ledger, shared by the tests of a module."""
    with memory_directory() as place, Running.made(place) as running:
        yield running
