"""How far an evidence file goes: a signed checkpoint, and in each log of the line one epoch.

The newest log is cut at a checkpoint that is published: the newest one that custodians signed,
where that covers what is asked for, else the newest. An older log is cut where it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.errors import BadRequest, LedgerFault
from ledger.identity import Succession
from ledger.lookups import EpochIndex
from ledger.reader import Reader
from ledger.store.tables import DAMAGED
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.claim import Kind
from ledger.wire.ids import Hash
from ledger.wire.leaf import decode_leaf
from ledger.wire.note import parse_note


class NotPublished(BadRequest):
    """What is to be shown is logged, and not in what is published."""


_PUBLISH = "run `counterfoil checkpoint DIR` first"


@dataclass(frozen=True, slots=True)
class Cut:
    """A log up to a size, and the epoch that a file goes by."""

    log: Reader
    size: int
    root: Hash
    epoch_at: int
    index: EpochIndex

    @property
    def upto(self) -> int:
        """E: leaves below it are all in the epoch."""
        return self.index.epoch.upto


def cut_line(reader: Reader, above: int = -1) -> tuple[bytes, list[Cut]]:
    """The checkpoint to go by, with leaf ``above`` below it, and the logs of the line, the newest
    first. Raises NotPublished when nothing that does is published, LedgerFault when an earlier log
    does not end as it should.
    """
    for note in (reader.store.cosigned(), reader.store.published()):
        if note is None:
            continue
        checkpoint = parse_checkpoint(parse_note(note).text)
        found = reader.newest_epoch(checkpoint.size)
        if checkpoint.size > above and found is not None:
            at, epoch = found
            index = reader.epoch_index(epoch)
            newest = Cut(reader, checkpoint.size, checkpoint.root, at, index)
            return note, [newest, *_earlier(reader)]
    if above >= 0:
        raise NotPublished(f"entry {above} is not in the published checkpoint yet", hint=_PUBLISH)
    raise NotPublished("nothing is published that has an epoch", hint=_PUBLISH)


def _earlier(reader: Reader) -> Iterator[Cut]:
    while reader.predecessor is not None:
        genesis = decode_leaf(reader.store.leaf(0)).claim
        if genesis.kind is not Kind.SUCCESSION:
            raise LedgerFault("store: leaf 0 takes over from no log", hint=DAMAGED)
        named = Succession.decode(genesis.body).predecessor
        reader = reader.predecessor
        found = reader.newest_epoch(named.size)
        if found is None or found[0] != named.size - 1:
            raise LedgerFault(f"store: log {named.origin} does not end in an epoch", hint=DAMAGED)
        at, epoch = found
        yield Cut(reader, named.size, named.root, at, reader.epoch_index(epoch))
