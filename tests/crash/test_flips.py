"""One flipped bit anywhere: reported, or in bytes that nobody reads."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.author import Author, Draft
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.vault.door import ENTRIES_FIELD
from ledger.wire import cbor
from ledger.wire.claim import Kind
from tests.crash import probing
from tests.crash.forkserver import ForkServer
from tests.crash.ledgers import Record, Workload, record_path

JOB = "tests.crash.probing:judge_all"
CHECK = "tests.crash.probing:check_only"
LMDB = "log/data.mdb"
OTHERS = (
    "log/lock.mdb",
    "payloads",
    "heads",
    "tags",
    "keys",
    "vault/keys",
    "vault/periods",
    "vault/master.key",
    "vault/releases.log",
    "ledger.json",
    "ledger.guard",
)


@pytest.fixture
def pristine(place: Path, ledger: Path) -> Path:
    """A closed ledger that has something of everything, alone in a directory with its guard."""
    record = Record(record_path(ledger))
    with Log.open(ledger) as log:
        workload = Workload(log, record, 11)
        workload.open_records()
        while log.reader.checkpoint.size < 200:
            for step in (workload.single, workload.group, workload.batch, workload.actor):
                step()
        log.publish()
        read_something(log, workload.author, record)
        workload.single()
    base = place / "pristine"
    base.mkdir()
    for path in (ledger, ledger.with_name("ledger.guard")):
        path.rename(base / path.name)
    return base


def read_something(log: Log, author: Author, record: Record) -> None:
    """Use the vault's door, so that its journal has lines."""
    chain = record.chains()[0]
    (written,) = log.append([author.entry(Draft(chain, b"{}"))])
    assert isinstance(written, Appended)
    header: dict[str, cbor.Value] = {ENTRIES_FIELD: [written.leaf_hash]}
    (access,) = log.append([author.entry(Draft(chain, b"", kind=Kind.ACCESS, header=header))])
    assert isinstance(access, Appended)
    log.vault.release(written.index, log.reader.receipt(access.index))
    log.vault.use(written.index, "crash test")


def choose(pristine: Path, count: int, seed: int) -> list[tuple[str, int, int]]:
    """Flips: half of them in LMDB's file, the others spread over all other files."""
    rng = random.Random(seed)
    sizes = {
        str(path.relative_to(pristine)): path.stat().st_size
        for path in sorted(pristine.rglob("*"))
        if path.is_file() and path.stat().st_size
    }
    groups: dict[str, list[str]] = {}
    for name in sizes:
        groups.setdefault(group_of(name), []).append(name)
    assert set(groups) == {LMDB, *OTHERS}
    chosen = []
    for number in range(count):
        group = LMDB if number % 2 else rng.choice(OTHERS)
        name = rng.choice(groups[group])
        chosen.append((name, rng.randrange(sizes[name]), rng.randrange(8)))
    return chosen


def group_of(name: str) -> str:
    (group,) = (
        group for group in (LMDB, *OTHERS) if name.removeprefix("ledger/").startswith(group)
    )
    return group


def judge(children: ForkServer, pristine: Path, flips: list[tuple[str, int, int]]) -> Iterator[str]:
    """The verdicts in order; a child that dies gives one too."""
    place = pristine.parent
    (place / "flips").write_text(json.dumps(flips))
    verdicts = place / "verdicts"
    verdicts.touch()
    while (done := len(verdicts.read_text().splitlines())) < len(flips):
        status = children.run(
            JOB,
            pristine=str(pristine),
            work=str(place / "work"),
            flips=str(place / "flips"),
            verdicts=str(verdicts),
            start=done,
        )
        if status:
            # In a process of its own the check reports that too.
            again = children.run(CHECK, directory=str(place / "work" / "ledger"))
            reported = status != -signal.SIGALRM and again != 1
            with open(verdicts, "a") as file:
                verdict = probing.DIED if reported else probing.SILENT
                file.write(json.dumps((verdict, f"signal {-status}, then {again}")) + "\n")
    yield from verdicts.read_text().splitlines()


def run(children: ForkServer, pristine: Path, count: int, seed: int) -> None:
    flips = choose(pristine, count, seed)
    table: Counter[tuple[str, str]] = Counter()
    bad = []
    for (name, offset, bit), line in zip(flips, judge(children, pristine, flips), strict=True):
        verdict, said = json.loads(line)
        table[group_of(name), verdict] += 1
        if verdict in (probing.SILENT, probing.UNCLEAN):
            bad.append((verdict, name, offset, bit, said))
    for (group, verdict), times in sorted(table.items()):
        print(f"{group:20} {verdict:20} {times}")
    assert not bad


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits(children: ForkServer, pristine: Path, seed: int) -> None:
    run(children, pristine, 38, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_flipped_bits(children: ForkServer, pristine: Path, seed: int) -> None:
    run(children, pristine, 200, seed)
