"""The head of a chain, or that it has none, from pages of an epoch's runs.

From the newest run to the oldest: a row with the chain's blinded id ends the look-up; two rows next
to each other around it, or the first or last row of the run, show that the run has none. A page is
believed when it leads to the root that the epoch names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from verifier.errors import NotVerified
from verifier.evidence.container import RunPages
from verifier.formats.epoch import PAGE_ROWS, ROW_BYTES, blinded_id, commitment, page_hash
from verifier.formats.merkle import multi_root

_BLINDED_BYTES = 16


class Index:
    """The pages that are here of the index of one log, and which of them a look-up needed."""

    def __init__(self, log: bytes, runs: Sequence[RunPages]) -> None:
        self._log = log
        self._newest_first = [_Pages(run) for run in reversed(runs)]

    def check_head(self, chain: bytes, count: int, index: int, leaf_hash: bytes) -> None:
        """The chain's newest leaf is this one, its leaf number `count` - 1."""
        if self._find(chain) != commitment(chain, count, index, leaf_hash):
            raise _false(
                f"leaf {index} as head of chain {chain.hex()}, its leaf {count - 1}", "another head"
            )

    def check_absent(self, chain: bytes) -> None:
        if self._find(chain) is not None:
            raise _false(f"no head of chain {chain.hex()}", "one whose leaf is not here")

    def check_used(self) -> None:
        """A file holds the pages that its look-ups need, and no other."""
        for pages in self._newest_first:
            left = pages.numbers - pages.used
            if left:
                raise _false(f"needed pages of the run to {pages.to} only", f"page {min(left)}")

    def _find(self, chain: bytes) -> bytes | None:
        blinded = blinded_id(self._log, chain)
        for pages in self._newest_first:
            found = pages.find(blinded)
            if found is not None:
                return found
        return None


class _Pages:
    """Of one run, proven."""

    def __init__(self, here: RunPages) -> None:
        self.to = here.run.to
        self.numbers = {number for number, _ in here.pages}
        self.used: set[int] = set()
        self._last = (here.run.rows - 1) // PAGE_ROWS
        self._pages = here.pages
        self._rows = [_rows(page) for _, page in here.pages]
        self._first = [rows[0][:_BLINDED_BYTES] for rows in self._rows]
        if here.pages:
            hashed = [(number, page_hash(page)) for number, page in here.pages]
            found = multi_root(hashed, self._last + 1, here.hashes)
            if found != here.run.root:
                raise _false(f"root {here.run.root.hex()} of the run to {self.to}", found.hex())
        for before, after in pairwise(row for rows in self._rows for row in rows):
            if before[:_BLINDED_BYTES] >= after[:_BLINDED_BYTES]:
                raise _false(f"rows of the run to {self.to} in ascending order", "others")

    def find(self, blinded: bytes) -> bytes | None:
        """The commitment in its row, None where the run has none. Raises NotVerified when these
        pages do not show which.
        """
        at = bisect_right(self._first, blinded) - 1
        if at < 0:
            if self._pages and self._pages[0][0] == 0:
                self.used.add(0)
                return None
            raise self._not_shown(blinded)
        rows, number = self._rows[at], self._pages[at][0]
        self.used.add(number)
        place = bisect_right([row[:_BLINDED_BYTES] for row in rows], blinded) - 1
        row = rows[place]
        if row[:_BLINDED_BYTES] == blinded:
            return row[_BLINDED_BYTES:]
        if place == len(rows) - 1 and number != self._last:
            if number + 1 not in self.numbers:
                raise self._not_shown(blinded)
            self.used.add(number + 1)
        return None

    def _not_shown(self, blinded: bytes) -> NotVerified:
        return _false(
            f"the row of {blinded.hex()}, or its neighbours, in the run to {self.to}",
            "rows that leave it open",
        )


def _rows(page: bytes) -> list[bytes]:
    return [page[at : at + ROW_BYTES] for at in range(0, len(page), ROW_BYTES)]


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("look-up", expected, found)
