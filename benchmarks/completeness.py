"""Target 4, its second half: a whole history with the proof that nothing is missing from it.

One person has ten thousand entries, spread over the whole log. The file is made by the ledger and
checked by the verifier's command, as a process of its own: starting Python, signatures and all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.harness import Result, Row, Scale, Target
from benchmarks.machine import CORES
from benchmarks.population import chain_of, grown
from ledger.evidence import prove_absence, prove_history
from ledger.log import Log
from ledger.reader import Reader, open_reader
from ledger.wire.evidence import encode_evidence
from ledger.wire.ids import ChainId

ROOT = Path(__file__).resolve().parent.parent
_MADE = Target(4, "≤", 1000.0, "ours")
_CHECKED = Target(4, "≤", 3000.0, "ours")
_FOUND = Target(4, "≤", 1.0, "ours")
_ROUNDS = 5


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Completeness")
    directory = grown(scale, work)
    with Log.open(directory) as log:
        start = time.perf_counter()
        log.publish()
        published = time.perf_counter() - start
        vkeys = log.reader.registry.genesis.checkpoint_keys
    reader = open_reader(directory)
    try:
        _lookups(result, reader)
        _files(result, reader, vkeys, work)
    finally:
        reader.close()
    result.rows.append(Row("an epoch over everything, made and published", "ms", published * 1e3))
    return result


def _lookups(result: Result, reader: Reader) -> None:
    """Heads of random records, with what proves them, in the newest epoch."""
    found = reader.newest_epoch(reader.checkpoint.size)
    assert found is not None
    index = reader.epoch_index(found[1])
    random, records = Random(5), max(1, reader.checkpoint.size // 10)
    asked = [chain_of(random.randrange(records)) for _ in range(400)]
    absent = [ChainId(random.randbytes(16)) for _ in range(400)]
    for name, chains, target in (("a record", asked, _FOUND), ("absence", absent, None)):
        times = []
        for chain in chains:
            start = time.perf_counter()
            _, looked_at = index.find(chain)
            for number, pages in looked_at:
                index.pages(number, pages)
                index.proof(number, pages)
            times.append(time.perf_counter() - start)
        what = f"{name} found in the index of {found[1].upto:,} leaves, with its proof"
        result.rows.append(Row(what, "ms", median(times) * 1e3, target=target))
    runs = ", ".join(f"{run.to - start:,}" for start, run in found[1].spans())
    result.notes.append(
        f"The epoch lists {len(found[1].runs)} runs, over {runs} leaves. A proof has pages of each "
        "run from the newest to the one that holds the head; that of an absence of all."
    )


def _files(result: Result, reader: Reader, vkeys: tuple[str, ...], work: Path) -> None:
    person, made = chain_of(0), []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        proved = prove_history(reader, person)
        raw = encode_evidence(proved.evidence)
        made.append(time.perf_counter() - start)
    count = sum(entry.leaf.claim.chain == person for entry in reader.history(person))
    file = work / "history.evidence"
    file.write_bytes(raw)
    checked, cpu = _checked(file, vkeys)
    what = f"a history of {count:,} entries with its completeness proof"
    result.rows += [
        Row(f"{what}, made", "ms", median(made) * 1e3, target=_MADE),
        Row(f"{what}, checked by the verifier's command", "ms", checked, target=_CHECKED),
        Row("CPU of that check, on all cores", "ms", cpu),
        Row("bytes of the file for each entry", "B", len(raw) / count),
    ]
    file.write_bytes(encode_evidence(prove_absence(reader, ChainId(bytes(16))).evidence))
    result.rows.append(Row("bytes of a file that proves an absence", "B", file.stat().st_size))
    file.unlink()
    result.notes.append(
        f"{reader.checkpoint.size:,} leaves; median of {_ROUNDS}. The check is a whole process, "
        f"Python's start and every author's signature in it, on {CORES} cores."
    )


def _checked(file: Path, vkeys: tuple[str, ...]) -> tuple[float, float]:
    """Wall and CPU milliseconds of the verifier's command, which must say *verified*."""
    keys = [word for vkey in vkeys for word in ("--vkey", vkey)]
    command = [sys.executable, "-m", "verifier.cli", "evidence", str(file), *keys, "--json"]
    walls, cpus = [], []
    for _ in range(_ROUNDS):
        before, start = _cpu_of_children(), time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        walls.append((time.perf_counter() - start) * 1e3)
        cpus.append((_cpu_of_children() - before) * 1e3)
    return median(walls), median(cpus)


def _cpu_of_children() -> float:
    """Seconds, of those that have ended."""
    times = os.times()
    return times.children_user + times.children_system
