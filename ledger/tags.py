"""Tags: keyed fingerprints of what an entry came from, and the newest leaf of each.

    row   tag (16) ‖ index u64      = 24 bytes

A tag is an HMAC under the vault's key, so the index tells nothing without the vault. Two uses:
the source of an imported resource (so that a second import adds nothing) and an institution's
patient identifier (which record it is linked to). Tags of the newest leaves also stand in LMDB,
in log order, until a run holds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final

from ledger.store.sorted_index import STRETCH, RunBuilder, SortedIndex

ROW: Final = Struct(">16sQ")


class TagIndex:
    """Look-up and upkeep. Owned by the writer thread."""

    def __init__(self, index: SortedIndex) -> None:
        self.index = index
        self._recent: dict[bytes, int] = {}
        self._stretch: dict[bytes, int] = {}

    def get(self, tag: bytes) -> int | None:
        """The newest leaf with this tag, or None."""
        found = self._recent.get(tag)
        if found is not None:
            return found
        row = self.index.find(tag)
        return None if row is None else int(ROW.unpack(row)[1])

    def applied(
        self,
        start: int,
        count: int,
        tags: Sequence[tuple[int, bytes]],
        builder: RunBuilder | None,
    ) -> None:
        """Take in the (index, tag) pairs of the leaves [start, start + count), in index order;
        see ``ChainHeads``.
        """
        at, end, given = start, start + count, 0
        while at < end:
            stop = min(end, (at // STRETCH + 1) * STRETCH)
            while given < len(tags) and tags[given][0] < stop:
                self._stretch[tags[given][1]] = tags[given][0]
                given += 1
            if stop % STRETCH == 0 and builder is not None:
                builder.build(self.index, stop - STRETCH, _rows(self._stretch))
                self._recent.update(self._stretch)
                self._stretch = {}
            at = stop
        self._recent.update(self._stretch)

    def registered(self, upto: int) -> None:
        """Forget from memory what the runs hold now."""
        self._recent = {tag: index for tag, index in self._recent.items() if index >= upto}


def _rows(stretch: dict[bytes, int]) -> Iterator[bytes]:
    for tag, index in stretch.items():
        yield ROW.pack(tag, index)
