"""Ledgers that grew by chance: every kind of entry, batches, changes of keys, epochs in between."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verifier.formats.epoch
import verifier.formats.keys
from ledger.author import Author, Draft
from ledger.errors import CounterfoilError
from ledger.identity import Contest, NewKey, Rotate
from ledger.log import Log
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey
from tests.log.lines import going_on
from tests.log.sample import Sample, placed
from tests.small_runs import small_runs
from verifier.formats.ed25519 import check_public_key

STRETCH = 16


def small_epochs(patch: pytest.MonkeyPatch) -> None:
    """Runs of 16 leaves, four to one, and an epoch for each, in the ledger and in the verifier."""
    small_runs(patch, STRETCH, 4, epochs=True)
    patch.setattr(verifier.formats.epoch, "ALIGNED", STRETCH)
    patch.setattr(verifier.formats.epoch, "FAN", 4)
    # Pure, and most of the time of a check that is made hundreds of times.
    patch.setattr(verifier.formats.keys, "check_public_key", cache(check_public_key))


class Grower:
    """Appends by chance to an open ledger."""

    def __init__(self, sample: Sample, log: Log, chance: Random) -> None:
        self.log = log
        self.chance = chance
        self.authors = [sample.clinic, sample.hospital]
        self.records = [sample.record, sample.other]

    def go_on(self, log: Log) -> None:
        """In a log that took over."""
        self.log = log
        self.authors = [going_on(one, log) for one in self.authors]

    def grow(self, steps: int) -> None:
        """So many steps, each of one entry or a batch."""
        steps_there_are = (
            *(self.write, self.write, self.read, self.batch, self.open, self.enrol),
            *(self.rotate, self.directory, self.doubt, self.log.publish),
        )
        for _ in range(steps):
            self.chance.choice(steps_there_are)()

    @property
    def author(self) -> Author:
        return self.chance.choice(self.authors)

    @property
    def record(self) -> ChainId:
        return self.chance.choice(self.records)

    def write(self) -> None:
        self._add(self.author, Draft(self.record, b"{}"))

    def read(self) -> None:
        self._add(self.author, Draft(self.record, b"", kind=Kind.ACCESS))

    def directory(self) -> None:
        author = self.author
        self._add(author, Draft(author.directory, b"{}"))

    def open(self) -> None:
        record, opening = self.author.open_record()
        placed(self.log.append([opening])[0])
        self.records.append(record)

    def batch(self) -> None:
        members = [Draft(self.record, b"{}") for _ in range(self.chance.randint(1, 12))]
        placed(self.log.append_batch(self.author.batch(members)))

    def enrol(self) -> None:
        """A practitioner, by an institution."""
        key = Ed25519PrivateKey.generate()
        by = self.authors[self.chance.randrange(2)]
        actor, _ = self.log.enrol("Doctor", "practitioner", [NewKey(raw_public(key))], by=by)
        self.authors.append(
            Author(by.log, actor, StatementKey.of(key), self.log.reader.registry.first_log)
        )

    def rotate(self) -> None:
        at = self.chance.randrange(len(self.authors))
        old, key = self.authors[at], Ed25519PrivateKey.generate()
        new = NewKey(raw_public(key))
        self.log.change(ChainId(old.id), Rotate(old.key.kid, new), by=old)
        self.authors[at] = replace(old, key=StatementKey.of(key))

    def doubt(self) -> None:
        """A contest of a practitioner: one of an institution would take effect from its own."""
        if len(self.authors) > 2:
            size = self.log.reader.checkpoint.size
            self.log.change(ChainId(self.chance.choice(self.authors[2:]).id), Contest(size))

    def _add(self, author: Author, draft: Draft) -> None:
        (outcome,) = self.log.append([author.entry(draft)])
        if isinstance(outcome, CounterfoilError):
            raise outcome
