"""The independent verifier's audit of whole logs, as the command: entries a second against what the
cores can do in bare Ed25519 verifications, and memory from a small log to a large one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benchmarks.biglog import BigLog
from benchmarks.harness import Result, Row, Scale, Target, Work, alternate, compare
from benchmarks.machine import CORES

ROOT = Path(__file__).resolve().parent.parent
_STRUCTURE = 150_000
_SIGNED_SHARE = 0.8
_PEAK = re.compile(r"VmHWM:\s+([0-9]+) kB")
_SHARE = 1024
_MESSAGE_BYTES = 350
"""About what a statement's signature covers."""


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Audit")
    signed = _log(work / "signed", scale.audit_signed, singly=True)
    batched = _log(work / "batched", scale.audit_sizes[-1])
    small = _log(work / "small", scale.audit_sizes[0])

    def audit(log: BigLog, *options: str) -> Work:
        return lambda: _audit(log, *options)

    samples = alternate(
        {
            "full": lambda: audit(signed),
            "structure": lambda: audit(batched, "--structure-only"),
            "verify": lambda: _verify_all(scale.audit_signed),
        },
        min(5, scale.rounds),
    )
    cores = f"{CORES} core{'' if CORES == 1 else 's'}"
    result.rows += [
        compare(
            f"full audit, {signed.size:,} entries with a signature each",
            samples["full"],
            f"Ed25519 verifications alone, {cores}",
            samples["verify"],
            target=Target(5, "≥", _SIGNED_SHARE, "ratio"),
        ),
        Row(
            f"structure only, {batched.size:,} entries in batches, {batched.chains:,} chains",
            "/s",
            samples["structure"].rate,
            target=Target(5, "≥", _STRUCTURE, "ours"),
        ),
        *_memory(small, batched),
    ]
    result.notes.append(
        "Both audits are the whole command, with its start, its files and every run of every epoch "
        "computed again. The verifications alone are done by one process for each core, on "
        f"messages of {_MESSAGE_BYTES} bytes, with no log to read."
    )
    return result


def _log(directory: Path, size: int, singly: bool = False) -> BigLog:
    log = BigLog(directory, singly=singly)
    log.fill(size)
    return log


def _command(log: BigLog, *options: str) -> list[str]:
    keys = [word for text in log.vkeys for word in ("--vkey", text)]
    return [sys.executable, "-m", "verifier.cli", "log", str(log.directory), *keys, *options]


def _audit(log: BigLog, *options: str) -> int:
    # An installed program has its bytecode: it is not compiled anew at each start.
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    subprocess.run(
        _command(log, *options),
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    return log.size


def _memory(small: BigLog, large: BigLog) -> list[Row]:
    """The largest resident size of a process of an audit, in MB."""
    peaks = [_peak(log) / 1e6 for log in (small, large)]
    return [
        Row(
            f"largest process, structure of {large.size:,} entries, {large.chains:,} chains",
            "MB",
            peaks[1],
            f"of {small.size:,} entries, {small.chains:,} chains",
            peaks[0],
            peaks[0] / peaks[1],
        )
    ]


def _peak(log: BigLog) -> int:
    process = subprocess.Popen(
        _command(log, "--structure-only"), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        peak = max([peak, *map(_high_water, _family(process.pid))])
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    return peak


def _family(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, _read(task).split())
    return found


def _high_water(pid: int) -> int:
    found = _PEAK.search(_read(Path(f"/proc/{pid}/status")))
    return int(found[1]) * 1024 if found else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _verify_all(count: int) -> Work:
    """The processes are there, and have their key, before the clock starts."""
    pool = get_context("fork").Pool(CORES, _prepare)

    def work() -> int:
        # In small shares, as an audit hands out spans: a core that others use does less of them.
        with pool:
            return sum(pool.map(_verify, [_SHARE] * (count // _SHARE), chunksize=1))

    return work


_READY: tuple[Ed25519PublicKey, bytes, bytes] | None = None


def _prepare() -> None:
    global _READY
    key, message = Ed25519PrivateKey.generate(), os.urandom(_MESSAGE_BYTES)
    _READY = key.public_key(), key.sign(message), message


def _verify(count: int) -> int:
    if _READY is None:
        raise RuntimeError("not prepared")
    key, signature, message = _READY
    for _ in range(count):
        key.verify(signature, message)
    return count
