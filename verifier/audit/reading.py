"""The bundles of a span: fetched, decoded, hashed, and compared with the hash tiles over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from verifier.audit.spans import Span
from verifier.errors import NotVerified, Problem
from verifier.formats.actors import ActorBody, parse_actor
from verifier.formats.bodies import Trust, parse_trust
from verifier.formats.claim import ACTOR, EPOCH, TRUST
from verifier.formats.epoch import Epoch, parse_epoch
from verifier.formats.leaf import HEADER_BYTES, Leaf, parse_leaf
from verifier.formats.merkle import leaf_hash
from verifier.formats.tiles import WIDTH, Source, read_bundle

KEPT_BYTES = 1 << 26
"""Of bundles that are read twice, so many are kept; more are fetched again."""

Body: TypeAlias = ActorBody | Trust | Epoch
_PARSERS = {ACTOR: parse_actor, TRUST: parse_trust, EPOCH: parse_epoch}
_KIND_IN_CLAIM = 1
_PROTECTED_BYTES = {0x92: 146, 0x93: 147}
"""By the byte that says it: see `verifier.formats.statement`."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A leaf that changes who may sign, or an epoch."""

    index: int
    hashed: bytes
    leaf: Leaf
    body: Body | Problem


class SpanReader:
    def __init__(self, source: Source, span: Span, size: int) -> None:
        """`size`: leaves of the log."""
        self._source = source
        self._span = span
        self._size = size
        self._kept: dict[int, list[bytes]] = {}
        self._kept_bytes = 0

    def bundles(self) -> Iterator[tuple[int, list[bytes]]]:
        """Index of the first leaf, and the leaves. Raises NotVerified where there is none."""
        span = self._span
        for first in range(span.first // WIDTH * WIDTH, span.end, WIDTH):
            entries = self._bundle(first)
            skipped = max(0, span.first - first)
            wanted = entries[skipped : span.end - first]
            yield first + skipped, entries if len(wanted) == len(entries) else wanted

    def _bundle(self, first: int) -> list[bytes]:
        entries = self._kept.get(first)
        if entries is None:
            width = min(WIDTH, self._size - first)
            entries = read_bundle(self._source, first // WIDTH, width)
            size = sum(map(len, entries))
            if self._kept_bytes + size <= KEPT_BYTES:
                self._kept[first] = entries
                self._kept_bytes += size
        return entries


def registry_entries(reader: SpanReader) -> Iterator[RegistryEntry]:
    """Those of a span, up to where it cannot be read. What is false in itself is left out, and
    reported when the leaf is checked.
    """
    try:
        for first, entries in reader.bundles():
            for index, raw in enumerate(entries, first):
                if index and kind_at_a_glance(raw) in _PARSERS:
                    entry = registry_entry(index, raw)
                    if entry is not None:
                        yield entry
    except NotVerified:
        return


def kind_at_a_glance(raw: bytes) -> int:
    """The kind of the claim in a statement's leaf, 0 in any other. True for leaves that read."""
    if not raw or raw[0] & 0x7F != 1 or len(raw) < HEADER_BYTES + 160:
        return 0
    protected = _PROTECTED_BYTES.get(raw[HEADER_BYTES + 3])
    if protected is None:
        return 0
    length_at = HEADER_BYTES + 4 + protected + 1
    claim_at = length_at + (2 if raw[length_at] == 0x58 else 3)
    return raw[claim_at + _KIND_IN_CLAIM]


def registry_entry(index: int, raw: bytes) -> RegistryEntry | None:
    try:
        leaf = parse_leaf(raw)
    except NotVerified:
        return None
    body: Body | Problem
    try:
        body = _PARSERS[leaf.claim.kind](leaf.body)
    except NotVerified as error:
        body = error.at(index)
    return RegistryEntry(index, leaf_hash(raw), leaf, body)


def leaf_hashes(entries: list[bytes]) -> list[bytes]:
    return [sha256(b"\x00" + entry).digest() for entry in entries]
