"""Epochs in a log: true ones, and every way to lie about who has the last word on a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier.audits import audit, steps
from tests.verifier.formats import ACCESS, EPOCH, OPEN, RECORD, Signer, ed25519_key, sha256
from tests.verifier.heads import Run, add_epoch, ends, run, runs
from tests.verifier.logmaker import Log, Sample


def of_log(log: Log) -> Signer:
    return Signer(log.chain, log.log_key)


def test_true_epochs(sample: Sample) -> None:
    add_epoch(sample)
    sample.add(RECORD, sample.person, sample.clinic)
    add_epoch(sample, to=[len(sample.leaves) - 1])
    add_epoch(sample)
    sample.add(RECORD, sample.person, sample.clinic)
    report = audit(sample)
    assert report.problems == []
    assert report.kinds["epoch"] == 3


def without(chain: Callable[[Sample], bytes], log: Sample) -> Callable[[list[Run]], list[Run]]:
    """The last run, without a chain's row."""

    def edit(listed: list[Run]) -> list[Run]:
        last = listed[-1]
        gone = sha256(b"counterfoil/heads/v1" + log.id + chain(log))[:16]
        return [*listed[:-1], Run(last.to, [row for row in last.rows if row[:16] != gone])]

    return edit


def older_head(log: Sample) -> int:
    """The person's chain without its last access: an honest run over fewer leaves, said of more."""
    log.add(ACCESS, log.person, log.pharmacy)
    to = len(log.leaves)
    return add_epoch(log, edit=lambda listed: [Run(to, run(log, 0, to - 1).rows)])


def edited(edit: Callable[[Run], Run]) -> Callable[[Sample], Any]:
    return lambda log: add_epoch(log, edit=lambda listed: [*listed[:-1], edit(listed[-1])])


def wrong_count(one: Run) -> Run:
    rows = [*one.rows[:-1], one.rows[-1][:16] + sha256(b"another head")]
    return Run(one.to, rows)


def twice_the_same(log: Sample) -> None:
    add_epoch(log)
    add_epoch(log, to=[len(log.leaves) - 1])


def shrinking(log: Sample) -> None:
    add_epoch(log)
    add_epoch(log, to=[3])


def other_log(log: Sample) -> None:
    """Rows as they are in another log with the same leaves."""
    other = Sample("other", "log.example.com/other")
    add_epoch(log, edit=lambda listed: [Run(listed[0].to, run(other, 0, listed[0].to).rows)])


LIES: list[tuple[str, str, Callable[[Sample], Any]]] = [
    ("a person left out", "epoch", lambda log: add_epoch(
        log, edit=without(lambda log: log.person, log))),
    ("without the last access", "epoch", older_head),
    ("another head", "epoch", edited(wrong_count)),
    ("a row more", "epoch", edited(lambda one: Run(one.to, sorted([*one.rows, bytes(48)])))),
    ("rows not in order", "epoch", edited(lambda one: Run(one.to, one.rows[::-1]))),
    ("rows of another log", "epoch", other_log),
    ("over itself", "epoch", lambda log: add_epoch(
        log, edit=lambda listed: [Run(len(log.leaves) + 1, listed[0].rows)])),
    ("nothing new", "epoch", twice_the_same),
    ("over less than before", "epoch", shrinking),
    ("no runs", "claim", lambda log: add_epoch(log, body=b"")),
    ("a byte more", "epoch", lambda log: add_epoch(log, body=bytes(49))),
    ("by an actor", "key", lambda log: add_epoch(log, by=log.clinic)),
    ("by a governor", "key", lambda log: add_epoch(log, by=log.governor)),
    ("by a stranger", "key", lambda log: add_epoch(
        log, by=Signer(log.chain, ed25519_key("stranger")))),
    ("under the log's id, with an actor's key", "key", lambda log: add_epoch(
        log, by=Signer(log.chain, log.clinic.key))),
    ("another's signature", "signature", lambda log: add_epoch(
        log, key=ed25519_key("x"), kid=of_log(log).kid)),
    ("on a person's chain", "chain", lambda log: add_epoch(log, chain=log.person)),
    ("on the log's chain", "chain", lambda log: add_epoch(log, chain=log.chain)),
    ("on a chain of its own", "chain", lambda log: add_epoch(log, chain=b"e" * 16)),
    ("the log signs a record", "key", lambda log: log.add(RECORD, log.person, of_log(log))),
    ("a record on the epochs' chain", "chain", lambda log: (
        add_epoch(log), log.add(RECORD, log.derived("epoch", log.chain), log.clinic))),
    ("a person's chain with the id of the epochs'", "chain", lambda log: log.add(
        OPEN, log.derived("epoch", log.chain), log.clinic)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "lie"), LIES, ids=[row[0] for row in LIES])
def test_false_epoch(sample: Sample, name: str, step: str, lie: Callable[[Sample], Any]) -> None:
    lie(sample)
    found = steps(audit(sample))
    assert step in found, name
    assert len(found) <= 4, found


def test_a_false_run_is_named_with_its_epoch(sample: Sample) -> None:
    first = add_epoch(sample)
    second = older_head(sample)
    third = add_epoch(sample)
    report = audit(sample)
    assert [(one.step, one.index) for one in report.problems] == [("epoch", second)]
    assert first < second < third


# Aligned runs: a log of more than 4,096 leaves


@pytest.fixture(scope="module")
def long_log() -> Sample:
    log = Sample()
    while len(log.leaves) < 9000:
        log.batch(log.clinic, [log.person, log.other, log.directory] * 300)
    return log


def grown(long_log: Sample) -> Sample:
    """A copy to which something may be added."""
    log = Sample()
    for name in ("leaves", "hashes"):
        setattr(log, name, list(getattr(long_log, name)))
    log.heads, log.now = dict(long_log.heads), long_log.now
    return log


def test_aligned_runs(long_log: Sample) -> None:
    log = grown(long_log)
    assert ends(len(log.leaves))[:2] == [4096, 8192]
    add_epoch(log)
    add_epoch(log)
    assert audit(log).problems == []
    add_epoch(log, to=[8191])
    assert steps(audit(log)) == ["epoch"]  # not aligned


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_false_run_of_several(long_log: Sample, at: int) -> None:
    log = grown(long_log)

    def edit(listed: list[Run]) -> list[Run]:
        return [
            one._replace(rows=one.rows[:-1]) if number == at else one
            for number, one in enumerate(listed)
        ]

    epoch = add_epoch(log, edit=edit)
    add_epoch(log, edit=edit)
    report = audit(log)
    # What stays listed is named once; a short run is another one each time.
    assert [(one.step, one.index) for one in report.problems][:1] == [("epoch", epoch)]
    assert len(report.problems) == (2 if at == 2 else 1)


def test_what_was_merged_stays_merged(long_log: Sample) -> None:
    log = grown(long_log)
    add_epoch(log)
    # As if 4,096 to 8,192 were not there yet: no partition of all leaves.
    bodies = [one.described for one in runs(log, [4096, len(log.leaves)])]
    log.add(EPOCH, log.derived("epoch", log.chain), of_log(log), body=b"".join(bodies))
    assert steps(audit(log)) == ["epoch"]
