"""Receipts verify with the pure modules alone, and with the independent verifier."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.errors import BadEvidence, BadRequest
from ledger.log import Log
from ledger.merkle import check_consistency, check_inclusion, leaf_hash
from ledger.reader import open_reader
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.ids import TreeSize
from ledger.wire.note import open_note
from ledger.wire.receipt import parse_receipt, render_receipt
from tests.log.sample import ORIGIN, Sample, entry_with, placed

ROOT = Path(__file__).parents[2]
VERIFY = "import sys; from verifier.cli import main; sys.exit(main())"


def _check(log: Log, raw: bytes) -> int:
    """A receipt against the first verifier key; returns the index that it proves."""
    receipt = parse_receipt(raw)
    verifier = checkpoint_verifier(log.reader.registry.genesis.checkpoint_keys[0])
    checkpoint = open_checkpoint(receipt.checkpoint, ORIGIN, [verifier]).checkpoint
    check_inclusion(
        receipt.index, leaf_hash(receipt.leaf), checkpoint.size, receipt.hashes, checkpoint.root
    )
    return receipt.index


def test_receipt_of_every_entry_under_every_checkpoint(log: Log, sample: Sample) -> None:
    notes = [log.reader.signed()]
    for count in (1, 2, 5, 250, 300):
        drafts = [Draft(sample.record, b"{}")] * count
        placed(log.append_batch(sample.clinic.batch(drafts)))
        notes.append(log.reader.signed())
        placed(log.append([entry_with(sample.hospital, sample.record)])[0])
        notes.append(log.reader.signed())
    size = log.reader.checkpoint.size
    for index in range(size):
        assert _check(log, render_receipt(log.reader.receipt(index))) == index
    for note in notes:
        for index in (0, 6, sample.size - 1):
            assert _check(log, render_receipt(log.reader.receipt(index, note))) == index


def test_receipt_of_an_outcome_is_of_its_leaf(log: Log, sample: Sample) -> None:
    entry = entry_with(sample.clinic, sample.record)
    outcome = placed(log.append([entry])[0])
    receipt = log.reader.receipt(outcome.index)
    assert leaf_hash(receipt.leaf) == outcome.leaf_hash
    assert receipt.leaf.endswith(entry.statement)


@pytest.mark.parametrize("index", [-1, 10, 1 << 60])
def test_no_receipt_of_what_is_not_there(log: Log, index: int) -> None:
    for ask in (log.reader.receipt, log.reader.proof, log.reader.entry):
        with pytest.raises(BadRequest, match=f"there is no entry {index}"):
            ask(index)


def test_no_receipt_under_a_checkpoint_that_is_too_small(log: Log, sample: Sample) -> None:
    note = log.reader.signed()
    placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    with pytest.raises(BadRequest, match="in the checkpoint"):
        log.reader.receipt(sample.size, note)


def test_changed_receipt_proves_nothing(log: Log) -> None:
    receipt = log.reader.receipt(6)
    raw = render_receipt(receipt)
    other = render_receipt(log.reader.receipt(5))
    assert raw != other
    lines, others = raw.split(b"\n"), other.split(b"\n")
    for number in (1, 2, 3):
        swapped = [*lines[:number], others[number], *lines[number + 1 :]]
        with pytest.raises(BadEvidence):
            _check(log, b"\n".join(swapped))


def test_each_checkpoint_continues_the_one_before(log: Log, sample: Sample) -> None:
    checkpoints = [log.reader.checkpoint]
    for _ in range(12):
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
        checkpoints.append(log.reader.checkpoint)
    sizes = [checkpoint.size for checkpoint in checkpoints]
    assert sizes == sorted(set(sizes))
    for old in checkpoints:
        for new in checkpoints:
            if old.size < new.size:
                proof = log.reader.consistency(old.size, new.size)
                check_consistency(old.size, old.root, new.size, new.root, proof)


def test_published_checkpoint_has_both_signatures(log: Log, sample: Sample) -> None:
    placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    note = log.publish()
    assert log.reader.store.published() == note
    vkeys = log.reader.registry.genesis.checkpoint_keys
    ed25519, ml_dsa = map(checkpoint_verifier, vkeys)
    opened = open_checkpoint(note, ORIGIN, [ed25519, ml_dsa])
    assert not opened.provisional
    assert opened.checkpoint == log.reader.checkpoint
    provisional = open_checkpoint(log.reader.signed(), ORIGIN, [ed25519], [ml_dsa])
    assert provisional.provisional
    with pytest.raises(BadEvidence):
        open_checkpoint(log.reader.signed(), ORIGIN, [ed25519, ml_dsa])
    for line in range(2):
        head, _, tail = note.partition(b"\n\n")
        kept = tail.splitlines(keepends=True)
        del kept[line]
        stripped = head + b"\n\n" + b"".join(kept)
        assert open_note(stripped, [ed25519, ml_dsa]).signatures
        with pytest.raises(BadEvidence):
            open_checkpoint(stripped, ORIGIN, [ed25519, ml_dsa])


def test_published_receipt_verifies_outside(log: Log, sample: Sample, tmp_path: Path) -> None:
    """The verifier shares no code with the ledger and runs in a process of its own."""
    batch = placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")] * 9)))
    note = log.publish()
    path = tmp_path / "receipt.tlog-proof"
    vkeys = [
        word for vkey in log.reader.registry.genesis.checkpoint_keys for word in ("--vkey", vkey)
    ]
    for index, given, expected in (
        (batch.index + 4, note, 0),
        (6, note, 0),
        (6, log.reader.signed(), 1),
    ):
        path.write_bytes(render_receipt(log.reader.receipt(index, given)))
        done = subprocess.run(
            [sys.executable, "-c", VERIFY, "proof", str(path), *vkeys],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr


def test_reader_beside_the_writer_sees_a_snapshot(sample: Sample) -> None:
    """In a process of its own, since LMDB opens an environment once for each process."""
    code = (
        "import sys; from pathlib import Path; from ledger.reader import open_reader\n"
        "reader = open_reader(Path(sys.argv[1])); print(reader.checkpoint.size, flush=True)\n"
        "sys.stdin.readline(); receipt = reader.receipt(6)\n"
        "print(reader.checkpoint.size, len(receipt.leaf), flush=True)\n"
    )
    with Log.open(sample.directory) as log:
        with subprocess.Popen(
            [sys.executable, "-c", code, str(sample.directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None and child.stdin is not None
            assert child.stdout.readline() == f"{sample.size}\n"
            placed(log.append([entry_with(sample.clinic, sample.record)])[0])
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == f"{sample.size} {len(sample.leaves[6])}\n"
        assert log.reader.checkpoint.size == sample.size + 1


def test_reader_of_a_closed_ledger(sample: Sample) -> None:
    reader = open_reader(sample.directory)
    try:
        assert reader.checkpoint.size == TreeSize(sample.size)
        assert [entry.index for entry in reader.history(sample.record)] == [7, 6, 4]
        assert [entry.raw for entry in map(reader.entry, range(sample.size))] == sample.leaves
    finally:
        reader.close()
