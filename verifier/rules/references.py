"""Leaves that a later entry of their chain names by hash.

    amend, retract   a record or an amend
    unlink           a link
    erasure          an order: leaves of kinds that need a sealed blob;  an attestation: an order

Memory grows with the log: 100 to 150 bytes for each leaf on a person's chain or in a directory.
"""

from __future__ import annotations

from verifier.errors import NotVerified
from verifier.formats.claim import AMEND, KINDS, LINK, RECORD, UNLINK, Claim
from verifier.formats.erasure import Erasure


class References:
    def __init__(self) -> None:
        # Leaf hash -> chain; each leaf is in one of the first three.
        self._records: dict[bytes, bytes] = {}
        self._links: dict[bytes, bytes] = {}
        self._others: dict[bytes, bytes] = {}
        self._orders: dict[bytes, bytes] = {}

    def add(self, hashed: bytes, claim: Claim, chain: bytes) -> None:
        """`chain` is the claim's, as the one object that all its leaves share."""
        kind = claim.kind
        if kind in (RECORD, AMEND):
            self._records[hashed] = chain
        elif kind == LINK:
            self._links[hashed] = chain
        elif KINDS[kind].must_seal:
            self._others[hashed] = chain

    def add_order(self, hashed: bytes, chain: bytes) -> None:
        self._orders[hashed] = chain

    def check_amended(self, claim: Claim) -> None:
        known, what = (
            (self._links, "a link")
            if claim.kind == UNLINK
            else (self._records, "a record or an amend")
        )
        if known.get(claim.amended) != claim.chain:
            raise NotVerified(
                "amended", f"the hash of {what} earlier on this chain", claim.amended.hex()
            )

    def check_erasure(self, erasure: Erasure, chain: bytes) -> None:
        for hashed in erasure.entries:
            if not any(
                known.get(hashed) == chain for known in (self._records, self._links, self._others)
            ):
                raise NotVerified(
                    "erasure", "the hash of a leaf with content earlier on this chain", hashed.hex()
                )
        if erasure.order is not None and self._orders.get(erasure.order) != chain:
            raise NotVerified(
                "erasure", "the hash of an order earlier on this chain", erasure.order.hex()
            )
