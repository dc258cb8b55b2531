"""Erasure: nothing is gone without an order, nothing that is attested as gone is there."""

from __future__ import annotations

from ledger.check.report import Report
from ledger.erasing import Order, find_orders, remains
from ledger.errors import CounterfoilError
from ledger.store.runs import Run
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import RunName
from ledger.store.tails import ERASED
from ledger.tags import ROW as TAGS_ROW
from ledger.vault.keys import VaultKeys


class ErasureCheck:
    """What was ordered, looked up by everybody who finds something missing."""

    def __init__(self, report: Report, store: Store, vault: VaultKeys | None) -> None:
        """Reads all leaves once."""
        self._report = report
        self._store = store
        self._vault = vault
        self.orders: list[Order] = []
        try:
            self.orders = find_orders(store, report.size)
        except CounterfoilError as error:
            report.add("erasures", f"cannot be read: {error.message}")
        self._ordered = {index for order in self.orders for index in order.entries}

    def ordered(self, index: int) -> bool:
        """Whether the content of an entry may be gone."""
        return index in self._ordered

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

    def _remains(self, index: int) -> str:
        try:
            return remains(self._store, self._vault, index)
        except CounterfoilError:
            # Whoever checks the contents has said what is wrong there.
            return ""

    def _tagged(self) -> set[int]:
        """Leaves that have a tag, as far as an order is about them."""
        found: set[int] = set()
        try:
            for start, count in sorted(self._store.tail_rows().items()):
                for index, tag in self._store.tails.read(start, count):
                    if tag != ERASED:
                        found.add(index)
                    elif index not in self._ordered:
                        self._report.add("tags", f"the tag of entry {index} is gone without order")
            directory = self._store.directory / RUN_DIRECTORIES[RunName.TAGS]
            for row in self._store.run_rows(RunName.TAGS):
                run = Run(directory / row.file_name, TAGS_ROW.size, row.rows, row.digest)
                found.update(TAGS_ROW.unpack(stored)[1] for stored in run.scan())
        except CounterfoilError:
            # The check of tags names it.
            return found
        return found & self._ordered
