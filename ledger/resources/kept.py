"""Kept: what was asked for lately, by number and by weight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Whoever asks holds a mutex."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._most = most
        self._most_weight = most_weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0
        """Of all of them."""

    def get(self, key: K) -> V | None:
        """It counts as asked for."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, weight: int) -> None:
        """In place of what was there; what was not asked for longest goes, this one never."""
        self.weight += weight - self._kept.pop(key, (None, 0))[1]
        self._kept[key] = (value, weight)
        while len(self._kept) > 1 and (
            len(self._kept) > self._most or self.weight > self._most_weight
        ):
            _, (_, dropped) = self._kept.popitem(last=False)
            self.weight -= dropped

    def __len__(self) -> int:
        return len(self._kept)
