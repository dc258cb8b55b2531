"""Ten times what the service sustains, for a moment; ``make load`` is the long form."""

from __future__ import annotations

from pathlib import Path

from tests.api.overload import check, lay, overload
from tests.api.running import quiet_settings

_BOUND_S = 5.0
"""For a refusal, the loop and health: far from what they take, for machines that are busy."""
_GROWTH = 96 << 20


def test_ten_times_what_is_sustained(tmp_path: Path) -> None:
    world = lay(tmp_path, 20, quiet_settings())
    with world.service:
        result = overload(world, 1.0, 3.0)
        check(world, result)
    watched = result.watched
    assert max(result.flood.refused_s) < _BOUND_S
    assert max(watched.lags) < _BOUND_S and max(watched.health_s) < _BOUND_S
    assert max(watched.memory) - watched.memory[0] < _GROWTH
    assert result.after.statuses.keys() <= {200, 201}
