"""One service for each module of tests, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.hostile import CLINIC, HOSPITAL, Party
from tests.api.running import Running
from tests.log.sample import memory_directory


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """A running service over a new ledger, shared by the tests of a module."""
    with memory_directory() as place, Running.made(place) as running:
        yield running


@pytest.fixture(scope="module")
def hospital(service: Running) -> Party:
    """An institution that registers patients."""
    return Party(service, "hospital", HOSPITAL)


@pytest.fixture(scope="module")
def clinic(service: Running) -> Party:
    """Another one, which treats none of them yet."""
    return Party(service, "clinic", CLINIC)
