"""Evidence made by a reader beside a writer in another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.evidence import prove_history
from ledger.reader import open_reader
from tests.evidence.grown import small_epochs
from tests.log.sample import Sample

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
import pytest
from ledger.author import Author, Draft
from ledger.log import Log
from ledger.wire.statement import StatementKey
from tests.evidence.grown import small_epochs
from tests.log.sample import CLINIC_KEY
small_epochs(pytest.MonkeyPatch())
directory, log_id, clinic, record = sys.argv[1], *map(bytes.fromhex, sys.argv[2:])
author = Author(log_id, clinic, StatementKey.of(CLINIC_KEY))
with Log.open(Path(directory)) as log:
    for _ in range(8):
        log.append([author.entry(Draft(record, b"{}")) for _ in range(20)])
    log.publish()
"""


def test_runs_that_came_since_it_was_opened(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_epochs(monkeypatch)
    reader = open_reader(sample.directory)
    before = prove_history(reader, sample.record)
    ids = (sample.log_id, sample.clinic.id, sample.record)
    words = [sys.executable, "-c", WRITER, str(sample.directory), *(one.hex() for one in ids)]
    subprocess.run(words, cwd=ROOT, check=True)
    after = prove_history(reader, sample.record)
    reader.close()
    (old,), (new,) = before.evidence.parts, after.evidence.parts
    assert len(new.leaves) == len(old.leaves) + 160
    assert len(new.runs) > 1
