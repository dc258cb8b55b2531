"""A batch in an evidence file: the members that are here belong to it, and are in it."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.errors import NotVerified
from verifier.formats.bodies import Batch, parse_batch
from verifier.formats.claim import KINDS
from verifier.formats.leaf import Leaf
from verifier.formats.merkle import multi_root
from verifier.rules.batches import check_outside, member_hash


class Members:
    """Of one batch, those that are here."""

    def __init__(self, leaf: Leaf, size: int, index: int) -> None:
        self._leaf = leaf
        self._batch: Batch = parse_batch(leaf.body)
        check_outside(index, self._batch.count, size)
        self._hashes: list[tuple[int, bytes]] = []

    def add(self, position: int, leaf: Leaf) -> None:
        batch, own = self._batch, self._leaf
        for what, expected, found in (
            ("author", own.claim.author.hex(), leaf.claim.author.hex()),
            ("kind", KINDS[batch.member_kind].name, KINDS[leaf.claim.kind].name),
            ("time", own.received_ms, leaf.received_ms),
        ):
            if expected != found:
                raise NotVerified("batch", f"its batch's {what}, {expected}", str(found))
        if position >= batch.count:
            raise NotVerified("batch", f"a position below {batch.count}", str(position))
        self._hashes.append((position, member_hash(leaf.claim_bytes)))

    def check(self, index: int, proof: Iterable[bytes], needed: bool) -> None:
        if not self._hashes:
            if needed:
                raise NotVerified("leaves", "a batch that has members here", "none", index)
            if any(True for _ in proof):
                raise NotVerified("batch", "no hashes where no member is here", "some", index)
            return
        try:
            found = multi_root(self._hashes, self._batch.count, proof)
        except NotVerified as error:
            raise NotVerified("batch", error.problem.expected, error.problem.found, index) from None
        if found != self._batch.root:
            raise NotVerified("batch", f"member root {self._batch.root.hex()}", found.hex(), index)
