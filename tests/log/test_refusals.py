"""Bad input: each is refused with a message that says what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from ledger.errors import CounterfoilError
from ledger.log import Log
from tests.log.refusals import OF_BYTES, Refusal
from tests.log.refusals_of_state import OF_STATE
from tests.log.sample import Sample, contents, entry_with, memory_directory, placed, refused

REFUSALS: Final = [*OF_BYTES, *OF_STATE]


@pytest.fixture(scope="module")
def shared(made_once: Sample) -> Iterator[tuple[Sample, Log]]:
    """One open ledger for all refusals, since each shows that it leaves it as it was."""
    with memory_directory() as place:
        sample = made_once.copied(place)
        with Log.open(sample.directory) as log:
            yield sample, log


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refused_entry_changes_nothing(shared: tuple[Sample, Log], refusal: Refusal) -> None:
    sample, log = shared
    entry = refusal.make(sample, log.governor())
    before = contents(log)
    (outcome,) = log.append([entry])
    error = refused(outcome)
    assert type(error) is refusal.error
    assert refusal.message in error.message
    assert refusal.hint in error.hint
    assert contents(log) == before


@pytest.mark.parametrize("workers", [0, 2])
def test_all_refusals_among_good_entries(sample: Sample, workers: int) -> None:
    """What is refused leaves a gap neither in the indexes nor in a chain."""
    with Log.open(sample.directory, workers=workers) as log:
        entries = []
        for refusal in REFUSALS:
            entries.append(entry_with(sample.clinic, sample.record))
            entries.append(refusal.make(sample, log.governor()))
        outcomes = log.append(entries)
        good = [placed(one) for one in outcomes[::2]]
        assert [one.index for one in good] == [sample.size + at for at in range(len(good))]
        for refusal, outcome in zip(REFUSALS, outcomes[1::2], strict=True):
            error = refused(outcome)
            assert type(error) is refusal.error, refusal.name
            assert refusal.message in error.message, refusal.name
            assert refusal.hint in error.hint, refusal.name
        assert len(list(log.reader.history(sample.record))) == 3 + len(good)
        assert log.reader.checkpoint.size == sample.size + len(good)


def test_messages_are_fit_for_a_reader(log: Log, sample: Sample) -> None:
    """Lower-case, one line, no full stop, and nothing of what was sealed."""
    errors: list[tuple[Refusal, CounterfoilError]] = []
    for refusal in REFUSALS:
        (outcome,) = log.append([refusal.make(sample, log.governor())])
        errors.append((refusal, refused(outcome)))
    for refusal, error in errors:
        for text in (error.message, error.hint):
            assert "\n" not in text and not text.endswith("."), refusal.name
            assert not text[:1].isupper() or text.startswith(("Ed25519", "UUID")), refusal.name
        assert len(error.message) < 200


def test_refusals_in_a_closed_and_reopened_ledger_are_the_same(sample: Sample) -> None:
    def texts() -> list[str]:
        with Log.open(sample.directory) as log:
            outcomes = [log.append([one.make(sample, log.governor())])[0] for one in REFUSALS]
        return [type(one).__name__ for one in outcomes]

    assert texts() == texts() == [refusal.error.__name__ for refusal in REFUSALS]
