"""RFC 6962 trees over SHA-256.

leaf = SHA-256(00 | entry)    node = SHA-256(01 | left | right)    empty tree = SHA-256("")
a tree of n > 1 leaves splits at the largest power of two below n
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from verifier.errors import NotVerified

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Root of a tree whose size is a power of two."""
    level = hashes
    while len(level) > 1:
        pairs = iter(level)
        level = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(pairs, pairs, strict=True)
        ]
    return level[0]


def root(hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes, any number of them."""
    if not hashes:
        return EMPTY_ROOT
    return join(perfect_subtrees(hashes))


def perfect_subtrees(hashes: Sequence[bytes]) -> list[bytes]:
    """Roots of the perfect subtrees, largest first, into which a row of hashes falls."""
    roots: list[bytes] = []
    start = 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        width = len(hashes) & (1 << bit)
        if width:
            roots.append(perfect_root(hashes[start : start + width]))
            start += width
    return roots


def join(roots: Iterable[bytes]) -> bytes:
    """Root of the tree made of these perfect subtrees, the largest first; at least one."""
    last_first = iter(reversed(list(roots)))
    result = next(last_first)
    for left in last_first:
        result = node_hash(left, result)
    return result


def check_inclusion(
    index: int, size: int, hashed: bytes, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Raise NotVerified (step `inclusion`) unless `hashed` is leaf `index` of this tree."""
    if not 0 <= index < size:
        raise NotVerified("inclusion", f"an index below the size {size}", str(index))
    # Below `inner` the path still has siblings on both sides; above it, only on the left.
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border:
        raise NotVerified("inclusion", f"{inner + border} hashes", f"{len(proof)} hashes")
    if any(len(item) != 32 for item in (hashed, expected_root, *proof)):
        raise NotVerified("inclusion", "hashes of 32 bytes", "another length")
    result = hashed
    for level, sibling in enumerate(proof):
        if level >= inner or index >> level & 1:
            result = node_hash(sibling, result)
        else:
            result = node_hash(result, sibling)
    if result != expected_root:
        raise NotVerified("inclusion", f"root {expected_root.hex()}", f"root {result.hex()}")
