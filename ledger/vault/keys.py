"""Content keys, one 32-byte slot for each leaf, encrypted under the key of a period.

    vault/keys/<period>/<n>.keys   slots of leaves [65,536 n, 65,536 (n+1))
                                   leaf i at byte 32 (i mod 65,536)

Slots are encrypted with AES-256-XTS (IEEE 1619), 128 slots to a data unit, so one slot can be
written or overwritten by itself without moving the others. XTS does not authenticate: a key is
good when the sealed blob's key commitment says so, and that is checked whenever one is used. A
slot of zeros holds no key: never written, or destroyed.

Keys are written before the log commits. A key whose commit never came is harmless: the next entry
at that index overwrites it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.ciphers import CipherContext

from ledger.store.files import open_random, sync_directory, write_all
from ledger.vault.period import PeriodKey, period_directory
from ledger.wire.ids import Hash

Progress: TypeAlias = Callable[[str, int, int], None]
"""What is done, how much of it, out of how much."""
SLOT: Final = 32
NO_KEY: Final = bytes(SLOT)
_UNIT: Final = 128
_FILE: Final = 65_536


class VaultKeys:
    """The slots of one period. Writing is owned by the writer thread; reading and destroying are
    for every thread.
    """

    def __init__(self, keys: Path, period: PeriodKey) -> None:
        """``keys`` is the vault's directory of periods."""
        self._directory = period_directory(keys, period.number)
        self._period = period
        self._open_file = -1
        self._handle = -1

    @property
    def log(self) -> Hash:
        """The log whose keys these are."""
        return self._period.log

    def store(self, start: int, keys: Sequence[bytes]) -> None:
        """Write the keys of leaves start, start + 1, … durably; NO_KEY for a leaf without content.

        OSError from the disk goes to the caller.
        """
        at = start
        while at < start + len(keys):
            stop = min(start + len(keys), (at // _FILE + 1) * _FILE)
            self._store_in_file(at, keys[at - start : stop - start])
            at = stop

    def _store_in_file(self, start: int, keys: Sequence[bytes]) -> None:
        handle = self._for_writing(start // _FILE)
        pieces = []
        at = start
        while at < start + len(keys):
            stop = min(start + len(keys), (at // _UNIT + 1) * _UNIT)
            plain = b"".join(keys[at - start : stop - start])
            pieces.append(
                _transform(self._period.cipher(at // _UNIT).encryptor(), at % _UNIT, plain)
            )
            at = stop
        write_all(handle, b"".join(pieces), start % _FILE * SLOT)
        os.fdatasync(handle)

    def _for_writing(self, number: int) -> int:
        if number != self._open_file:
            self.close()
            self._handle = open_random(self._path(number))
            # Whoever created it, perhaps before a crash: its name must be durable too.
            sync_directory(self._directory)
            self._open_file = number
        return self._handle

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:08d}.keys"

    def destroy(self, indexes: Iterable[int]) -> None:
        """Overwrite slots with zeros, durably: what those keys sealed is gone for good.

        A slot that holds no key stays as it is. OSError from the disk goes to the caller.
        """
        by_file: dict[int, list[int]] = {}
        for index in sorted(set(indexes)):
            by_file.setdefault(index // _FILE, []).append(index)
        for number, inside in by_file.items():
            try:
                handle = os.open(self._path(number), os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                end = os.fstat(handle).st_size
                for index in inside:
                    at = index % _FILE * SLOT
                    write_all(handle, NO_KEY[: max(0, end - at)], at)
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def copy_to(self, other: VaultKeys, progress: Progress = lambda *_: None) -> None:
        """Store all keys there too, durably, a file at a time; a slot without a key stays so."""
        files = sorted(self._directory.glob("*.keys"))
        counts = [-(-path.stat().st_size // SLOT) for path in files]
        done = 0
        for path, count in zip(files, counts, strict=True):
            start = int(path.stem) * _FILE
            keys: list[bytes] = []
            for at in range(start, start + count, _UNIT):
                width = min(_UNIT, start + count - at)
                keys += [key or NO_KEY for key in self.load_many(at, width)]
            other.store(start, keys)
            done += count
            progress("keys", done, sum(counts))

    def load(self, index: int) -> bytes | None:
        """The key of one leaf; None when the slot holds none."""
        return self.load_many(index, 1)[0]

    def load_many(self, start: int, count: int) -> list[bytes | None]:
        """The keys of [start, start + count), which must lie in one data unit of 128."""
        unit, first = divmod(start, _UNIT)
        if first + count > _UNIT:
            raise ValueError("a read of slots must not cross a data unit")
        try:
            with open(self._path(start // _FILE), "rb") as file:
                file.seek(start % _FILE * SLOT)
                raw = file.read(count * SLOT)
        except FileNotFoundError:
            raw = b""
        raw = raw.ljust(count * SLOT, b"\0")
        plain = _transform(self._period.cipher(unit).decryptor(), first, raw)
        return [
            plain[at : at + SLOT] if raw[at : at + SLOT] != NO_KEY else None
            for at in range(0, count * SLOT, SLOT)
        ]

    def close(self) -> None:
        """Close the file that is being written."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._open_file = -1, -1


def slot_files(directory: Path, size: int) -> list[tuple[Path, int]]:
    """The files that hold the slots of leaves [0, size), and how many bytes of each do."""
    parts = []
    for number in range(-(-size // _FILE)):
        path = directory / f"{number:08d}.keys"
        if path.exists():
            parts.append((path, min(path.stat().st_size, (size - number * _FILE) * SLOT)))
    return parts


def _transform(context: CipherContext, first: int, data: bytes) -> bytes:
    """Run the slots from ``first`` on through a data unit's cipher.

    XTS gives every 16-byte block its own tweak by position, so what stands before in the unit
    only has to be there. A slot of zeros stays one: it means that there is no key.
    """
    before = bytes(first * SLOT)
    result = (context.update(before + data) + context.finalize())[len(before) :]
    if NO_KEY not in data:
        return result
    return b"".join(
        result[at : at + SLOT] if data[at : at + SLOT] != NO_KEY else NO_KEY
        for at in range(0, len(data), SLOT)
    )
