"""Renewed root: the RFC 6962 tree over given items with SHA3-256 in place of SHA-256.

It binds what SHA-256 binds today once more, for the time when SHA-256 does not any more
(docs/spec/succession.md, *Renewal*).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha3_256


def renewed_root(items: Iterable[bytes]) -> bytes:
    """The root over all items, in order; 32 bytes. Holds a hash for each level, not the items."""
    complete: list[tuple[int, bytes]] = []
    for item in items:
        height, node = 0, sha3_256(b"\x00" + item).digest()
        while complete and complete[-1][0] == height:
            node = sha3_256(b"\x01" + complete.pop()[1] + node).digest()
            height += 1
        complete.append((height, node))
    if not complete:
        return sha3_256().digest()
    root = complete.pop()[1]
    while complete:
        root = sha3_256(b"\x01" + complete.pop()[1] + root).digest()
    return root
