"""Large payloads through the whole ledger: appended, released, checked, streamed in flat memory."""

from __future__ import annotations

import filecmp
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.check import check_ledger
from ledger.errors import BadRequest, LedgerFault
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.vault.door import ENTRIES_FIELD
from ledger.wire.claim import Kind
from ledger.wire.manifest import MIN_CHUNK
from tests.cli.console import done
from tests.log.sample import Sample, placed

ROOT = Path(__file__).parents[2]


def append(log: Log, sample: Sample, content: bytes) -> int:
    draft = Draft(sample.record, b"", "application/dicom", header={"reason": "scan"})
    submission = sample.clinic.large(
        draft, io.BytesIO(content), log.reader.store.large, chunk=MIN_CHUNK
    )
    return placed(log.append([submission])[0]).index


def directory_of(log: Log, index: int) -> Path:
    return log.reader.store.large.path(log.reader.entry(index).leaf.claim.blob_hash)


@pytest.mark.parametrize("size", [0, 1, 1024, 5000, 8192, 100_000])
def test_round_trip(sample: Sample, size: int) -> None:
    content = os.urandom(size)
    with Log.open(sample.directory) as log:
        index = append(log, sample, content)
    with Log.open(sample.directory) as log:
        stream = log.vault.use_stream(index, "test")
        assert (stream.media_type, stream.size) == ("application/dicom", size)
        assert stream.header["reason"] == "scan"
        pieces = list(stream.pieces)
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) <= MIN_CHUNK
        assert log.vault.use(index, "test").content == content
    report = check_ledger(sample.directory)
    assert (report.problems, report.notes) == ([], [])


def test_release_needs_an_access_entry(sample: Sample) -> None:
    content = os.urandom(5000)
    with Log.open(sample.directory) as log:
        index = append(log, sample, content)
        with pytest.raises(BadRequest, match="against an access entry only"):
            log.vault.release_stream(index, None)
        named = [leaf_hash(log.reader.entry(index).raw)]
        access = Draft(sample.record, b"", kind=Kind.ACCESS, header={ENTRIES_FIELD: named})
        at = placed(log.append([sample.clinic.entry(access)])[0]).index
        stream = log.vault.release_stream(index, log.reader.receipt(at))
        assert b"".join(stream.pieces) == content


def test_a_damaged_chunk_says_how_far_the_content_is_whole(sample: Sample) -> None:
    content = os.urandom(5000)
    with Log.open(sample.directory) as log:
        index = append(log, sample, content)
        chunk = directory_of(log, index) / "2"
        data = bytearray(chunk.read_bytes())
        data[7] ^= 1
        chunk.write_bytes(data)
        pieces = log.vault.use_stream(index, "test").pieces
        assert next(pieces) + next(pieces) == content[:2048]
        with pytest.raises(LedgerFault, match=rf"chunk 2 of 5 of entry {index}: .*2048 of 5000"):
            next(pieces)
    problems = [(one.where, one.what) for one in check_ledger(sample.directory).problems]
    assert problems == [(f"large payload {index}", "chunk 2 is damaged")]


@pytest.mark.parametrize("change", ["reorder", "drop", "drop last", "add", "foreign", "all"])
def test_exchanged_chunks_are_caught(sample: Sample, change: str) -> None:
    with Log.open(sample.directory) as log:
        index, other = (append(log, sample, os.urandom(5000)) for _ in range(2))
        here, there = directory_of(log, index), directory_of(log, other)
        match change:
            case "reorder":
                (here / "1").rename(here / "x")
                (here / "2").rename(here / "1")
                (here / "x").rename(here / "2")
            case "drop":
                (here / "1").unlink()
            case "drop last":
                (here / "4").unlink()
            case "add":
                shutil.copy(here / "4", here / "5")
            case "foreign":
                shutil.copy(there / "1", here / "1")
            case _:
                shutil.rmtree(here)
        if change != "add":
            with pytest.raises(LedgerFault, match="chunk"):
                list(log.vault.use_stream(index, "test").pieces)
    problems = [one.where for one in check_ledger(sample.directory).problems]
    assert problems == [f"large payload {index}"]


def test_an_entry_without_its_chunks_is_refused(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        files = log.reader.store.large
        draft = Draft(sample.record, b"", "a/b")
        submission = sample.clinic.large(draft, io.BytesIO(bytes(5000)), files, chunk=MIN_CHUNK)
        (directory,) = (sample.directory / "payloads" / "large").iterdir()
        (directory / "3").unlink()
        (outcome,) = log.append([submission])
        assert isinstance(outcome, BadRequest)
        assert "do not lie ready" in outcome.message


def test_what_no_entry_names_is_noted_and_removed(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        kept = append(log, sample, bytes(3000))
        draft = Draft(sample.record, b"", "a/b")
        sample.clinic.large(draft, io.BytesIO(bytes(5000)), log.reader.store.large)
        half = sample.directory / "payloads" / "large" / "new.0123456789abcdef"
        half.mkdir()
        (half / "0").write_bytes(b"x" * 100)
    report = check_ledger(sample.directory)
    assert report.problems == []
    assert len(report.notes) == 2
    with Log.open(sample.directory) as log:
        assert list((sample.directory / "payloads/large").iterdir()) == [directory_of(log, kept)]
    assert check_ledger(sample.directory).notes == []


class Broken(io.BytesIO):
    """A source that fails in the middle."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 3000:
            raise OSError(5, "input/output error")
        return super().read(size)


def test_a_source_that_fails_leaves_nothing(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        files = log.reader.store.large
        with pytest.raises(OSError, match="input/output"):
            sample.clinic.large(Draft(sample.record, b"", "a/b"), Broken(bytes(9000)), files)
        assert files.strays([]) == []


PEAK = """
import os, resource, sys
from ledger.cli.app import main

directory, record, file, out = sys.argv[1:]
reader = ["--as", "clinic"]
append = ["append", directory, file, "--record", record, "--type", "application/dicom", *reader]
assert main(append) == 0
sys.stdout.flush()
os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
index = sys.stdin.readline().strip()
assert main(["show", directory, index, "--content", "--purpose", "TREAT", *reader]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def peak_kib(ledger: Path, record: str, size: int, index: int) -> int:
    """The peak memory of a process that appends a file of ``size`` bytes and reads it again."""
    file, out = ledger.with_name("scan"), ledger.with_name("out")
    with open(file, "wb") as scan:
        for number in range(size >> 20):
            scan.write(number.to_bytes(4, "big") * (1 << 18))
    command = [sys.executable, "-c", PEAK, str(ledger), record, str(file), str(out)]
    ran = subprocess.run(
        command, input=f"{index}\n", cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [str(index)]
    assert filecmp.cmp(file, out, shallow=False)
    return int(ran.stderr.split()[-1])


def test_memory_stays_flat(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    done("init", ledger, "--origin", "test.example/log")
    done("enrol", ledger, "clinic")
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:x:y", "value": "1"}]}
    (tmp_path / "patient.ndjson").write_text(json.dumps(patient) + "\n")
    imported = done("import", ledger, tmp_path / "patient.ndjson", "--as", "clinic", "--create")
    assert imported.code == 0
    size = done("stats", ledger, "--json").json["size"]
    small = peak_kib(ledger, "urn:x:y|1", 32 << 20, size)
    large = peak_kib(ledger, "urn:x:y|1", 300 << 20, size + 2)
    assert large - small < 12 << 10
