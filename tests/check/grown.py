"""A ledger with some of everything, in runs of 64 leaves, and hands that damage it.

 0 …   9  the sample               162 … 300  single entries, every third with a tag
10        a directory's resource         301  an amendment of 162
11 … 161  a batch of 150                 302  an epoch, the last leaf of the published checkpoint
                                         303  one more
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lmdb
import pytest

from ledger.author import Draft
from ledger.check import Problem, check_ledger
from ledger.keyfiles import LogKeys, Unlock, load_log_keys
from ledger.log import Log
from ledger.store.run_form import RunForm, heads_form
from ledger.store.tables import NAMES, RunName
from ledger.tags import ROW as TAGS_ROW
from ledger.wire.claim import Kind
from ledger.wire.ids import Position
from tests.log.sample import ORIGIN, Sample, placed
from tests.small_runs import small_runs

BATCH: Final = 11
AMENDED: Final = 162
AMENDMENT: Final = 301
SIZE: Final = 304
STRETCH: Final = 64


@dataclass(frozen=True)
class Grown:
    """The ledger, closed."""

    sample: Sample
    old_checkpoint: bytes
    """Of size 302, signed by the log."""

    @property
    def directory(self) -> Path:
        return self.sample.directory

    @property
    def guard(self) -> Path:
        return self.sample.guard

    @property
    def keys(self) -> LogKeys:
        return load_log_keys(self.directory, ORIGIN, Unlock())

    def copied(self, place: Path) -> Grown:
        return Grown(self.sample.copied(place), self.old_checkpoint)

    def form(self, name: RunName) -> RunForm:
        """Of the rows of an index."""
        return heads_form(self.sample.log_id) if name is RunName.HEADS else RunForm(TAGS_ROW.size)

    def problems(self) -> list[Problem]:
        """What the check finds."""
        return check_ledger(self.directory).problems

    @contextmanager
    def table(self, name: str) -> Iterator[Table]:
        """One table of LMDB, to be changed."""
        path = str(self.directory / "log")
        with lmdb.open(path, max_dbs=len(NAMES), map_size=64 << 20) as environment:
            table = environment.open_db(name.encode())
            with environment.begin(write=True, db=table) as transaction:
                yield Table(transaction)

    def flip(self, path: Path, at: int, mask: int = 1) -> None:
        """Change bits of one byte of a file; negative positions count from its end."""
        data = bytearray(path.read_bytes())
        data[at] ^= mask
        path.write_bytes(data)

    def payload_place(self, index: int) -> int:
        """Where the blob of an entry begins in the first segment."""
        with Log.open(self.directory) as log:
            blob = log.reader.store.payload(index)
        return (self.directory / "payloads" / "00000000.seg").read_bytes().index(blob)


class Table:
    """Rows of one LMDB table, to be damaged."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    def __getitem__(self, key: bytes) -> bytes:
        value = self._transaction.get(key)
        assert value is not None, key
        return bytes(value)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._transaction.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        assert self._transaction.delete(key), key

    def listed(self) -> list[bytes]:
        return [bytes(key) for key, _ in self._transaction.cursor()]

    def flip(self, key: bytes, at: int, mask: int = 1) -> None:
        """Change bits of one byte of a row."""
        value = bytearray(self[key])
        value[at] ^= mask
        self[key] = bytes(value)


def grow(sample: Sample) -> Grown:
    """Append what the module's docstring says. Runs must be small already."""
    with Log.open(sample.directory) as log:
        resource = Draft(sample.clinic.directory, b"ward 3", tags=(os.urandom(16),))
        assert placed(log.append([sample.clinic.entry(resource)])[0]).index == 10
        members = [Draft(sample.record, b"%d" % number) for number in range(150)]
        assert placed(log.append_batch(sample.clinic.batch(members))).index == BATCH
        for start in range(AMENDED, AMENDMENT, 20):
            drafts = [
                Draft(
                    sample.record if number % 2 else sample.other,
                    b"%d" % number,
                    tags=() if number % 3 else (os.urandom(16),),
                )
                for number in range(start, min(start + 20, AMENDMENT))
            ]
            log.append([sample.clinic.entry(draft) for draft in drafts])
        amended = log.reader.entry(AMENDED)
        amendment = Draft(
            amended.leaf.claim.chain,
            b"{}",
            kind=Kind.AMEND,
            amended=log.reader.store.read(0, 0, 256)[AMENDED * 32 : AMENDED * 32 + 32],  # type: ignore[arg-type]
            amends=Position(AMENDED),
        )
        assert placed(log.append([sample.clinic.entry(amendment)])[0]).index == AMENDMENT
        for index in (6, 10, 1):
            log.vault.use(index, "test")
        old = log.reader.signed()
        log.publish()
        log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])
        assert log.reader.checkpoint.size == SIZE
    return Grown(sample, old)


@pytest.fixture(autouse=True)
def runs_of_64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as the ledger has them."""
    small_runs(monkeypatch, STRETCH)


@pytest.fixture(scope="session")
def grown_once(made_once: Sample, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """The ledger that every test copies."""
    with pytest.MonkeyPatch.context() as patch:
        small_runs(patch, STRETCH)
        return grow(made_once.copied(tmp_path_factory.mktemp("grown")))


@pytest.fixture
def grown(grown_once: Grown, place: Path) -> Grown:
    """The ledger, this test's own."""
    return grown_once.copied(place)


def wiped(path: Path) -> None:
    """A file or directory is gone."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
