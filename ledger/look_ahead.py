"""Looking ahead: heads of chains that were not written lately, looked up by the process that checks
the batch, so that the one writer need not.

    runs    {"log": hex, "directory": text, "rows": [[start, stop, rows, digest, rewritten]]}
    found   (position u16 ‖ type u8 ‖ count u64 ‖ index u64 ‖ leaf hash (32))*

``position`` is that of a member of the batch, the last one of each chain; chains that no run has
are not there. What was found is as old as the runs: the writer takes it only for chains that it has
not written since (``ChainHeads``), and looks up itself what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Any, Final

from ledger.errors import LedgerFault
from ledger.heads import ChainType, FoundHeads, Head, HeadFiles, head_of
from ledger.store.run_form import heads_form
from ledger.store.runs import Run
from ledger.store.sorted_index import RunSet
from ledger.store.tables import RunName, RunRow
from ledger.wire.epoch import blind
from ledger.wire.ids import ChainId, Hash

_FOUND: Final = Struct(">HBQQ32s")
_TYPES: Final = {int(kind): kind for kind in ChainType}


def files_json(files: HeadFiles) -> dict[str, object]:
    """``runs``, as above."""
    rows = [[row.start, row.stop, row.rows, row.digest.hex(), row.rewritten] for row in files.rows]
    return {"log": files.log.hex(), "directory": str(files.directory.absolute()), "rows": rows}


class LookAhead:
    """The looking process: keeps runs open from one batch to the next."""

    def __init__(self) -> None:
        self._log = Hash(b"")
        self._set = RunSet(())
        self._runs: dict[RunRow, Run] = {}

    def open(self, files: dict[str, Any]) -> None:
        """Look in these runs from now on. A run that is gone, replaced meanwhile, leaves nothing to
        look in.
        """
        self._log = Hash(bytes.fromhex(files["log"]))
        form, directory = heads_form(self._log), Path(files["directory"])
        rows = [
            RunRow(RunName.HEADS, start, stop, count, bytes.fromhex(digest), rewritten)
            for start, stop, count, digest, rewritten in files["rows"]
        ]
        try:
            self._runs = {
                row: self._runs.get(row)
                or Run(directory / row.file_name, form, row.rows, row.digest)
                for row in rows
            }
        except LedgerFault:
            self._runs = {}
        self._set = RunSet(self._runs.items())

    def find(self, chains: Sequence[ChainId]) -> bytes:
        """``found``, as above; nothing where a run is damaged, which the writer will say."""
        parts = []
        try:
            for chain, position in {chain: at for at, chain in enumerate(chains)}.items():
                row = self._set.find(blind(self._log, chain))
                if row is not None:
                    parts.append(_FOUND.pack(position, *head_of(row)))
        except LedgerFault:
            return b""
        return b"".join(parts)


def read_found(found: bytes, chains: Sequence[ChainId], upto: int) -> FoundHeads:
    """What another process found in runs over the leaves below ``upto``."""
    heads = {
        chains[position]: Head(_TYPES[kind], length, at, Hash(hash_))
        for position, kind, length, at, hash_ in _FOUND.iter_unpack(found)
    }
    return FoundHeads(upto, heads)
