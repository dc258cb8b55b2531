"""The operator signs an index that is not what the leaves give, so that a list looks whole.

An evidence file alone cannot show this: whoever reads all leaves can, an auditor or a custodian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.forger.book import Answer, Book, Caught, Limit, Says, Teller
from tests.forger.hand import Hand
from tests.verifier import heads
from tests.verifier.evidencemaker import ABSENCE, HISTORY, Maker, RunPart, multi_proof, prove
from tests.verifier.evidenceworld import World
from tests.verifier.formats import ACCESS, Signer
from tests.verifier.heads import Run, add_epoch

BOOK = Book(Teller.OPERATOR, "signs an index that leaves something out")
ASSERTED = "completeness asserted by the operator"
NEWEST = "that this is the newest epoch (--max-age sets how old it may be)"


def hidden_access(log: World) -> tuple[int, Callable[[list[Run]], list[Run]]]:
    """An access whose chain has its head one leaf before, in the run that will be signed."""
    shown = log.heads[log.person][2]
    access = log.add(ACCESS, log.person, log.nurse)
    hidden, head = heads.row(log, access), heads.row(log, shown)

    def edit(runs: list[Run]) -> list[Run]:
        rows = [head if one == hidden else one for one in runs[-1].rows]
        return [*runs[:-1], Run(runs[-1].to, sorted(rows))]

    return access, edit


def shown(log: World, file: Maker, runs: list[Run], gone: int = -1) -> bytes:
    """The file with these runs, and without this leaf."""
    part = file.parts[0]
    part.leaves = [item for item in part.leaves if item[0] != gone]
    part.hashes = multi_proof([at for at, _ in part.leaves], log.hashes)
    part.runs = [RunPart(list(enumerate(run.pages)), []) for run in runs]
    return file.render()


@BOOK.lie(
    "The index leaves out the last access, and so does the history",
    Says("evidence file.evidence", ASSERTED),
    Caught("log export", "epoch"),
    limit=Limit.CUSTODIANS,
)
def run_without_the_last_access(hand: Hand) -> None:
    log = World()
    access, edit = hidden_access(log)
    runs = edit(heads.runs(log, [len(log.leaves)]))
    add_epoch(log, edit=edit)
    hand.believe(log)
    hand.export(log)
    hand.keep("file.evidence", shown(log, prove([log], HISTORY, log.person), runs, access))


@BOOK.lie(
    "The index leaves out a whole record, and the operator says that there is none",
    Says("evidence file.evidence", ASSERTED),
    Caught("log export", "epoch"),
    limit=Limit.CUSTODIANS,
)
def run_without_a_record(hand: Hand) -> None:
    log = World()
    row = heads.row(log, log.heads[log.other][2])

    def edit(runs: list[Run]) -> list[Run]:
        return [Run(runs[0].to, [one for one in runs[0].rows if one != row])]

    runs = edit(heads.runs(log, [len(log.leaves)]))
    add_epoch(log, edit=edit)
    hand.believe(log)
    hand.export(log)
    file = prove([log], ABSENCE, bytes(16))
    file.chain = log.other
    hand.keep("file.evidence", shown(log, file, runs))


@BOOK.lie(
    "A history goes by an old epoch, before the access that matters",
    Caught("evidence file.evidence --max-age 1d", "age"),
    Says("evidence file.evidence", NEWEST),
    limit=Limit.EPOCH,
)
def old_epoch(hand: Hand) -> None:
    log = World()
    hand.believe(log)
    hand.evidence(prove([log], HISTORY, log.person, epoch=log.old_epoch))


@BOOK.lie(
    "A fresh epoch is made that leaves out the newest entries before it",
    Caught("evidence file.evidence --max-age 9999d", "age"),
    Caught("log export --max-age 9999d", "age"),
    Says("log export", "the index of 2 entries before the newest epoch: it leaves them out"),
    Says(
        "evidence file.evidence",
        "2 of them came before the epoch's time: it is no time up to which the list is whole",
    ),
    limit=Limit.EPOCH,
)
def lagging_epoch(hand: Hand) -> None:
    log = World()
    log.add(ACCESS, log.person, log.nurse)
    add_epoch(log, to=[log.behind])
    hand.believe(log)
    hand.export(log)
    hand.evidence(prove([log], HISTORY, log.person))


@BOOK.lie(
    "The log makes no epoch any more, so that nothing new is covered",
    Caught("evidence file.evidence --max-age 1d", "age"),
    Says("evidence file.evidence", "entries from 20 on: the epoch says nothing of them"),
    limit=Limit.EPOCH,
)
def no_epoch(hand: Hand) -> None:
    log = World()
    log.add(ACCESS, log.person, log.nurse)
    hand.believe(log)
    hand.evidence(prove([log], HISTORY, log.person))


def in_log(name: str, change: Callable[[World], object], *answers: Answer) -> None:
    @BOOK.lie(name, *answers)
    def tell(hand: Hand) -> None:
        log = World()
        change(log)
        hand.believe(log)
        hand.export(log)


def rolled_back(log: World) -> None:
    """It covers less than the one before."""
    add_epoch(log, to=[log.last_access])


def over_itself(log: World) -> None:
    """It says to cover a leaf that comes behind it."""
    run = heads.run(log, 0, len(log.leaves))
    add_epoch(log, body=Run(len(log.leaves) + 1, run.rows).described)


def with_a_row_too_many(log: World) -> None:
    def edit(runs: list[Run]) -> list[Run]:
        ghost = heads.blinded(log, b"no such chain 16") + bytes(32)
        return [Run(runs[0].to, sorted([*runs[0].rows, ghost]))]

    add_epoch(log, edit=edit)


def blinded_for_another_log(log: World) -> None:
    other = World("two", origin="log.example.com/two")

    def edit(runs: list[Run]) -> list[Run]:
        rows = [heads.row(other, at) for at in range(runs[0].to) if _is_head(other, at, runs[0].to)]
        return [Run(runs[0].to, sorted(rows))]

    add_epoch(log, edit=edit)


def _is_head(log: World, at: int, to: int) -> bool:
    chain = heads.chain_of(log.leaves[at])
    return all(heads.chain_of(raw) != chain for raw in log.leaves[at + 1 : to])


def of_ragged_runs(log: World) -> None:
    """Runs of any length would let a row hide in an overlap."""
    body = struct.pack(">QQ32s", 5, 1, bytes(32)) + struct.pack(">QQ32s", 9, 1, bytes(32))
    add_epoch(log, body=body)


in_log("A new epoch covers less than the one before", rolled_back, Caught("log export", "epoch"))
in_log("An epoch covers entries that come behind it", over_itself, Caught("log export", "epoch"))
in_log(
    "The index has a row of a chain that does not exist",
    with_a_row_too_many,
    Caught("log export", "epoch"),
)
in_log("The index of another log is signed", blinded_for_another_log, Caught("log export", "epoch"))
in_log("An epoch's runs have odd ends", of_ragged_runs, Caught("log export", "epoch"))
in_log(
    "An epoch is signed by the log's checkpoint key",
    lambda log: add_epoch(log, by=Signer(log.chain, log.keys.ed25519)),
    Caught("log export", "key"),
)
in_log(
    "An epoch is signed by an institution's key",
    lambda log: add_epoch(log, by=Signer(log.chain, log.clinic.key)),
    Caught("log export", "key"),
)
in_log(
    "An epoch stands on a chain where nobody looks for it",
    lambda log: add_epoch(log, chain=log.derived("batch", log.clinic.id)),
    Caught("log export", "chain"),
)
