"""One run: for each target, samples that it takes, changed until the time is up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.fuzz.changes import changed
from tests.fuzz.targets import REFUSALS, Target

SLOW_S = 5.0


class Found(NamedTuple):
    target: str
    raw: bytes
    what: str


def judge(name: str, target: Target, raw: bytes) -> Found | None:
    """What is wrong with how a target reads these bytes."""
    taken = []
    for read in target.readers:
        began = time.process_time()
        try:
            read(raw)
            taken.append(True)
        except REFUSALS:
            taken.append(False)
        except Exception as error:
            return Found(name, raw, f"{type(error).__name__}: {error}")
        if time.process_time() - began > SLOW_S:
            return Found(name, raw, f"took over {SLOW_S} s")
    if len(set(taken)) > 1:
        return Found(name, raw, f"taken by one and refused by the other: {taken}")
    return None


def takes(target: Target, raw: bytes) -> bool:
    try:
        target.readers[0](raw)
    except REFUSALS:
        return False
    return True


def run(
    targets: Mapping[str, Target],
    samples: Sequence[bytes],
    go_on: Callable[[int], bool],
    seed: int,
) -> Iterator[Found]:
    """Target after target, round and round; `go_on` is asked with the number of tries so far."""
    source = random.Random(seed)
    right = {
        name: [raw for raw in samples if takes(target, raw)] for name, target in targets.items()
    }
    tries = 0
    while True:
        for name, target in targets.items():
            if not go_on(tries):
                return
            tries += 1
            near = right[name] and source.random() < 0.9
            raw = changed(source.choice(right[name] if near else samples), samples, source)
            found = judge(name, target, raw)
            if found is not None:
                yield found
