"""The ledger's verdict on leaves alone: its check, without what only a disk has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.check.heads import EpochsSeen, HeadsCheck
from ledger.check.replay import Replay
from ledger.check.report import Report
from ledger.errors import CounterfoilError, LedgerFault
from ledger.named import names_in
from ledger.reader import Reader
from ledger.wire.leaf import decode_leaf


class NoRuns:
    """A store that has no runs on disk."""

    def scan(self, *_: object) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


def problems_in(leaves: Sequence[bytes], predecessor: Reader | None = None) -> list[str]:
    """What the check says of a log of these leaves."""
    ids: dict[bytes, int] = {}
    epochs = EpochsSeen()
    for index, raw in enumerate(leaves):
        epochs.look(index, raw)
        try:
            claim = decode_leaf(raw).claim
        except CounterfoilError:
            continue
        ids.setdefault(claim.entry_id + claim.author, index)

    def leaf_at(index: int) -> bytes:
        if index >= len(leaves):
            raise LedgerFault(f"store: leaf {index} is missing")
        return leaves[index]

    report = Report(100, lambda *_: None, len(leaves))
    replay = Replay(report, leaf_at, ids.get, predecessor, names_in(leaves))
    none: Any = NoRuns()
    heads: HeadsCheck | None = None
    for derived in replay.run(leaves):
        if heads is None and replay.registry is not None:
            heads = HeadsCheck(report, none, none, replay.registry.log, epochs)
        if heads is not None:
            heads.add(derived, replay.head_after(derived))
    return [f"{one.where}: {one.what}" for one in report.problems]
