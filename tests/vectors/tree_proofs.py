"""Cases for tiles, Merkle proofs, proof files and receipts: good ones, and one mutation each."""

from __future__ import annotations

from base64 import b64encode

from ledger.merkle import consistency_proof, inclusion_proof, multi_proof
from ledger.wire.ids import LeafIndex
from ledger.wire.note import sign_note
from ledger.wire.proof import TlogProof, render_proof
from ledger.wire.receipt import Receipt, render_receipt
from ledger.wire.tile import Tile, encode_bundle, tiles_of
from tests.vectors.tree_keys import (
    CHECKPOINT,
    LEAF_HASHES,
    LOG,
    LOG_ML_DSA,
    ORIGIN,
    SIZE,
    leaf,
    root,
    text64,
)

Cases = list[dict[str, object]]


class Leaves:
    """The tiles of the vectors' tree: 300 leaves make one full tile and one of 44."""

    def read(self, level: int, index: int, width: int) -> bytes:
        hashes = LEAF_HASHES if level == 0 else [root(256)]
        return b"".join(hashes[256 * index : 256 * index + width])


def tile_vectors() -> dict[str, object]:
    """Tile paths, entry bundles, and which tiles a tree has."""
    tiles = [Tile(0, 0), Tile(0, 1_234_067), Tile(1, 0, 17), Tile(63, 999), Tile(2, 1000, 255)]
    tiles += [Tile(None, 0, 1), Tile(None, 1_000_000), Tile(0, 2**53 - 1)]
    fields = [
        {"path": one.path(), "level": one.level, "index": one.index, "width": one.width}
        for one in tiles
    ]
    entries = {
        "one": [b"leaf 0"],
        "three": [b"a", b"", b"ccc"],
        "full": [leaf(index) for index in range(256)],
    }
    bundles = [
        {"name": name, "entries": [text64(e) for e in one], "bundle": text64(encode_bundle(one))}
        for name, one in entries.items()
    ]
    return {
        "about": "C2SP tlog-tiles: paths, entry bundles (base64), the tiles of a tree of a size",
        "paths": fields,
        "bad_paths": _bad_paths(),
        "bundles": bundles,
        "bad_bundles": _bad_bundles(),
        "tiles_of": [
            {"size": size, "paths": [tile.path() for tile in tiles_of(size)]}
            for size in (0, 1, 255, 256, 257, 300, 512, 1000)
        ],
    }


def _bad_paths() -> list[str]:
    paths = ["", "tile", "/tile/0/000", "tile/0/000/", "tile/0/0", "tile/0/0000", "tile/0/x000"]
    paths += ["tile/0/x000/001", "tile/0/001/001", "tile/0/x001/x001", "tile/0/X001/001"]
    paths += ["tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile/a/000"]
    paths += ["tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/"]
    paths += ["tile/0/000.p", "tile/0/000.p/1/", "tile/8/0/000", "tile/entries/0/000"]
    paths += ["tile/0/٠٠٠", "tile/0/000\n", "tile//000", "tile/0/../000", "tile/0/ 00"]
    paths += ["tile/0/x009/x007/x199/x254/x740/992"]
    return paths


def _bad_bundles() -> Cases:
    good = encode_bundle([b"a", b"bb"])
    mutations: dict[str, tuple[int, bytes]] = {
        "empty": (1, b""),
        "an-entry-too-few": (3, good),
        "an-entry-too-many": (1, good),
        "last-byte-missing": (2, good[:-1]),
        "byte-after-the-end": (2, good + b"\0"),
        "length-without-entry": (3, good + b"\0\1"),
        "257-entries": (257, b"\0\0" * 257),
    }
    return [
        {"name": name, "width": width, "bundle": text64(data)}
        for name, (width, data) in mutations.items()
    ]


def merkle_vectors() -> dict[str, object]:
    """Roots and proofs over the leaves "leaf 0", "leaf 1", ... (hashes in hex)."""
    sizes = [*range(34), 63, 64, 65, 255, 256, 257, SIZE]
    return {
        "about": 'leaf i is the ASCII text "leaf <i>"; hashes in hex; RFC 6962, SHA-256',
        "roots": [{"size": size, "root": root(size).hex()} for size in sizes],
        "inclusion": _inclusion_cases(),
        "consistency": _consistency_cases(),
        "multi": _multi_cases(),
    }


def _hex(hashes: list[bytes]) -> list[str]:
    return [value.hex() for value in hashes]


def _changed(proof: list[bytes]) -> dict[str, list[bytes]]:
    """Mutations of a proof of two or more hashes."""
    first = proof[0]
    return {
        "hash-missing-at-the-start": proof[1:],
        "hash-missing-at-the-end": proof[:-1],
        "hash-added-at-the-start": [bytes(32), *proof],
        "hash-added-at-the-end": [*proof, bytes(32)],
        "bit-flipped": [bytes([first[0] ^ 1]) + first[1:], *proof[1:]],
        "hash-short": [first[:-1], *proof[1:]],
        "hash-long": [first + b"\0", *proof[1:]],
        "reversed": proof[::-1],
        "empty": [],
    }


def _inclusion_cases() -> Cases:
    def case(name: str, index: int, size: int, proof: list[bytes], leaf_index: int) -> None:
        cases.append(
            {
                "name": name,
                "index": index,
                "leaf_hash": LEAF_HASHES[leaf_index].hex(),
                "size": size,
                "root": root(min(size, SIZE)).hex(),
                "proof": _hex(proof),
                "valid": not false,
            }
        )

    cases: Cases = []
    false = False
    good = [(0, 1), (0, 2), (1, 2), (2, 3), (6, 7), (4, 8), (255, 256), (256, 257), (299, SIZE)]
    for index, size in [*good, (77, SIZE), (256, SIZE)]:
        proof: list[bytes] = [*inclusion_proof(index, size, Leaves())]
        case(f"leaf-{index}-of-{size}", index, size, proof, index)
    false = True
    proof = [*inclusion_proof(77, SIZE, Leaves())]
    for name, changed in _changed(proof).items():
        case(name, 77, SIZE, changed, 77)
    case("index-of-the-next-leaf", 78, SIZE, proof, 77)
    case("leaf-of-another-index", 77, SIZE, proof, 78)
    case("index-after-the-last-leaf", SIZE, SIZE, proof, 77)
    case("size-of-a-deeper-tree", 77, 2 * SIZE, proof, 77)
    return cases


def _consistency_cases() -> Cases:
    def case(name: str, sizes: tuple[int, int], proof: list[bytes], valid: bool) -> None:
        old, new = sizes
        cases.append(
            {
                "name": name,
                "old_size": old,
                "old_root": root(old).hex(),
                "new_size": new,
                "new_root": root(new).hex(),
                "proof": _hex(proof),
                "valid": valid,
            }
        )

    cases: Cases = []
    good = [(1, 2), (2, 3), (3, 7), (4, 8), (6, 8), (7, 8), (255, 256), (256, SIZE), (299, SIZE)]
    for old, new in [*good, (0, 0), (0, SIZE), (SIZE, SIZE), (100, SIZE)]:
        case(f"from-{old}-to-{new}", (old, new), [*consistency_proof(old, new, Leaves())], True)
    proof: list[bytes] = [*consistency_proof(100, SIZE, Leaves())]
    for name, changed in _changed(proof).items():
        case(name, (100, SIZE), changed, False)
    case("another-old-size", (101, SIZE), proof, False)
    case("another-new-size", (100, SIZE - 1), proof, False)
    case("sizes-swapped", (SIZE, 100), proof, False)
    case("hash-between-equal-sizes", (100, 100), [root(100)], False)
    case("hash-from-size-0", (0, SIZE), [root(SIZE)], False)
    return cases


def _multi_cases() -> Cases:
    def case(name: str, indexes: list[int], proof: list[bytes], valid: bool) -> None:
        hashes = [LEAF_HASHES[index].hex() for index in indexes]
        cases.append(
            {
                "name": name,
                "indexes": indexes,
                "leaf_hashes": hashes,
                "size": SIZE,
                "root": root(SIZE).hex(),
                "proof": _hex(proof),
                "valid": valid,
            }
        )

    cases: Cases = []
    good = {
        "one-leaf": [77],
        "first-and-last": [0, 299],
        "neighbours-under-one-node": [10, 11],
        "neighbours-under-two-nodes": [11, 12],
        "a-run-over-two-tiles": list(range(250, 262)),
        "scattered": [3, 50, 51, 77, 128, 255, 256, 298],
        "all": list(range(SIZE)),
    }
    for name, indexes in good.items():
        case(name, indexes, [*multi_proof(indexes, SIZE, Leaves())], True)
    scattered = good["scattered"]
    proof: list[bytes] = [*multi_proof(scattered, SIZE, Leaves())]
    for name, changed in _changed(proof).items():
        case(name, scattered, changed, False)
    case("index-twice", [77, 77], proof, False)
    case("indexes-descending", scattered[::-1], proof, False)
    case("another-index", [4, *scattered[1:]], proof, False)
    case("index-left-out", scattered[1:], proof, False)
    case("no-index", [], [], False)
    return cases


def proof_vectors(ml_dsa_line: bytes) -> dict[str, object]:
    """Proof files under the published checkpoint."""
    good = _published(77, b"", ml_dsa_line)
    return {
        "about": "proof files (base64) for the leaf hash (hex); valid: parses, opens, includes it",
        "origin": ORIGIN,
        "required": [str(LOG.vkey), str(LOG_ML_DSA.vkey)],
        "leaf_hash": LEAF_HASHES[77].hex(),
        "cases": [
            {"name": "plain", "file": text64(good), "valid": True},
            {"name": "extra", "file": text64(_published(77, b"hi", ml_dsa_line)), "valid": True},
            *_changed_files(good),
        ],
    }


def _published(index: int, extra: bytes, ml_dsa_line: bytes) -> bytes:
    hashes = tuple(inclusion_proof(index, SIZE, Leaves()))
    checkpoint = sign_note(CHECKPOINT.text(), [LOG]) + ml_dsa_line
    return render_proof(TlogProof(LeafIndex(index), hashes, checkpoint, extra))


def _changed_files(good: bytes) -> Cases:
    header = b"c2sp.org/tlog-proof@v1\n"
    first_hash = good.split(b"\n")[2]
    mutations = {
        "header-of-another-version": good.replace(b"@v1", b"@v2", 1),
        "header-missing": good.removeprefix(header),
        "extra-empty": good.replace(header, header + b"extra \n"),
        "extra-with-stray-bits": good.replace(header, header + b"extra aGl=\n"),
        "extra-twice": good.replace(header, header + b"extra aGk=\nextra aGk=\n"),
        "extra-after-index": good.replace(b"index 77\n", b"index 77\nextra aGk=\n"),
        "index-missing": good.replace(b"index 77\n", b""),
        "index-of-the-next-leaf": good.replace(b"index 77\n", b"index 78\n"),
        "index-with-leading-zero": good.replace(b"index 77\n", b"index 077\n"),
        "index-with-two-spaces": good.replace(b"index 77\n", b"index  77\n"),
        "index-2-to-the-53": good.replace(b"index 77\n", b"index 9007199254740992\n"),
        "hash-missing": good.replace(first_hash + b"\n", b"", 1),
        "hash-twice": good.replace(first_hash, first_hash + b"\n" + first_hash, 1),
        "hash-of-31-bytes": good.replace(first_hash, b64encode(bytes(31)), 1),
        "hash-changed": good.replace(first_hash, b64encode(bytes(32)), 1),
        "hashes-more-than-53": good.replace(first_hash, b"\n".join([first_hash] * 47), 1),
        "no-empty-line": good.replace(b"\n\n", b"\n", 1),
        "two-empty-lines": good.replace(b"\n\n", b"\n\n\n", 1),
        "crlf": good.replace(b"\n", b"\r\n"),
        "checkpoint-missing": good[: good.index(b"\n\n") + 2],
        "checkpoint-of-another-size": good.replace(b"\n300\n", b"\n299\n"),
        "last-line-end-missing": good[:-1],
    }
    return [
        {"name": name, "file": text64(data), "valid": False} for name, data in mutations.items()
    ]


def receipt_vectors() -> dict[str, object]:
    """Receipts under the provisional checkpoint."""
    hashes = tuple(inclusion_proof(77, SIZE, Leaves()))
    checkpoint = sign_note(CHECKPOINT.text(), [LOG])
    good = render_receipt(Receipt(leaf(77), LeafIndex(77), hashes, checkpoint))
    encoded = b"extra " + b64encode(leaf(77))
    mutations = {
        "leaf-missing": good.replace(encoded + b"\n", b""),
        "leaf-of-another-index": good.replace(encoded, b"extra " + b64encode(leaf(78))),
        "index-of-another-leaf": good.replace(b"index 77\n", b"index 79\n"),
    }
    cases: Cases = [{"name": "provisional", "file": text64(good), "valid": True}]
    cases += [
        {"name": name, "file": text64(one), "valid": False} for name, one in mutations.items()
    ]
    return {
        "about": "receipts (base64); valid: parses, opens with this key, includes its own leaf",
        "origin": ORIGIN,
        "required": [str(LOG.vkey)],
        "leaf": text64(leaf(77)),
        "index": 77,
        "cases": cases,
    }
