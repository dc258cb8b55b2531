"""Target 1: a signature for each entry, everything on, against bare Ed25519 verification.

Both sides see the same statements. Ours also checks layout, sealed blob and content key, chains,
registry and idempotency, and makes everything durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks.harness import Result, Row, Sample, Scale, Target, Work, alternate, compare, cpu_row
from benchmarks.ledgers import Bench, open_bench, settle
from benchmarks.machine import CORES
from ledger.admission import Submission
from ledger.wire.statement import parse_statement

CHUNK = 64
"""Entries that one caller hands in at once."""

Signed = list[tuple[bytes, bytes, bytes]]
"""Raw key, signature, what was signed."""


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Signature per entry")
    with ExitStack() as stack:
        processes = stack.enter_context(open_bench(work / "processes", CORES))
        threads = stack.enter_context(open_bench(work / "threads", 0))
        verifiers = stack.enter_context(VerifierProcesses())
        latest: list[Submission] = []

        def ours(bench: Bench) -> Work:
            latest[:] = bench.entries(scale.single)
            entries = latest.copy()
            return lambda: _append(bench, entries)

        samples = alternate(
            {
                "threads": lambda: ours(threads),
                "processes": lambda: ours(processes),
                "verify": lambda: _verify_in_threads(signed(processes, latest)),
                "verify in processes": lambda: verifiers.side(signed(processes, latest)),
            },
            scale.rounds,
        )
        kept = _kept_bytes(processes, latest)
    _report(result, samples, kept)
    return result


def _append(bench: Bench, entries: Sequence[Submission]) -> int:
    chunks = [entries[at : at + CHUNK] for at in range(0, len(entries), CHUNK)]
    return settle([bench.log.append_later(chunk) for chunk in chunks])


def signed(bench: Bench, entries: Sequence[Submission]) -> Signed:
    """What verifying entries takes and nothing else."""
    keys = {key.kid: key.public_key for key in (author.key for author in bench.authors)}
    parsed = [parse_statement(entry.statement) for entry in entries]
    return [(keys[one.kid], one.signature, one.signed) for one in parsed]


def _verify_in_threads(items: Signed) -> Work:
    shares = [items[at::CORES] for at in range(CORES)]

    def work() -> int:
        threads = [Thread(target=verify_all, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(items)

    return work


def verify_all(items: Signed) -> None:
    """Verify on this thread."""
    keys = {raw: Ed25519PublicKey.from_public_bytes(raw) for raw in {item[0] for item in items}}
    for raw, signature, message in items:
        keys[raw].verify(signature, message)


class VerifierProcesses:
    """One process for each core that does nothing but verify: the most that Python gets out."""

    def __enter__(self) -> Self:
        context = get_context("spawn")
        self._ends: list[Connection] = []
        self._processes = []
        for _ in range(CORES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve_verifications, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join()

    def side(self, items: Signed) -> Work:
        """Hand the items over now, have them verified later."""
        for at, end in enumerate(self._ends):
            end.send(items[at::CORES])
            end.recv()

        def work() -> int:
            for end in self._ends:
                end.send(None)
            for end in self._ends:
                end.recv()
            return len(items)

        return work


def _serve_verifications(end: Connection) -> None:
    while True:
        try:
            items: Signed = end.recv()
            end.send(None)
            end.recv()
        except EOFError:
            return
        verify_all(items)
        end.send(None)


def _kept_bytes(bench: Bench, entries: Sequence[Submission]) -> float:
    """Leaf and sealed payload of an entry."""
    reader = bench.log.reader
    leaf = reader.store.leaf(reader.checkpoint.size - 1)
    return len(leaf) + sum(len(entry.blob) for entry in entries) / len(entries)


def _report(result: Result, samples: dict[str, Sample], kept: float) -> None:
    ours, threads = samples["processes"], samples["threads"]
    verify, verify_processes = samples["verify"], samples["verify in processes"]
    peer = f"Ed25519 verify, {CORES} threads"
    goal = compare(
        f"signature per entry, checked in {CORES} processes",
        ours,
        peer,
        verify,
        target=Target(1, "≥", 0.80, "ratio"),
    )
    result.rows += [
        goal,
        compare("signature per entry, checked in threads", threads, peer, verify),
        compare(
            f"signature per entry, checked in {CORES} processes",
            ours,
            f"Ed25519 verify, {CORES} processes",
            verify_processes,
        ),
        cpu_row(f"signature per entry, checked in {CORES} processes", ours, peer, verify),
        Row(
            "bytes to disk per entry, signature per entry",
            "B",
            ours.written,
            "leaf + sealed payload",
            kept,
            kept / ours.written,
        ),
    ]
    result.notes += [
        (
            f"{CHUNK} entries a call, all calls of a round in flight, 1 KiB of content, 1,000 "
            "records, two authors; the same statements on both sides."
        ),
        (
            "CPU per entry over all processes: "
            f"{ours.cpu_micros:.0f} µs with processes, {threads.cpu_micros:.0f} µs with threads; "
            f"bare verification {verify.cpu_micros:.0f} µs in threads, "
            f"{verify_processes.cpu_micros:.0f} µs in processes."
        ),
    ]
    if goal.met is False:
        ceiling = verify.cpu_micros / ours.cpu_micros
        result.reasons.append(
            f"Signature per entry ({goal.ratio:.2f}): an entry costs {ours.cpu_micros:.0f} µs of "
            f"CPU over all processes, of which a verification is {verify.cpu_micros:.0f} µs; with "
            f"all cores busy all the time that would give {ceiling:.2f}. `profile` splits the rest."
        )
