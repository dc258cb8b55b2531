"""Evidence files out of form: each is refused before anything is proven."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.verifier.evidenceedits import Lie, first_run, history, set_to, without
from tests.verifier.evidencemaker import Maker
from tests.verifier.evidenceworld import CrowdedWorld, policy, step

WORLD = CrowdedWorld()
BELIEVED = policy(WORLD)
COUNT = struct.pack(">IQ", len(history(WORLD, WORLD.person).parts[0].leaves), 0)


def rendered(edit: Callable[[bytes], bytes]) -> Callable[[Maker], bytes]:
    return lambda file: edit(file.render())


CONTAINER: dict[str, Lie] = {
    "another magic": set_to("magic", b"counterfoil/evidence/v2\n"),
    "no claim": set_to("what", 0),
    "an unknown claim": set_to("what", 4),
    "a history with an index": set_to("index", 1),
    "a history of an older log": set_to("back", 1),
    "a byte behind the end": rendered(lambda raw: raw + b"\0"),
    "cut off": rendered(lambda raw: raw[:-1]),
    "nothing": rendered(lambda raw: b""),
    "a disclosure that is neither": set_to("disclosure", b"\x02"),
    "a history with content": set_to("disclosure", b"\x01" + bytes(32) + b"\0\0\0\1\0"),
    "no part": set_to("parts", []),
    "no leaf": lambda file: file.parts[0].leaves.clear(),
    "leaves in another order": lambda file: file.parts[0].leaves.reverse(),
    "a leaf twice": lambda file: file.parts[0].leaves.insert(1, file.parts[0].leaves[0]),
    "no epoch": lambda file: without(WORLD.epoch)(file),
    "pages in another order": first_run(lambda run: run.pages.reverse()),
    "a page twice": first_run(lambda run: run.pages.append(run.pages[-1])),
    "a page that is not there": first_run(lambda run: run.pages.append((99, bytes(48)))),
    "hashes without pages": first_run(
        lambda run: run.pages.clear() or run.hashes.append(bytes(32))
    ),
    "four thousand million leaves": rendered(
        lambda raw: raw.replace(COUNT, b"\xff\xff\xff\xff" + bytes(8))
    ),
    "more leaves than there is room for": rendered(
        lambda raw: raw.replace(COUNT, b"\0\1\x86\xa0" + bytes(8))
    ),
}


@pytest.mark.parametrize("name", CONTAINER)
def test_a_container_out_of_form(name: str) -> None:
    file = history(WORLD, WORLD.person)
    assert step(file, BELIEVED) == ""
    changed = CONTAINER[name](file)
    assert step(changed if isinstance(changed, bytes) else file, BELIEVED) == "evidence"
