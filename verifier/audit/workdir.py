"""The directory that an audit writes into: one of its own that goes away, or the auditor's.

    <log id>/span-<first leaf>     records of spans
    <log id>/audited               JSON: size and root of the checkpoint that was audited last, and
                                   the larger runs that were computed
    lock

Nobody else writes there; what is damaged all the same is noticed by its digest and made again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from verifier.audit.heads import RunResult
from verifier.audit.store import DirectoryStore, write_whole
from verifier.errors import Unreadable, quote

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

BYTES_PER_LEAF = 420
"""That a record takes at most, with leaves that are each on a chain of their own, and runs."""
_FORMAT = "counterfoil-verify audited 1"


@dataclass(slots=True)
class Audited:
    """What is known of a log from the audit before."""

    size: int = 0
    root: bytes = b""
    runs: dict[tuple[int, int], RunResult] = field(default_factory=dict)
    """Larger aligned ones, by level and start."""


class WorkDirectory:
    def __init__(self, path: Path | None, disk: int, leaves: int, stack: ExitStack) -> None:
        """`leaves`: about how many records there will be for."""
        needed = leaves * BYTES_PER_LEAF
        if needed > disk:
            raise Unreadable(
                f"an audit of {leaves:,} leaves may write {needed:,} bytes, over {disk:,}",
                "allow more with --disk",
            )
        self.kept = path is not None
        if path is None:
            place = stack.enter_context(TemporaryDirectory(prefix="counterfoil-verify-"))
            path = Path(place)
        self._path = path
        self._disk = disk
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
            stack.callback(_lock(path))
        self._used = _size_of(path)
        self._check_room(needed)

    def store(self, log: bytes) -> DirectoryStore:
        directory = self._path / (log.hex() or "false")
        with _writing(directory):
            directory.mkdir(exist_ok=True)
            for left in directory.glob("*.new"):
                left.unlink()
        return DirectoryStore(directory)

    def audited(self, log: bytes) -> Audited:
        path = self._path / log.hex() / "audited"
        try:
            digest, _, text = path.read_bytes().partition(b"\n")
            if digest != sha256(text).hexdigest().encode():
                return Audited()
            fields = json.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            return Audited()
        except (OSError, ValueError) as error:
            raise Unreadable(f"cannot read {quote(str(path))}: {error}") from None
        if fields["format"] != _FORMAT:
            return Audited()
        runs = {
            (level, start): RunResult(rows, bytes.fromhex(root))
            for level, start, rows, root in fields["runs"]
        }
        return Audited(fields["size"], bytes.fromhex(fields["root"]), runs)

    def keep(self, log: bytes, audited: Audited) -> None:
        fields = {
            "format": _FORMAT,
            "size": audited.size,
            "root": audited.root.hex(),
            "runs": [[*at, run.rows, run.root.hex()] for at, run in sorted(audited.runs.items())],
        }
        text = json.dumps(fields).encode()
        raw = sha256(text).hexdigest().encode() + b"\n" + text
        write_whole(self._path / log.hex() / "audited", raw)

    def charge(self, written: int) -> None:
        """Raises Unreadable when more was written than is allowed."""
        self._used += written
        if self._used > self._disk:
            raise Unreadable(
                f"the records of this audit take over {self._disk:,} bytes",
                "allow more with --disk",
            )

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._path).free + self._used
        if needed > free:
            raise Unreadable(
                f"this audit may write {needed:,} bytes, and there are {free:,} free at "
                f"{quote(str(self._path))}",
                "choose another place with --state or TMPDIR",
            )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreadable(
            f"cannot write {quote(str(path))}: {error.strerror}", "choose another --state"
        ) from None


def _lock(path: Path) -> Callable[[], None]:
    """Two audits with one state would undo each other's work."""
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Unreadable(
                f"another audit is using {quote(str(path))}", "wait for it, or give another --state"
            ) from None
    return lambda: os.close(handle)


def _size_of(path: Path) -> int:
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(directory) / name).stat().st_size
    return total
