"""Every byte of every leaf of the small log, changed, under a checkpoint that its own keys sign
anew: ledger and verifier give one verdict, and what both take is nothing that anybody signed.

The suite takes some of the bytes, others each time that the log changes; the long form takes all.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import pytest

from ledger.merkle import leaf_hash, subtree_root
from ledger.wire.checkpoint import Checkpoint
from ledger.wire.ids import TreeSize
from ledger.wire.note import sign_note
from tests.agreement.replaying import problems_in
from tests.agreement.test_logs_agree import KEYS, LEAVES, Files
from tests.vectors.entries_world import CHECKPOINT_KEY, ORIGIN
from verifier.audit import audit_log
from verifier.formats import keys as verifier_keys
from verifier.formats import note
from verifier.formats.ed25519 import check_public_key
from verifier.formats.policy import policy_of_keys

TIME = range(49, 57)
"""received_ms: the log writes it, and nobody else signs it."""
STRIDE = 61
LAST = len(LEAVES) - 1
PLACES = [(index, at) for index, raw in enumerate(LEAVES) for at in range(len(raw))]


def verified(leaves: list[bytes]) -> bool:
    """What the verifier says."""
    root = subtree_root([leaf_hash(leaf) for leaf in leaves])
    text = Checkpoint(ORIGIN, TreeSize(len(leaves)), root).text()
    return audit_log(
        Files(leaves, sign_note(text, [CHECKPOINT_KEY])), policy_of_keys(KEYS[:1])
    ).verified


def both(place: tuple[int, int]) -> tuple[int, int] | None:
    """The place, where both take the changed byte. Raises AssertionError where they differ."""
    index, at = place
    raw = LEAVES[index]
    changed = raw[:at] + bytes([raw[at] ^ 1 << (index + at) % 8]) + raw[at + 1 :]
    leaves = [*LEAVES[:index], changed, *LEAVES[index + 1 :]]
    verdict = not problems_in(leaves)
    assert verified(leaves) is verdict, place
    return place if verdict else None


def fast_keys() -> None:
    """The same few keys again and again: check each once."""
    checked = cache(check_public_key)
    for module in (verifier_keys, note):
        setattr(module, "check_public_key", checked)  # noqa: B010 (mypy: not exported there)


def taken_of(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=fast_keys
    ) as pool:
        return [place for place in pool.map(both, places, chunksize=64) if place is not None]


def test_the_log_as_it_is() -> None:
    assert problems_in(LEAVES) == []
    assert verified(LEAVES)


def test_some_bytes() -> None:
    """Of the newest leaf's header all."""
    header = [(LAST, at) for at in range(57)]
    taken = taken_of([*header, *PLACES[len(PLACES) % STRIDE :: STRIDE]])
    assert taken
    assert all(index == LAST and at in TIME for index, at in taken), taken


@pytest.mark.long
def test_all_bytes() -> None:
    taken = taken_of(PLACES)
    assert taken
    # Of every other leaf the hash is in a later one, or in the index that the epoch commits to.
    assert all(index == LAST and at in TIME for index, at in taken), taken
