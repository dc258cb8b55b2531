"""Heads: the newest leaf of every chain, so that the appender can link the next one.

Rows (``ledger.store.run_form``, docs/spec/epoch.md) lie in the sorted runs of
``ledger.store.sorted_index``; chains that were written lately are kept in memory too, in two
generations, so an active chain costs one dict look-up. A chain that is in no generation can only
have its head in a run that starts before the older generation does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from ledger.store.run_form import HEAD_ROW, RAW_HEAD
from ledger.store.sorted_index import RunBuilder, SortedIndex
from ledger.store.tables import RunRow
from ledger.wire import epoch
from ledger.wire.epoch import blind
from ledger.wire.ids import ChainId, Hash

GENERATION: Final = 65_536
"""Chains a generation holds; two are kept, at about 400 bytes a chain."""


class ChainType(IntEnum):
    """What a chain is, from its first leaf. The codes are written to runs."""

    LOG = 0
    ACTOR = 1
    PERSON = 2
    DIRECTORY = 3
    BATCH = 4
    EPOCH = 5


_TYPES: Final = {int(kind): kind for kind in ChainType}


class Head(NamedTuple):
    """The newest leaf of a chain."""

    type: ChainType
    length: int
    """Leaves of the chain: seq of the head + 1."""
    at: int
    """Index of the head."""
    hash: Hash


def head_of(row: bytes) -> Head:
    """The head that a row holds. Its block was checked against its sum; whether the commitment
    beside it fits, `counterfoil check` asks.
    """
    _, _, kind, length, at, hash_ = HEAD_ROW.unpack(row)
    return Head(_TYPES[kind], length, at, Hash(hash_))


class HeadFiles(NamedTuple):
    """The registered runs of a log's heads, as files."""

    log: Hash
    directory: Path
    rows: tuple[RunRow, ...]


class FoundHeads(NamedTuple):
    """Heads that were found in runs over the leaves below ``upto``. What is newer is not in it."""

    upto: int
    heads: dict[ChainId, Head]


class ChainHeads:
    """Look-up (any thread) and upkeep (the writer thread)."""

    def __init__(self, log: Hash, index: SortedIndex) -> None:
        self.index = index
        self._log = log
        # Replaced as a whole, so that a reader in another thread never sees half of a rotation.
        self._generations = _Generations({}, {}, index.upto, index.upto)
        self._stretch: dict[ChainId, Head] = {}
        self._ahead = FoundHeads(0, {})

    def get(self, chain: ChainId) -> Head | None:
        """The head of a chain, None for a chain without leaves. LedgerFault when a run is
        damaged.
        """
        generations = self._generations
        head = generations.new.get(chain) or generations.old.get(chain)
        if head is not None:
            return head
        ahead = self._ahead
        if ahead.upto >= generations.old_from and (head := ahead.heads.get(chain)) is not None:
            # Whatever was written at or after ``old_from`` is in a generation.
            return head
        row = self.index.find(blind(self._log, chain), below=generations.old_from)
        return None if row is None else head_of(row)

    def files(self) -> HeadFiles | None:
        """What another process needs to look heads up ahead of the writer; None as long as it would
        hardly ever be asked for one that is not in memory.
        """
        rows = self.index.rows
        if max((row.rows for row in rows), default=0) <= 2 * GENERATION:
            return None
        return HeadFiles(self._log, self.index.directory, rows)

    def found_ahead(self, found: FoundHeads) -> None:
        """Take over what another process found, in place of what it found before."""
        self._ahead = found

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
            stop = min(len(chains), at + epoch.STRETCH - (start + at) % epoch.STRETCH)
            self._stretch.update(zip(chains[at:stop], heads[at:stop], strict=True))
            if (start + stop) % epoch.STRETCH == 0 and builder is not None:
                builder.build(self.index, start + stop - epoch.STRETCH, _raw(self._stretch))
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

    def newest_stretch(self) -> bytes:
        """What changed since the last full stretch, as a run's form takes it. For the writer."""
        return b"".join(_raw(self._stretch))


def _raw(stretch: dict[ChainId, Head]) -> Iterator[bytes]:
    for chain, head in stretch.items():
        yield RAW_HEAD.pack(chain, *head)


class _Generations(NamedTuple):
    new: dict[ChainId, Head]
    old: dict[ChainId, Head]
    new_from: int
    """Every chain written at or after this leaf is in ``new``."""
    old_from: int
