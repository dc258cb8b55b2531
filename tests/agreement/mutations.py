"""Bytes that are nearly right: for fuzzing parsers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from ledger.errors import BadEvidence, BadRequest


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to three bytes flipped, cut out, put in or cut off."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.integers(0, 3))
        if change == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        elif change == 1:
            data = data[:at] + data[at + draw(st.integers(1, 4)) :]
        elif change == 2:
            data = data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
        else:
            data = data[:at]
    return data


def nearly(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mutated seeds, and now and then anything."""
    return mutated(seeds) | st.binary(max_size=400)


def round_trip(data: bytes, again: Callable[[bytes], bytes]) -> bool:
    """Whether the bytes are taken; then they must be the only encoding of what they say."""
    try:
        encoded = again(data)
    except (BadRequest, BadEvidence):
        return False
    assert encoded == data
    return True
