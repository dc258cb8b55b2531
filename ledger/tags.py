"""Tags: keyed fingerprints of what an entry came from, and the newest leaf of each.

    row   tag (16) ‖ index u64      = 24 bytes

A tag is an HMAC under the vault's key, so the index tells nothing without the vault. Two uses:
the source of an imported resource (so that a second import adds nothing) and an institution's
patient identifier (which record it is linked to). Tags of the newest leaves stand in tail files
(``ledger.store.tails``) until a run holds them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from struct import Struct
from typing import Final

from ledger.store.runs import Run, write_run
from ledger.store.sorted_index import Finished, RunBuilder, SortedIndex
from ledger.store.store import Store
from ledger.store.tables import RunRow
from ledger.wire import epoch

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
            stop = min(end, (at // epoch.STRETCH + 1) * epoch.STRETCH)
            while given < len(tags) and tags[given][0] < stop:
                self._stretch[tags[given][1]] = tags[given][0]
                given += 1
            if stop % epoch.STRETCH == 0 and builder is not None:
                builder.build(self.index, stop - epoch.STRETCH, _rows(self._stretch))
                self._recent.update(self._stretch)
                self._stretch = {}
            at = stop
        self._recent.update(self._stretch)

    def registered(self, upto: int) -> None:
        """Forget from memory what the runs hold now."""
        self._recent = {tag: index for tag, index in self._recent.items() if index >= upto}

    def erase(self, indexes: Collection[int], store: Store) -> None:
        """Destroy the rows of some leaves, for good, in runs and tail.

        The builder must be idle and every run registered. Runs are written anew without the rows;
        one transaction names the new files, then the old ones are overwritten. What a crash leaves
        half done is done by the same call again.
        """
        changed = [
            Finished(without, (row,))
            for row, run in self.index.runs()
            if any(row.start <= index < row.stop for index in indexes)
            and (without := self._without(indexes, row, run)) != row
        ]
        store.register(changed)
        for finished in changed:
            self.index.adopt(finished)
        store.tails.erase(indexes)
        # All full stretches are in runs: what is left in the tail is the newest one.
        rest = {tag: index for index, tag in store.tags_from(self.index.upto)}
        self._recent, self._stretch = rest, dict(rest)

    def _without(self, indexes: Collection[int], row: RunRow, run: Run) -> RunRow:
        kept = [stored for stored in run.scan() if ROW.unpack(stored)[1] not in indexes]
        if len(kept) == row.rows:
            return row
        empty = replace(row, rewritten=row.rewritten + 1)
        rows, digest = write_run(self.index.directory / empty.file_name, kept, self.index.form)
        return replace(empty, rows=rows, digest=digest)


def _rows(stretch: dict[bytes, int]) -> Iterator[bytes]:
    for tag, index in stretch.items():
        yield ROW.pack(tag, index)
