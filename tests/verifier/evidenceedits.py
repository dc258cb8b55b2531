"""Changes to an evidence file, each one lie; what it makes wrong beside is made right again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.verifier.evidencemaker import HISTORY, Maker, Part, prove, prove_part
from tests.verifier.evidenceworld import GUARD, SECOND
from tests.verifier.logmaker import Log

Lie = Callable[[Maker], object]


def history(log: Log, chain: bytes) -> Maker:
    """All entries of a record, with both custodians' lines."""
    return prove([log], HISTORY, chain, custodians=(GUARD, SECOND))


def without(*indexes: int) -> Lie:
    """Leaves are left out, and every proof is made anew."""

    def lie(file: Maker) -> None:
        part = file.parts[0]
        part.leaves = [item for item in part.leaves if item[0] not in indexes]
        again(part)

    return lie


def beside(*indexes: int) -> Lie:
    """Leaves of the log that the claim does not need."""

    def lie(file: Maker) -> None:
        part = file.parts[0]
        part.leaves = sorted([*part.leaves, *((at, part.log.leaves[at]) for at in indexes)])
        again(part)

    return lie


def again(part: Part) -> None:
    """Proofs for its leaves; the pages stay."""
    runs = part.runs
    prove_part(part, [])
    part.runs = runs


def replaced(index: int, edit: Callable[[bytes], bytes]) -> Lie:
    def lie(file: Maker) -> None:
        part = file.parts[0]
        part.leaves = [(at, edit(raw) if at == index else raw) for at, raw in part.leaves]

    return lie


def flipped(raw: bytes, at: int = -1) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


def first_run(edit: Callable[[Any], None]) -> Lie:
    return lambda file: edit(file.parts[0].runs[0])


def set_to(name: str, value: object) -> Lie:
    return lambda file: setattr(file, name, value)


def swap(items: list[bytes], at: int, edit: Callable[[bytes], bytes]) -> None:
    items[at] = edit(items[at])


def swap_page(run: Any, at: int, edit: Callable[[bytes], bytes]) -> None:
    number, page = run.pages[at]
    run.pages[at] = (number, edit(page))


def swap_leaves(part: Part, one: int, two: int) -> None:
    raw = dict(part.leaves)
    raw[one], raw[two] = raw[two], raw[one]
    part.leaves = sorted(raw.items())


def moved(part: Part, to: int, leaf: int) -> None:
    part.leaves = [(to if at == 3 else at, raw) for at, raw in part.leaves]


def drop(part: Part, index: int) -> None:
    part.leaves = [item for item in part.leaves if item[0] != index]
    again(part)
