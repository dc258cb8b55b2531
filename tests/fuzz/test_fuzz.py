"""The fuzzer in short: some tries, what it found before, and that it finds anything at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fuzz.running import judge, run, takes
from tests.fuzz.samples import samples
from tests.fuzz.targets import TARGETS, Target
from verifier.errors import NotVerified
from verifier.formats.leaf import parse_leaf

FOUND = json.loads((Path(__file__).parent / "found.json").read_text())
SAMPLES = samples()


def test_every_target_takes_a_sample() -> None:
    """Else only its first refusal would be tried."""
    for name, target in TARGETS.items():
        assert any(takes(target, raw) for raw in SAMPLES), name


def test_what_was_found_before() -> None:
    for case in FOUND:
        raw = bytes.fromhex(case["bytes"])
        assert judge(case["target"], TARGETS[case["target"]], raw) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_few_thousand_tries(seed: int) -> None:
    assert list(run(TARGETS, SAMPLES, lambda tries: tries < 1500, seed)) == []


def careless(raw: bytes) -> object:
    """A reader that trusts a length."""
    if raw[:1] not in (b"\x01", b"\x02"):
        raise NotVerified("leaf", "a leaf", "another")
    return b"\x58\x92\xa4" in raw[59:62] and raw[99]


@pytest.mark.parametrize(
    ("readers", "what"),
    [
        ((careless,), "IndexError"),
        ((parse_leaf, careless), "taken by one and refused by the other"),
    ],
)
def test_it_finds_what_is_there(readers: tuple[object, ...], what: str) -> None:
    target = Target(readers)  # type: ignore[arg-type]
    found = next(run({"x": target}, SAMPLES, lambda tries: tries < 5000, 1), None)
    assert found is not None
    assert found.what.startswith(what)
