"""The members of a batch but its first, quickly: most leaves of a large log are such.

A member is taken here only when all that `parse_leaf`, `check_times`, the batch, the chain and its
author's role ask of it is seen at a glance. Any other leaf goes the long way, which says what is
wrong with it. So nothing is accepted here that is not accepted there: a test holds both side by
side.
"""

from __future__ import annotations

from collections.abc import Container
from struct import Struct

from verifier.audit.columns import Columns
from verifier.audit.spans import kinds_bit
from verifier.formats.claim import (
    CLOCK_AHEAD_MS,
    MAX_INTEGER,
    MAX_SEALED_BYTES,
    OLDEST_ID_MS,
    ZERO,
)
from verifier.formats.leaf import MEMBER_BYTES
from verifier.rules.batches import Members, member_hash

_MEMBER = Struct(">BQ32sQQQIBB32s16s16s16sQ32sQQ32s")
_CLAIM_AT = MEMBER_BYTES - 170


class FastMembers:
    def __init__(self, log: bytes, columns: Columns, derived: Container[bytes]) -> None:
        """`derived`: chains that belong to somebody, on which not everybody may write."""
        self._log = log
        self._columns = columns
        self._derived = derived
        self._group: Members | None = None
        self._oldest_id = self._newest_id = b""
        self._latest_authored = 0
        self._kind_bit = 0

    def follow(self, group: Members | None) -> None:
        """Take those that are like this group; None: none."""
        # Times that no entry id can have go the long way.
        self._group = group = None if group is None or group.received_ms >= 1 << 48 else group
        if group is not None:
            received = group.received_ms
            self._oldest_id = max(0, received - OLDEST_ID_MS).to_bytes(6, "big")
            self._newest_id = min(received + CLOCK_AHEAD_MS, (1 << 48) - 1).to_bytes(6, "big")
            self._latest_authored = min(received + CLOCK_AHEAD_MS, MAX_INTEGER - 1)
            self._kind_bit = kinds_bit(group.kind)

    def take(self, index: int, raw: bytes) -> bool:
        """Whether the leaf was taken."""
        group = self._group
        if group is None or len(raw) != MEMBER_BYTES:
            return False
        (
            version, seq, prev_hash, prev_index, received_ms, batch_index, position,
            claim_version, kind, log, chain, author, entry_id, authored_ms,
            blob_hash, sealed_size, expires_ms, amended,
        ) = _MEMBER.unpack(raw)  # fmt: skip
        hashes = group.hashes
        if not (
            version == 2
            and claim_version == 1
            and batch_index == group.batch_index
            and position == group.position + len(hashes)
            and received_ms == group.received_ms
            and kind == group.kind
            and author == group.author
            and log == self._log
            and 0 < seq < MAX_INTEGER
            and prev_index < index
            and prev_hash != ZERO
            and self._oldest_id <= entry_id[:6] <= self._newest_id
            and entry_id[6] & 0xF0 == 0x70
            and entry_id[8] & 0xC0 == 0x80
            and authored_ms <= self._latest_authored
            and blob_hash != ZERO
            and 0 < sealed_size <= MAX_SEALED_BYTES
            and (expires_ms == 0 or received_ms <= expires_ms < MAX_INTEGER)
            and amended == ZERO
            and chain not in self._derived
        ):
            return False
        columns = self._columns
        left, at = columns.left, len(columns.chains)
        before = left.get(chain)
        if before is None:
            columns.entered[chain] = at
        elif (
            prev_hash != columns.hashes[before]
            or seq != columns.seqs[before] + 1
            or prev_index != columns.first + before
        ):
            return False
        else:
            later = columns.later_kinds
            later[chain] = later.get(chain, 0) | self._kind_bit
        left[chain] = at
        columns.chains.append(chain)
        columns.seqs.append(seq)
        columns.prev_hashes.append(prev_hash)
        columns.prev_indexes.append(prev_index)
        columns.codes.append(kind)
        columns.authors.append(author)
        columns.ids.append(author + entry_id + index.to_bytes(8, "big"))
        hashes.append(member_hash(raw[_CLAIM_AT:]))
        return True
