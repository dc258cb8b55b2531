"""The body of an epoch: which lists of runs there are, and which epoch follows which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire.epoch import Epoch, Run, is_aligned, page_size, pages_of
from ledger.wire.ids import Hash

ROOT = Hash(b"\x11" * 32)
S = 4096


def epoch(*ends: int) -> Epoch:
    return Epoch(tuple(Run(to, 1, ROOT) for to in ends))


@st.composite
def ends(draw: st.DrawFn) -> list[int]:
    """Runs as a log makes them: large ones first, then smaller ones, then perhaps a short one."""
    at, found = 0, []
    for power in (2, 1, 0):
        for _ in range(draw(st.integers(0, 4))):
            at += S * 4**power
            found.append(at)
    if (short := draw(st.integers(0, S - 1))) or not found:
        found.append(at + (short or 1))
    return found


@given(ends(), st.binary(min_size=32, max_size=32))
def test_what_is_encoded_is_decoded(found: list[int], root: bytes) -> None:
    one = Epoch(
        tuple(
            Run(to, to - start, Hash(root)) for start, to in zip([0, *found], found, strict=False)
        )
    )
    body = one.encode()
    assert Epoch.decode(body) == one
    assert len(body) == 48 * len(found)
    assert one.upto == found[-1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        epoch(5).encode()[:-1],
        epoch(5).encode() + b"\0",
        epoch(S).encode() * 2,
        (2 * S).to_bytes(8, "big") + (1).to_bytes(8, "big") + ROOT,
    ],
)
def test_other_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        Epoch.decode(body)


@pytest.mark.parametrize(
    "found",
    [
        (0,),
        (2 * S,),
        (S, S),
        (S, S - 1),
        (5, S),
        (S, S + 5, S + 9),
        (S, S + 16 * S),
        (17 * S,),
        (16 * S, 16 * S + 2 * S),
        (2**53,),
    ],
)
def test_runs_that_are_neither_aligned_nor_the_last_and_short_are_refused(
    found: tuple[int, ...],
) -> None:
    with pytest.raises(BadRequest):
        epoch(*found).encode()


def test_no_more_runs_than_255() -> None:
    epoch(*(S * n for n in range(1, 256))).encode()
    with pytest.raises(BadRequest):
        epoch(*(S * n for n in range(1, 257))).encode()


@pytest.mark.parametrize("rows", [0, 6])
def test_a_run_has_a_row_at_least_and_one_for_each_leaf_at_most(rows: int) -> None:
    with pytest.raises(BadRequest):
        Epoch((Run(5, rows, ROOT),)).encode()


def test_alignment() -> None:
    assert is_aligned(0, S)
    assert is_aligned(S, 2 * S)
    assert is_aligned(16 * S, 32 * S)
    assert is_aligned(0, 256 * S)
    assert not is_aligned(S, 17 * S)
    assert not is_aligned(0, 2 * S)
    assert not is_aligned(1, S + 1)


def test_an_epoch_covers_more_than_the_one_before_and_does_not_take_merges_back() -> None:
    sixteen = [S * n for n in range(1, 17)]
    assert epoch(*sixteen).follows(epoch(S, S + 5))
    assert epoch(16 * S, 16 * S + 1).follows(epoch(*sixteen))
    assert epoch(S, S + 6).follows(epoch(S, S + 5))
    assert not epoch(S, S + 5).follows(epoch(S, S + 5))
    assert not epoch(S).follows(epoch(S, S + 5))
    assert not epoch(*sixteen, 17 * S).follows(epoch(16 * S))


def test_pages() -> None:
    assert [pages_of(n) for n in (1, 16, 17, 32)] == [1, 1, 2, 2]
    assert page_size(17, 0) == 16 * 48
    assert page_size(17, 1) == 48
