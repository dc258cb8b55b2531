"""The machine and its counters, out of /proc. Nothing here names the host."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

CORES = len(os.sched_getaffinity(0))
_TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("cryptography", "lmdb", "cbor2", "pymerkle", "blockcerts-merkletools")


def describe(directory: Path) -> dict[str, str]:
    """What a reader needs to judge the numbers."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    disk = shutil.disk_usage(directory)
    return {
        "processor": f"{_processor()}, {CORES} cores",
        "memory": f"{memory:.0f} GiB",
        "disk": f"{_file_system(directory)}, {disk.free / 1e9:.0f} GB free",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": backend.openssl_version_text(),
        "sqlite": sqlite3.sqlite_version,
        "commit": _commit(),
    } | {name: _version(name) for name in _PACKAGES}


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    target = str(directory.resolve())
    best = ("", "unknown")
    for line in _read("/proc/mounts").splitlines():
        _, point, kind, *_ = line.split()
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def tree_usage() -> tuple[float, int]:
    """CPU seconds, and bytes sent to disk, by this process and its living children.

    The bytes are ``write_bytes`` of /proc/PID/io: pages of files when they are made dirty (again
    after each fdatasync). The journal of the file system is not among them.
    """
    cpu = 0.0
    written = 0
    for pid in _tree(os.getpid()):
        cpu += _cpu(pid)
        written += _written(pid)
    return cpu, written


def busy() -> float:
    """CPU seconds that all processes of the machine have used, and what a hypervisor took."""
    user, nice, system, _, _, irq, soft, steal, *_ = map(
        int, _read("/proc/stat").splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + soft + steal) / _TICKS


def cpu_by_process() -> dict[int, float]:
    """CPU seconds of this process and of each living child."""
    return {pid: _cpu(pid) for pid in _tree(os.getpid())}


def resident(without: Collection[int]) -> dict[str, int]:
    """Bytes of memory: own (anonymous) of this process, its mapped file pages, own of children
    (but for some).
    """
    own = os.getpid()
    return {
        "anonymous": _status(own, "RssAnon"),
        "file": _status(own, "RssFile"),
        "children": children_memory(own, without),
    }


def children_memory(pid: int, without: Collection[int] = ()) -> int:
    """Bytes of RssAnon of the children of a process, but for some."""
    return sum(_status(one, "RssAnon") for one in _tree(pid)[1:] if one not in without)


def anonymous_memory(pid: int) -> int:
    """Bytes of RssAnon of one process: resident, the page cache apart."""
    return _status(pid, "RssAnon")


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children so far."""
    return sum(map(_cpu, _tree(pid)))


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            found += map(int, _read(f"{task}/children").split())
    return found


def _cpu(pid: int) -> float:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _written(pid: int) -> int:
    for line in _read(f"/proc/{pid}/io").splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    return 0


def _status(pid: int, name: str) -> int:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
