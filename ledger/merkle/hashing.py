"""The RFC 6962 hashes (section 2.1).

    leaf hash   SHA-256(0x00 ‖ leaf)
    node hash   SHA-256(0x01 ‖ left ‖ right)
    empty root  SHA-256("")

A tree of n > 1 leaves splits at the largest power of two below n. Pairing the hashes of one level
from the left, and carrying an odd last one up unchanged, gives the same tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, cast

from ledger.wire.ids import Hash

EMPTY_ROOT: Final = Hash(sha256(b"").digest())


def leaf_hash(leaf: bytes) -> Hash:
    """The hash under which a leaf stands in the tree."""
    return Hash(sha256(b"\x00" + leaf).digest())


def node_hash(left: bytes, right: bytes) -> Hash:
    """The parent of two nodes."""
    return Hash(sha256(b"\x01" + left + right).digest())


def parents(hashes: Sequence[bytes]) -> list[Hash]:
    """The parents of nodes 0 and 1, 2 and 3, ...; an odd last node has none yet and is left out."""
    # The hot loop of every append: node_hash() and Hash() would be two more calls for every node.
    pairs = zip(hashes[::2], hashes[1::2], strict=False)
    digests = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return cast("list[Hash]", digests)


def subtree_root(hashes: Sequence[Hash]) -> Hash:
    """The root over any number of leaf hashes (or of roots of equal, full subtrees)."""
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > 1:
        above = parents(hashes)
        if len(hashes) % 2:
            above.append(hashes[-1])
        hashes = above
    return hashes[0]
