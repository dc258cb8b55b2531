"""Files that are whole or absent, and that only their owner reads."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest

OWNER_FILE: Final = 0o600
OWNER_DIRECTORY: Final = 0o700
_PIECE: Final = 1 << 20


def make_directory(path: Path) -> None:
    """Create an owner-only directory (parents must exist)."""
    path.mkdir(mode=OWNER_DIRECTORY)


def sync_directory(path: Path) -> None:
    """Make names created or removed in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, data: bytes) -> None:
    """Create an owner-only file that must not exist, durably."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE)
    try:
        write_all(handle, data, 0)
        os.fsync(handle)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    sync_directory(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Write a file anew so that a crash leaves the old or the new one, never a part."""
    with replacing(path) as write:
        write(data)


@contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes], None]]:
    """The same for a file that is written piece by piece: it counts once this ends without an
    error.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE)
    end = 0

    def write(data: bytes) -> None:
        nonlocal end
        write_all(handle, data, end)
        end += len(data)

    try:
        yield write
        os.fsync(handle)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    os.replace(fresh, path)
    sync_directory(path.parent)


def check_plain(directory: Path) -> None:
    """Whether a directory that somebody else may have made holds files and directories only: no
    links out of it, nothing that waits when it is opened. Raises BadRequest.
    """
    for path in directory.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise BadRequest(
                f"{path.relative_to(directory)} in {directory.name} is neither a file nor a "
                "directory",
                hint="restore only what a backup has made; copy the file that a link names",
            )


def copy_part(source: Path, target: Path, size: int) -> str:
    """Copy the first ``size`` bytes into a new owner-only file, durably; returns their SHA-256 in
    hex. OSError when there are fewer.
    """
    digest = sha256()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE)
    try:
        with source.open("rb") as file:
            at = 0
            while at < size:
                piece = file.read(min(_PIECE, size - at))
                if not piece:
                    raise OSError(errno.EIO, "is shorter than it should be", str(source))
                write_all(handle, piece, at)
                digest.update(piece)
                at += len(piece)
        os.fsync(handle)
    finally:
        os.close(handle)
    return digest.hexdigest()


def open_random(path: Path) -> int:
    """A read-write descriptor of an owner-only file, created when absent."""
    return os.open(path, os.O_RDWR | os.O_CREAT, OWNER_FILE)


def wipe(path: Path) -> None:
    """Overwrite a file with zeros, durably, and remove it. Nothing happens when there is none.

    What a flash or copy-on-write disk keeps of the old bytes is out of reach here.
    """
    try:
        handle = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    try:
        overwrite(handle, 0, os.fstat(handle).st_size)
    finally:
        os.close(handle)
    path.unlink()
    sync_directory(path.parent)


def overwrite(handle: int, offset: int, size: int) -> None:
    """Zeros over a part of a file, durably."""
    zeros = bytes(min(size, _PIECE))
    for at in range(offset, offset + size, _PIECE):
        write_all(handle, zeros[: offset + size - at], at)
    os.fdatasync(handle)


def write_all(handle: int, data: bytes, offset: int) -> None:
    """pwrite until everything is written; OSError when the disk is full."""
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view = view[written:]
        offset += written
