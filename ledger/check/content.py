"""Content: payloads against the leaves that name them, the vault's keys against the payloads."""

from __future__ import annotations

from hashlib import sha256

from ledger.check.erasure import ErasureCheck
from ledger.check.replay import Derived
from ledger.check.report import Report
from ledger.errors import CounterfoilError, LedgerFault
from ledger.store import payloads
from ledger.store.environment import Reader
from ledger.store.payloads import Place
from ledger.store.store import Store
from ledger.store.tables import INDEX, PLACE
from ledger.vault.keys import VaultKeys
from ledger.wire.sealed import KEY_SIZE, MIN_BLOB, commits_to


class ContentCheck:
    """Follows the payloads through the segments in the order of the leaves."""

    def __init__(
        self,
        report: Report,
        store: Store,
        reader: Reader,
        vault: VaultKeys | None,
        erasure: ErasureCheck,
    ) -> None:
        """Without a vault, keys are not looked at."""
        self._erasure = erasure
        self._report = report
        self._store = store
        self._reader = reader
        self._vault = vault
        self._place = Place(0, 0)
        self._rows = 0

    def add(self, derived: Derived) -> None:
        """The next leaf."""
        row = self._reader.get("places", INDEX.pack(derived.index))
        if row is not None:
            self._rows += 1
            self._follow(derived.index, row)
        if derived.leaf is None:
            return
        claim = derived.leaf.claim
        key = self._key(derived.index)
        if not claim.blob_size:
            if key is not None:
                self._report.add(f"key {derived.index}", "the vault holds a key for no payload")
            return
        self._check_payload(derived.index, claim.blob_size, claim.blob_hash, key)
        self._place = Place(self._place.segment, self._place.offset + claim.blob_size)

    def _follow(self, index: int, row: bytes) -> None:
        """A piece's place must be where the payloads before it end, or a new segment."""
        if len(row) != PLACE.size:
            self._report.add(f"place {index}", "is damaged")
            return
        place = Place(*PLACE.unpack(row))
        if not self._continues(place):
            self._report.add(f"place {index}", "is not where the payloads before it end")
        self._place = place

    def _continues(self, place: Place) -> bool:
        """Whether payloads go on there: where the last ended, or behind a full segment."""
        full = self._place.offset >= payloads.SEGMENT_SIZE
        return place == self._place or (full and place == Place(self._place.segment + 1, 0))

    def _key(self, index: int) -> bytes | None:
        if self._vault is None:
            return None
        try:
            return self._vault.load(index)
        except (CounterfoilError, OSError) as error:
            self._report.add(f"key {index}", str(error))
            return None

    def _check_payload(self, index: int, size: int, digest: bytes, key: bytes | None) -> None:
        try:
            blob = self._store.payloads.read(self._place, size)
        except LedgerFault as error:
            self._report.add(f"payload {index}", error.message)
            return
        if self._erasure.ordered(index):
            # Whole, half overwritten or gone: that check says how far it has come.
            return
        if self._erasure.may_be_ordered_later(index, blob, key):
            return
        if sha256(blob).digest() != digest:
            self._report.add(f"payload {index}", "is not the one that its leaf names")
        elif self._vault is None:
            return
        elif key is None or len(key) != KEY_SIZE or size < MIN_BLOB or not commits_to(blob, key):
            self._report.add(f"key {index}", "the vault does not hold the key of this payload")

    def finish(self, end: Place) -> None:
        """Nothing may be left over."""
        if not self._continues(end):
            self._report.add("state", "names another end of the payloads than the leaves")
        if self._reader.count("places") != self._rows:
            self._report.add("table places", "holds places that no piece has")
