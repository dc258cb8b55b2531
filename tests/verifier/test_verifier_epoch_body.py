"""The body of an epoch: what it may say by itself, and after another one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.formats import sha256
from verifier.errors import NotVerified
from verifier.formats.epoch import (
    Epoch,
    aligned_level,
    blinded_id,
    check_place,
    commitment,
    parse_epoch,
    run_root,
)


def body(*ends: int, rows: int = 1) -> bytes:
    return b"".join(struct.pack(">QQ32s", to, rows, bytes(32)) for to in ends)


@pytest.mark.parametrize(
    "ends",
    [
        (1,),
        (4095,),
        (4096,),
        (4096, 4097),
        (65_536, 69_632, 69_633),
        (1_048_576,),
        tuple(range(4096, 4096 * 256, 4096)),
    ],
)
def test_bodies_that_read(ends: tuple[int, ...]) -> None:
    epoch = parse_epoch(body(*ends))
    assert [run.to for run in epoch.runs] == list(ends)
    assert epoch.covered == ends[-1]
    assert [run.start for run in epoch.runs] == [0, *ends[:-1]]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        body(4096)[:-1],
        body(4096) + b"\0",
        body(0),
        body(4097),  # neither aligned nor short
        body(8192),
        body(100, 4096),  # a short run in front
        body(4096, 4096),
        body(8192, 4096),
        body(4096, 69_632),  # 65,536 leaves, but not at a multiple of that
        body(2**53),
        body(4, rows=0),
        body(4, rows=5),
        body(*range(4096, 4096 * 257, 4096)),
    ],
)
def test_bodies_that_do_not(raw: bytes) -> None:
    with pytest.raises(NotVerified) as raised:
        parse_epoch(raw)
    assert raised.value.problem.step == "epoch"


@given(st.binary(max_size=48 * 5))
def test_any_bytes(raw: bytes) -> None:
    try:
        epoch = parse_epoch(raw)
    except NotVerified:
        return
    assert b"".join(struct.pack(">QQ32s", run.to, run.rows, run.root) for run in epoch.runs) == raw


def test_levels() -> None:
    assert [aligned_level(0, 4096 * 4**k) for k in range(4)] == [0, 1, 2, 3]
    assert aligned_level(4096, 8192) == 0
    assert aligned_level(4096, 4096 + 65_536) is None
    assert aligned_level(0, 8192) is None
    assert aligned_level(0, 10) is None


def epoch_of(*ends: int) -> Epoch:
    return parse_epoch(body(*ends))


@pytest.mark.parametrize(
    ("before", "after", "index"),
    [
        (None, (5,), 5),
        ((5,), (6,), 6),
        ((5,), (4096,), 5000),
        ((4096, 4100), (4096, 8192), 9000),
        (tuple(range(4096, 65_536 + 1, 4096)), (65_536,), 65_540),
        ((4096, 8192), (4096, 8192, 12_288), 12_288),
    ],
)
def test_places(before: tuple[int, ...] | None, after: tuple[int, ...], index: int) -> None:
    if before is not None and after == (65_536,):
        before = (*before, 65_537)
        after = (65_536, 65_538)
    check_place(epoch_of(*after), index, None if before is None else epoch_of(*before))


@pytest.mark.parametrize(
    ("before", "after", "index"),
    [
        (None, (5,), 4),  # over itself
        ((5,), (5,), 9),
        ((5,), (4,), 9),
        ((65_536,), (4096, *range(8192, 65_537, 4096), 65_537), 70_000),  # unmerged again
        ((65_536, 65_540), (*range(4096, 69_633, 4096),), 70_000),
    ],
)
def test_false_places(before: tuple[int, ...] | None, after: tuple[int, ...], index: int) -> None:
    with pytest.raises(NotVerified):
        check_place(epoch_of(*after), index, None if before is None else epoch_of(*before))


def test_hashes_are_those_of_the_page() -> None:
    log, chain, leaf = sha256(b"log"), b"c" * 16, sha256(b"leaf")
    assert blinded_id(log, chain) == sha256(b"counterfoil/heads/v1" + log + chain)[:16]
    head = chain + (3).to_bytes(8, "big") + (9).to_bytes(8, "big") + leaf
    assert commitment(chain, 3, 9, leaf) == sha256(b"counterfoil/heads/head/v1" + head)
    rows = [sha256(bytes([n])) + bytes(16) for n in range(17)]
    pages = [
        sha256(b"\0counterfoil/heads/page/v1" + b"".join(rows[:16])),
        sha256(b"\0counterfoil/heads/page/v1" + rows[16]),
    ]
    assert run_root(rows) == sha256(b"\x01" + pages[0] + pages[1])
