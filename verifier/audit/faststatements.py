"""Entries with a signature of their own, quickly: those of the commonest kinds and layout.

As in `fastmembers`: a leaf is taken here only when all that the long way asks of it is seen at a
glance, its signature included. Any other goes the long way, which says what is wrong with it.
"""

from __future__ import annotations

from struct import Struct

from verifier.audit.columns import Columns
from verifier.audit.grouping import Grouping
from verifier.audit.spans import kinds_bit
from verifier.errors import NotVerified
from verifier.formats.claim import (
    ACCESS,
    CLOCK_AHEAD_MS,
    LINK,
    MAX_INTEGER,
    MAX_SEALED_BYTES,
    OLDEST_ID_MS,
    OPEN,
    RECORD,
    ZERO,
)
from verifier.formats.keys import ED25519, verifies
from verifier.formats.statement import ED25519_LAYOUT, signed_bytes
from verifier.rules.registry import Registry

_KINDS = frozenset({RECORD, ACCESS, OPEN, LINK})
"""Without a body, sealed, and amending nothing."""
_HEADER_BYTES = 57
_HEAD, _ISSUER, _SUBJECT, _CLAIM, _SIGNATURE = ED25519_LAYOUT
"""The fixed bytes of a statement: before the kid, author, chain, claim and signature."""
_LEAF = Struct(
    f">BQ32sQQ{len(_HEAD)}s32s{len(_ISSUER)}s32s{len(_SUBJECT)}s32s{len(_CLAIM)}s"
    f"BB32s16s16s16sQ32sQQ32s{len(_SIGNATURE)}s64s"
)
NOT_TAKEN = -1


class FastStatements:
    def __init__(
        self,
        log: bytes,
        columns: Columns,
        grouping: Grouping,
        registry: Registry,
        signatures: bool,
        known: bytes,
    ) -> None:
        """`known`: hashes of the first leaves, whose signatures were checked before."""
        self._log = log
        self._columns = columns
        self._grouping = grouping
        self._registry = registry
        self._signatures = signatures
        self._known = known

    def take(self, index: int, raw: bytes, last_ms: int) -> int:
        """When it was received, or NOT_TAKEN. `last_ms`: when the leaf before was."""
        if len(raw) != _LEAF.size or not self._grouping.between_batches:
            return NOT_TAKEN
        (
            version, seq, prev_hash, prev_index, received_ms, head, kid, issuer, author_hex,
            subject, chain_hex, claim_head, claim_version, kind, log, chain, author, entry_id,
            authored_ms, blob_hash, sealed_size, expires_ms, amended, signature_head, signature,
        ) = _LEAF.unpack(raw)  # fmt: skip
        id_ms = int.from_bytes(entry_id[:6], "big")
        if not (
            version == 1
            and head == _HEAD
            and issuer == _ISSUER
            and subject == _SUBJECT
            and claim_head == _CLAIM
            and signature_head == _SIGNATURE
            and author_hex == author.hex().encode()
            and chain_hex == chain.hex().encode()
            and claim_version == 1
            and kind in _KINDS
            and log == self._log
            and index
            and (
                0 < seq < MAX_INTEGER and prev_hash != ZERO and prev_index < index
                if seq
                else prev_hash == ZERO and prev_index == 0
            )
            and last_ms <= received_ms < MAX_INTEGER
            and received_ms - OLDEST_ID_MS <= id_ms <= received_ms + CLOCK_AHEAD_MS
            and entry_id[6] & 0xF0 == 0x70
            and entry_id[8] & 0xC0 == 0x80
            and authored_ms <= received_ms + CLOCK_AHEAD_MS
            and authored_ms < MAX_INTEGER
            and blob_hash != ZERO
            and 0 < sealed_size <= MAX_SEALED_BYTES
            and (expires_ms == 0 or received_ms <= expires_ms < MAX_INTEGER)
            and amended == ZERO
            and chain not in self._registry.derived
        ):
            return NOT_TAKEN
        columns = self._columns
        at = len(columns.chains)
        before = columns.left.get(chain)
        if before is not None and (
            prev_hash != columns.hashes[before]
            or seq != columns.seqs[before] + 1
            or prev_index != columns.first + before
        ):
            return NOT_TAKEN
        if not self._is_signed(index, at, raw, kid, author, kind, chain, received_ms, signature):
            return NOT_TAKEN
        if before is None:
            columns.entered[chain] = at
        else:
            later = columns.later_kinds
            later[chain] = later.get(chain, 0) | kinds_bit(kind)
        columns.left[chain] = at
        columns.chains.append(chain)
        columns.seqs.append(seq)
        columns.prev_hashes.append(prev_hash)
        columns.prev_indexes.append(prev_index)
        columns.codes.append(kind)
        columns.authors.append(author)
        columns.ids.append(author + entry_id + index.to_bytes(8, "big"))
        return int(received_ms)

    def _is_signed(
        self,
        index: int,
        at: int,
        raw: bytes,
        kid: bytes,
        author: bytes,
        kind: int,
        chain: bytes,
        received_ms: int,
        signature: bytes,
    ) -> bool:
        try:
            key = self._registry.key_for(kid, ED25519, author, kind, chain, received_ms, index)
        except NotVerified:
            return False
        if not self._signatures or self._known[32 * at : 32 * at + 32] == self._columns.hashes[at]:
            return True
        return verifies(key.public_key, signature, signed_bytes(raw, _HEADER_BYTES))
