"""Erasure: nothing is gone without an order, nothing that is attested as gone is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.check.report import Report
from ledger.erasing import Order, find_orders, remains
from ledger.errors import CounterfoilError
from ledger.reader import Reader
from ledger.store.run_form import RunForm
from ledger.store.runs import Run
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import RunName
from ledger.store.tails import ERASED
from ledger.tags import ROW as TAGS_ROW
from ledger.vault.keys import VaultKeys
from ledger.wire.ids import Position


@dataclass(frozen=True, slots=True)
class Later:
    """Orders in later logs of the line about entries of this one, and of those before it."""

    ordered: Mapping[int, bool] = field(default_factory=dict)
    """Entry -> whether an order about it is attested as carried out."""
    earlier: Mapping[Position, bool] = field(default_factory=dict)
    """The same for the logs before, counted from this one."""


class ErasureCheck:
    """What was ordered, looked up by everybody who finds something missing."""

    def __init__(
        self,
        report: Report,
        store: Store,
        vault: VaultKeys | None,
        predecessor: Reader | None = None,
        elsewhere: Later | None = None,
    ) -> None:
        """Reads all leaves once. ``elsewhere`` has what later logs of the line ordered, None when
        a log that ended is checked without them.
        """
        self._ended = elsewhere is None
        self._report = report
        self._store = store
        self._vault = vault
        self.orders: list[Order] = []
        self._left: dict[int, str] = {}
        try:
            self.orders = find_orders(store, report.size, predecessor)
        except CounterfoilError as error:
            report.add("erasures", f"cannot be read: {error.message}")
        self._ordered = {index for order in self.orders for index in order.entries}
        self._elsewhere = elsewhere or Later()
        self._ordered |= set(self._elsewhere.ordered)

    def later(self) -> Later:
        """What the log before is to know of orders that stand here and behind."""
        places = dict(self._elsewhere.earlier)
        for order in self.orders:
            for place in order.earlier:
                places[place] = places.get(place, False) or order.attested
        return Later(
            {at: done for (at, back), done in places.items() if back == 1},
            {Position(at, back - 1): done for (at, back), done in places.items() if back > 1},
        )

    def ordered(self, index: int) -> bool:
        """Whether the content of an entry may be gone."""
        return index in self._ordered

    def may_be_ordered_later(self, index: int, blob: bytes, key: bytes | None) -> bool:
        """Whether content is wholly gone in a log that ended, and that is checked without the one
        that took over: an order may stand there. Notes it.
        """
        if not self._ended or key is not None or blob.strip(b"\0"):
            return False
        self._report.note(
            f"payload {index}", "is erased; the order must stand in the log that took over"
        )
        return True

    def finish(self) -> None:
        """What of each order is still there, tags too."""
        tagged = self._tagged()
        for order in self.orders:
            left = [index for index in order.entries if index in tagged or self._remains(index)]
            if left and order.attested:
                self._report.add(
                    f"erasure {order.index}",
                    f"is attested, but content of entry {left[0]} is there",
                )
            elif left:
                self._report.note(
                    f"erasure {order.index}",
                    f"is ordered and not done yet ({len(left)} of {len(order.entries)} entries): "
                    "`counterfoil erase DIR --pending`",
                )
        for index, attested in self._elsewhere.ordered.items():
            if not (index in tagged or self._remains(index)):
                continue
            if attested:
                self._report.add(
                    f"entry {index}", "a later log attests its erasure, and it is there"
                )
            else:
                self._report.note(
                    f"entry {index}", "a later log orders its erasure, which is not done yet"
                )

    def _remains(self, index: int) -> str:
        # Many orders may be about one entry.
        if index not in self._left:
            try:
                self._left[index] = remains(self._store, self._vault, index)
            except CounterfoilError:
                # Whoever checks the contents has said what is wrong there.
                self._left[index] = ""
        return self._left[index]

    def _tagged(self) -> set[int]:
        """Leaves that have a tag, as far as an order is about them."""
        found: set[int] = set()
        try:
            for start, count in sorted(self._store.tail_rows().items()):
                for index, tag in self._store.tails.read(start, count):
                    if tag != ERASED:
                        found.add(index)
                    elif index not in self._ordered and not self._ended:
                        self._report.add("tags", f"the tag of entry {index} is gone without order")
            directory = self._store.directory / RUN_DIRECTORIES[RunName.TAGS]
            for row in self._store.run_rows(RunName.TAGS):
                run = Run(directory / row.file_name, RunForm(TAGS_ROW.size), row.rows, row.digest)
                found.update(TAGS_ROW.unpack(stored)[1] for stored in run.scan())
        except CounterfoilError:
            # The check of tags names it.
            return found
        return found & self._ordered
