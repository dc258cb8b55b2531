"""How the rows of a sorted index look, and how they are made of what the writer hands over.

    tags    row  tag (16) ‖ index u64                            = what is handed over
    heads   raw  chain (16) ‖ type u8 ‖ count u64 ‖ index u64 ‖ leaf hash (32)
            row  blinded (16) ‖ commitment (32) ‖ type … leaf hash, as in raw

Of a row of heads the first 48 bytes are the row of the specification (docs/spec/epoch.md); what
follows is for the appender. Its runs have a tree over their pages.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from ledger.wire.epoch import PAGE_ROWS, ROW_SIZE, blind, commitment, page_hash
from ledger.wire.ids import ID_SIZE, ChainId, Hash

RAW_HEAD: Final = Struct(">16sBQQ32s")
HEAD_ROW: Final = Struct(">16s32sBQQ32s")


def head_row(log: Hash, raw: bytes) -> bytes:
    """A row of heads from its raw form."""
    chain, _, count, index, leaf_hash = RAW_HEAD.unpack(raw)
    committed = commitment(ChainId(chain), count, index, leaf_hash)
    return blind(log, ChainId(chain)) + committed + raw[ID_SIZE:]


def page_of(rows: list[bytes]) -> bytes:
    """The page of the specification, from up to 16 rows of heads."""
    return b"".join([row[:ROW_SIZE] for row in rows])


def page_hashes(rows: list[bytes]) -> list[Hash]:
    """The page hashes over rows of heads, from the beginning of a page on."""
    return [page_hash(page_of(rows[at : at + PAGE_ROWS])) for at in range(0, len(rows), PAGE_ROWS)]


class RunForm(NamedTuple):
    """Of one index. ``log``: the log's id for heads, empty for an index without trees."""

    row_size: int
    log: bytes = b""

    @property
    def block_rows(self) -> int:
        """Rows that are checked and looked through together: of heads a page, else about as many
        bytes.
        """
        return PAGE_ROWS if self.log else max(PAGE_ROWS * HEAD_ROW.size // self.row_size, 1)

    def rows(self, raw: bytes) -> list[bytes]:
        """Sorted rows from what the writer handed over, joined."""
        if not self.log:
            return sorted(_cut(raw, self.row_size))
        log = Hash(self.log)
        return sorted([head_row(log, one) for one in _cut(raw, RAW_HEAD.size)])


def heads_form(log: Hash) -> RunForm:
    """Of the heads index of a log."""
    return RunForm(HEAD_ROW.size, log)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
