"""Sealed payloads in append-only segment files, out of LMDB's way.

A payload is large, is never looked up by anything but its position, and must one day be destroyed
for good; LMDB neither shrinks nor wipes. A segment ``<n>.seg`` holds blobs back to back; where an
entry's blob lies follows from the place of its piece (see ``tables``) and the sizes in the
claims. Bytes behind the committed end are what a crash left; the next writer cuts them off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import LedgerFault
from ledger.store.files import open_random, overwrite, sync_directory, write_all

SEGMENT_SIZE: Final = 1 << 30
"""A segment takes no new piece once it has reached this size."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in the segments."""

    segment: int
    offset: int


class PayloadFiles:
    """The segment files. Writing is owned by the writer thread; reading is for every thread."""

    def __init__(self, directory: Path, end: Place) -> None:
        """Open for reading. ``end`` is the committed end."""
        self._directory = directory
        self._handle = -1
        self.end = end

    def begin_writing(self) -> None:
        """Remove what lies behind the committed end and open the segment for writing.

        Not before it is certain that this end is the newest one: what lies behind it may be the
        only copy.
        """
        self._open_segment(self.end)

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:08d}.seg"

    def _open_segment(self, end: Place) -> None:
        """Make ``end`` the place of the next write."""
        handle = open_random(self._path(end.segment))
        if os.fstat(handle).st_size < end.offset:
            os.close(handle)
            raise LedgerFault(
                f"payload segment {end.segment} is shorter than the log says",
                hint="restore the payload files from a backup or a custodian",
            )
        os.ftruncate(handle, end.offset)
        self._path(end.segment + 1).unlink(missing_ok=True)
        sync_directory(self._directory)
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = handle
        self.end = end

    def next_place(self) -> Place:
        """Where the next blob will lie; begins a new segment when the last one is full."""
        if self.end.offset >= SEGMENT_SIZE:
            self._open_segment(Place(self.end.segment + 1, 0))
        return self.end

    def write(self, blobs: Sequence[bytes]) -> None:
        """Append blobs at ``next_place`` and make them durable.

        Raises OSError when the disk refuses; call ``rewind`` then.
        """
        data = b"".join(blobs)
        if data:
            write_all(self._handle, data, self.end.offset)
            os.fdatasync(self._handle)
            self.end = Place(self.end.segment, self.end.offset + len(data))

    def rewind(self, end: Place) -> None:
        """Drop what an aborted commit wrote behind ``end``."""
        self._open_segment(end)

    def read(self, place: Place, size: int) -> bytes:
        """The bytes at a place. Raises LedgerFault when the file does not have them."""
        try:
            with open(self._path(place.segment), "rb") as file:
                file.seek(place.offset)
                data = file.read(size)
        except OSError as error:
            raise LedgerFault(
                f"payload segment {place.segment} cannot be read: {error.strerror}",
                hint="restore the payload files from a backup or a custodian",
            ) from error
        if len(data) != size:
            raise LedgerFault(
                f"payload segment {place.segment} ends inside a payload",
                hint="restore the payload files from a backup or a custodian",
            )
        return data

    def wipe(self, place: Place, size: int) -> None:
        """Overwrite the bytes at a place with zeros, durably. OSError goes to the caller."""
        handle = os.open(self._path(place.segment), os.O_WRONLY)
        try:
            overwrite(handle, place.offset, size)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the segment that is being written."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
