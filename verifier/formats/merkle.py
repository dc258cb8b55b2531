"""RFC 6962 trees over SHA-256, and one over SHA3-256 for renewals.

leaf = SHA-256(00 | entry)    node = SHA-256(01 | left | right)    empty tree = SHA-256("")
a tree of n > 1 leaves splits at the largest power of two below n
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Protocol

from verifier.errors import NotVerified


class Hashed(Protocol):
    def digest(self) -> bytes: ...


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


def multi_root(leaves: Iterable[tuple[int, bytes]], size: int, proof: Iterable[bytes]) -> bytes:
    """Root of the tree of `size` leaves that holds these hashes at these indexes, which ascend.

    Raises NotVerified (step `inclusion`) unless the proof has exactly the hashes that it takes.
    """
    level, last, hashes = list(leaves), size - 1, iter(proof)
    if not level or level[-1][0] > last or any(a >= b for (a, _), (b, _) in pairwise(level)):
        raise NotVerified("inclusion", f"ascending indexes below the size {size}", "others")
    while last:
        above: list[tuple[int, bytes]] = []
        known = iter(level)
        item = next(known, None)
        while item is not None:
            (at, node), item = item, next(known, None)
            if item is not None and item[0] == at ^ 1 and not at & 1:
                node, item = node_hash(node, item[1]), next(known, None)
            elif at & 1:
                node = node_hash(_following(hashes), node)
            elif at != last:
                node = node_hash(node, _following(hashes))
            above.append((at >> 1, node))
        level, last = above, last >> 1
    if next(hashes, None) is not None:
        raise NotVerified("inclusion", "no hash more than needed", "more")
    return level[0][1]


def _following(hashes: Iterator[bytes]) -> bytes:
    found = next(hashes, None)
    if found is None:
        raise NotVerified("inclusion", "another hash of the proof", "its end")
    return found


def check_consistency(
    old_size: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise NotVerified (step `consistency`) unless the new tree continues the old (RFC 9162)."""
    if not 0 < old_size <= size:
        raise _inconsistent(f"an old size of 1 to {size}", str(old_size))
    if any(len(item) != 32 for item in (old_root, new_root, *proof)):
        raise _inconsistent("hashes of 32 bytes", "another length")
    if old_size == size:
        if proof or old_root != new_root:
            raise _inconsistent(f"root {new_root.hex()} and no hashes", old_root.hex())
        return
    shift = (old_size & -old_size).bit_length() - 1
    first, last = (old_size - 1) >> shift, (size - 1) >> shift
    hashes = list(proof) if old_size != 1 << shift else [old_root, *proof]
    if not hashes:
        raise _inconsistent("hashes", "none")
    old = new = hashes[0]
    for item in hashes[1:]:
        if last == 0:
            raise _inconsistent("fewer hashes", str(len(proof)))
        if first & 1 or first == last:
            old, new = node_hash(item, old), node_hash(item, new)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, item)
        first, last = first >> 1, last >> 1
    if last or old != old_root or new != new_root:
        raise _inconsistent("hashes that lead to both roots", "others")


def _inconsistent(expected: str, found: str) -> NotVerified:
    return NotVerified("consistency", expected, found)


class GrowingTree:
    """The root over hashes that come one by one: of leaves, or of perfect subtrees of one size."""

    def __init__(self, algorithm: Callable[[bytes], Hashed] = sha256) -> None:
        self._hash = algorithm
        self._size = 0
        self._roots: list[bytes] = []
        """Of the perfect subtrees so far, the largest first."""

    def copy(self) -> GrowingTree:
        twin = GrowingTree(self._hash)
        twin._size, twin._roots = self._size, list(self._roots)
        return twin

    def extend(self, hashes: Iterable[bytes]) -> None:
        roots, size, hash_of = self._roots, self._size, self._hash
        for node in hashes:
            left = size
            while left & 1:
                node = hash_of(b"\x01" + roots.pop() + node).digest()
                left >>= 1
            roots.append(node)
            size += 1
        self._size = size

    def root(self) -> bytes:
        if not self._roots:
            return self._hash(b"").digest()
        result = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            result = self._hash(b"\x01" + left + result).digest()
        return result
