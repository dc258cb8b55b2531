"""(author, entry id) occurs once in a log.

An entry id carries its time, and arrives at most 30 days after it, so ids are kept by day and
forgotten when no leaf may use them any more.
"""

from __future__ import annotations

from verifier.errors import NotVerified
from verifier.formats.claim import OLDEST_ID_MS, Claim

_DAY_MS = 24 * 3600 * 1000


class EntryIds:
    def __init__(self) -> None:
        self._days: dict[int, set[bytes]] = {}
        self._oldest = 0

    def add(self, claim: Claim, received_ms: int) -> None:
        """Call with times that never decrease and ids inside their window."""
        oldest = (received_ms - OLDEST_ID_MS) // _DAY_MS
        if oldest > self._oldest:
            self._oldest = oldest
            for day in [day for day in self._days if day < oldest]:
                del self._days[day]
        seen = self._days.setdefault(claim.id_ms // _DAY_MS, set())
        size = len(seen)
        seen.add(claim.author + claim.entry_id)
        if len(seen) == size:
            raise NotVerified(
                "entry id", "an id used once by its author", f"{claim.entry_id.hex()} again"
            )
