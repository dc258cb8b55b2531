"""Heads: the newest leaf of every chain, so that the appender can link the next one.

    row     blinded chain id (16) ‖ chain type u8 ‖ length u64 ‖ head index u64 ‖ head hash (32)
    blinded chain id = SHA-256("counterfoil/heads/v1" ‖ log ‖ chain)[:16]
    length  leaves of the chain: seq of the head + 1

Rows lie in the sorted runs of ``ledger.store.sorted_index``; chains that were written lately are
kept in memory too, in two generations, so an active chain costs one dict look-up. A chain that is
in no generation can only have its head in a run that starts before the older generation does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from ledger.store.sorted_index import STRETCH, RunBuilder, SortedIndex
from ledger.wire.ids import ID_SIZE, ChainId, Hash

ROW: Final = Struct(">16sBQQ32s")
GENERATION: Final = 65_536
"""Chains a generation holds; two are kept, at about 400 bytes a chain."""
_BLINDING: Final = b"counterfoil/heads/v1"


class ChainType(IntEnum):
    """What a chain is, from its first leaf. The codes are written to runs."""

    LOG = 0
    ACTOR = 1
    PERSON = 2
    DIRECTORY = 3
    BATCH = 4


class Head(NamedTuple):
    """The newest leaf of a chain."""

    type: ChainType
    length: int
    """Leaves of the chain: seq of the head + 1."""
    at: int
    """Index of the head."""
    hash: Hash


def blind(log: Hash, chain: ChainId) -> bytes:
    """The key of a chain in the heads index."""
    return sha256(_BLINDING + log + chain).digest()[:ID_SIZE]


class ChainHeads:
    """Look-up (any thread) and upkeep (the writer thread)."""

    def __init__(self, log: Hash, index: SortedIndex) -> None:
        self.index = index
        self._log = log
        # Replaced as a whole, so that a reader in another thread never sees half of a rotation.
        self._generations = _Generations({}, {}, index.upto, index.upto)
        self._stretch: dict[ChainId, Head] = {}

    def get(self, chain: ChainId) -> Head | None:
        """The head of a chain, None for a chain without leaves. LedgerFault when a run is
        damaged.
        """
        generations = self._generations
        head = generations.new.get(chain) or generations.old.get(chain)
        if head is not None:
            return head
        row = self.index.find(blind(self._log, chain), below=generations.old_from)
        if row is None:
            return None
        _, kind, length, at, hash_ = ROW.unpack(row)
        return Head(ChainType(kind), length, at, hash_)

    def applied(
        self,
        start: int,
        chains: Sequence[ChainId],
        heads: Sequence[Head],
        builder: RunBuilder | None,
    ) -> None:
        """Take in what was committed from leaf ``start`` on; full stretches go to the builder, if
        any.
        """
        self._generations.new.update(zip(chains, heads, strict=True))
        at = 0
        while at < len(chains):
            stop = min(len(chains), at + STRETCH - (start + at) % STRETCH)
            self._stretch.update(zip(chains[at:stop], heads[at:stop], strict=True))
            if (start + stop) % STRETCH == 0 and builder is not None:
                builder.build(self.index, start + stop - STRETCH, self._rows(self._stretch))
                self._stretch = {}
            at = stop
        if len(self._generations.new) > GENERATION:
            self._rotate(start + len(chains))

    def _rotate(self, size: int) -> None:
        """Begin a new generation; what no registered run holds yet is carried into it."""
        before, upto = self._generations, self.index.upto
        carried = {
            chain: head
            for chain, head in before.old.items()
            if head.at >= upto and chain not in before.new
        }
        self._generations = _Generations(carried, before.new, size, before.new_from)

    def _rows(self, stretch: dict[ChainId, Head]) -> Iterator[bytes]:
        for chain, head in stretch.items():
            yield ROW.pack(blind(self._log, chain), *head)


class _Generations(NamedTuple):
    new: dict[ChainId, Head]
    old: dict[ChainId, Head]
    new_from: int
    """Every chain written at or after this leaf is in ``new``."""
    old_from: int
