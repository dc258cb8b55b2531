from __future__ import annotations

import pytest

from tests.verifier.logmaker import Sample
from verifier.formats.note import VerifierKey, parse_verifier_key


@pytest.fixture
def sample() -> Sample:
    return Sample()


@pytest.fixture(scope="session")
def keys() -> list[VerifierKey]:
    return [parse_verifier_key(text) for text in Sample().vkeys]
