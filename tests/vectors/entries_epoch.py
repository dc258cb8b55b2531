"""Cases for the heads index: rows, pages, roots of runs, and the bodies of epochs."""

from __future__ import annotations

from typing import Final

from ledger.merkle import subtree_root
from ledger.wire.epoch import (
    PAGE_ROWS,
    ROW_SIZE,
    STRETCH,
    Epoch,
    Run,
    blind,
    commitment,
    page_hash,
)
from ledger.wire.ids import ChainId, Hash
from tests.vectors.entries_world import LOG_CHAIN, PERSON, cases
from tests.vectors.tree_keys import seed

LOG: Final = Hash(seed("epoch: log"))


def epoch_of(*ends: int) -> Epoch:
    """Each run with as many rows as it can have at most, 1,000 at most, and a root of its own."""
    starts = (0, *ends)
    return Epoch(
        tuple(
            Run(to, min(1000, to - start), Hash(seed(f"epoch: run to {to}")))
            for start, to in zip(starts, ends, strict=False)
        )
    )


def _body(*runs: tuple[int, int]) -> bytes:
    """Any runs, whatever the rules say."""
    root = seed("epoch: run")
    return b"".join(to.to_bytes(8, "big") + rows.to_bytes(8, "big") + root for to, rows in runs)


def good_bodies() -> dict[str, bytes]:
    """What a log may list."""
    sizes = {
        "one-leaf": (1,),
        "short": (300,),
        "stretch": (STRETCH,),
        "stretch-and-short": (STRETCH, STRETCH + 300),
        "four-stretches": (4 * STRETCH, 5 * STRETCH, 5 * STRETCH + 1),
        "merged": (16 * STRETCH, 17 * STRETCH, 17 * STRETCH + 1),
        "merged-twice": (256 * STRETCH, 272 * STRETCH, 273 * STRETCH),
        "255-runs": tuple(STRETCH * n for n in range(1, 256)),
    }
    return {name: epoch_of(*ends).encode() for name, ends in sizes.items()}


def bad_bodies() -> dict[str, bytes]:
    """One mutation each."""
    good = good_bodies()["stretch-and-short"]
    return {
        "empty": b"",
        "last-byte-missing": good[:-1],
        "byte-behind": good + b"\x00",
        "to-0": _body((0, 0)),
        "to-2-to-the-53": _body((2**53, 1)),
        "twice-the-same-to": _body((STRETCH, 1), (STRETCH, 1)),
        "to-descends": _body((2 * STRETCH, 1), (STRETCH, 1)),
        "two-stretches-in-one": _body((2 * STRETCH, 1)),
        "eight-stretches-in-one": _body((8 * STRETCH, 1)),
        "four-not-from-a-multiple": _body((STRETCH, 1), (5 * STRETCH, 1)),
        "seventeen-stretches-in-one": _body((17 * STRETCH, 1)),
        "merged-not-from-a-multiple": _body((STRETCH, 1), (17 * STRETCH, 1)),
        "short-not-last": _body((300, 1), (STRETCH, 1)),
        "short-behind-short": _body((300, 1), (301, 1)),
        "no-rows": _body((300, 0)),
        "more-rows-than-leaves": _body((300, 301)),
        "256-runs": _body(*((STRETCH * n, 1) for n in range(1, 257))),
    }


def _heads(count: int) -> list[tuple[ChainId, int, int, Hash]]:
    """So many chains with their heads: length, index, leaf hash."""
    return [
        (
            ChainId(seed(f"epoch: chain {n}")[:16]),
            n % 7 + 1,
            n * 3,
            Hash(seed(f"epoch: leaf {n}")),
        )
        for n in range(count)
    ]


def _run(chains: int) -> dict[str, object]:
    """A run over so many chains, its pages and its root."""
    heads = _heads(chains)
    rows = sorted(
        blind(LOG, chain) + commitment(chain, count, at, leaf) for chain, count, at, leaf in heads
    )
    pages = [b"".join(rows[at : at + PAGE_ROWS]) for at in range(0, chains, PAGE_ROWS)]
    hashes = [page_hash(page) for page in pages]
    assert all(len(row) == ROW_SIZE for row in rows)
    return {
        "heads": [
            {"chain": chain.hex(), "count": length, "index": index, "leaf_hash": leaf.hex()}
            for chain, length, index, leaf in heads
        ],
        "pages": [page.hex() for page in pages],
        "page_hashes": [one.hex() for one in hashes],
        "root": subtree_root(hashes).hex(),
    }


def _follows() -> list[dict[str, object]]:
    """Pairs of lists of runs: may the second be the next epoch's?"""
    sixteen = tuple(STRETCH * n for n in range(1, 17))
    pairs = {
        "grows": ((STRETCH, STRETCH + 5), (STRETCH, STRETCH + 6)),
        "short-run-fills-up": ((STRETCH, STRETCH + 5), sixteen),
        "merged": (sixteen, (16 * STRETCH, 16 * STRETCH + 1)),
        "the-same": ((STRETCH,), (STRETCH,)),
        "covers-less": ((STRETCH, STRETCH + 5), (STRETCH,)),
        "merge-taken-back": ((16 * STRETCH,), (*sixteen, 17 * STRETCH)),
    }
    return [
        {
            "name": name,
            "before": epoch_of(*before).encode().hex(),
            "after": epoch_of(*after).encode().hex(),
            "valid": name in ("grows", "short-run-fills-up", "merged"),
        }
        for name, (before, after) in pairs.items()
    ]


def epoch_vectors() -> dict[str, object]:
    """epoch.json."""
    person = (PERSON, 3, 41, Hash(seed("epoch: leaf")))
    return {
        "about": "heads index: a row, runs with pages and roots, bodies of epochs; all in hex",
        "log": LOG.hex(),
        "row": {
            "chain": PERSON.hex(),
            "count": person[1],
            "index": person[2],
            "leaf_hash": person[3].hex(),
            "blinded": blind(LOG, PERSON).hex(),
            "commitment": commitment(*person).hex(),
        },
        "log_chain": LOG_CHAIN.hex(),
        "runs": {str(count): _run(count) for count in (1, 16, 17, 40)},
        "cases": cases("body", good_bodies(), bad_bodies()),
        "follows": _follows(),
    }
