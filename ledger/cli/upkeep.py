"""check, guard, stats."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.check.apart import check_apart
from ledger.cli.outcome import DONE, FALSE
from ledger.cli.session import AsJson, Directory, named, reading
from ledger.cli.terminal import Json, note, progress, result, result_json, result_table
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.layout import read_layout
from ledger.reader import Reader
from ledger.right_edge import verify_right_edge
from ledger.store.guard import renew
from ledger.store.lock import WriterLock
from ledger.store.store import Store
from ledger.wire.claim import Kind
from ledger.wire.leaf import SEQ_AT, claim_bytes

_PARTS: Final = {
    "log": "leaves, tiles, tables",
    "payloads": "sealed payloads",
    "heads": "index of chains",
    "tags": "index of sources",
    "vault": "content keys",
}


def add_to(app: typer.Typer) -> None:
    app.command("check")(check)
    app.command("guard")(guard)
    app.command("stats")(stats)


def check(directory: Directory, as_json: AsJson = False) -> int:
    """Derive everything again and compare.

    From the leaves up; exit code 1 when something is wrong.

    \b
    counterfoil check ledger
    """
    directory = named(directory)
    with progress() as advance:
        report = check_apart(directory, advance, current_unlock())
    count = len(report.problems) + report.more
    if as_json:
        rows: list[Json] = [{"where": one.where, "what": one.what} for one in report.problems]
        notes: list[Json] = [{"where": one.where, "what": one.what} for one in report.notes]
        result_json({"size": report.size, "problems": rows, "more": report.more, "notes": notes})
    elif report.problems:
        result_table(("where", "what is wrong"), [(one.where, one.what) for one in report.problems])
    else:
        result(f"nothing wrong: {report.size} entries")
    if not as_json:
        for one in report.notes:
            note(f"{one.where}: {one.what}")
    if report.more:
        note(f"and {report.more} more problems")
    for hint in dict.fromkeys(one.hint for one in report.problems if one.hint):
        note(f"hint: {hint}")
    if report.more or not all(one.hint for one in report.problems):
        note("append nothing: restore from a backup or a mirror, and compare with receipts")
    return FALSE if count else DONE


def guard(
    directory: Directory,
    renewed: Annotated[bool, typer.Option("--renew", help="Make the guard anew.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="I am certain that this is the newest copy.")
    ] = False,
) -> None:
    """Make a lost or damaged guard anew.

    The guard, outside the ledger's directory, remembers the newest checkpoint that was
    acknowledged. Without it nothing notices that this ledger is an old copy: what is appended to an
    old copy forks the log, and receipts given since then prove it against you.

    \b
    counterfoil guard ledger --renew --yes
    """
    if not renewed:
        raise BadRequest("nothing to do", hint="see `counterfoil guard --help` before --renew")
    layout = read_layout(named(directory))
    if not yes:
        raise BadRequest(
            "a new guard accepts this ledger as it is, even if it is an old copy that would fork "
            "the log",
            hint="compare it with a mirror or the newest receipts, then add --yes",
        )
    lock = WriterLock(layout.lock)
    try:
        store = Store(layout.directory, writable=False)
        try:
            edge = verify_right_edge(layout, store)
            renew(layout.guard, store.checkpoint())
        finally:
            store.close()
    finally:
        lock.release()
    result(f"{layout.guard.name} now stands for {edge.size} entries")


def stats(directory: Directory, as_json: AsJson = False) -> None:
    """Count entries and chains, and their size.

    \b
    counterfoil stats ledger
    counterfoil stats ledger --json
    """
    directory = named(directory)
    with reading(directory) as reader:
        size = reader.checkpoint.size
        kinds, chains = _count(reader, size)
        disk = {name: _disk_bytes(directory / name) for name in _PARTS}
        genesis, log_id = reader.registry.genesis, reader.registry.log
        published = reader.store.published()
    total = sum(disk.values())
    if as_json:
        result_json(
            {
                "origin": genesis.origin,
                "log": log_id.hex(),
                "vkeys": list(genesis.checkpoint_keys),
                "size": size,
                "published": published is not None,
                "entries": dict(kinds),
                "chains": dict(chains),
                "disk_bytes": dict(disk),
                "bytes_per_entry": round(total / size, 1),
            }
        )
        return
    result(f"log {genesis.origin}, {size} entries\nid {log_id.hex()}\n")
    result_table(("kind", "entries"), [(name, f"{count:,}") for name, count in kinds.items()])
    result("")
    result_table(("chains", "number"), [(name, f"{count:,}") for name, count in chains.items()])
    result("")
    rows = [(name, f"{disk[name]:,}", what) for name, what in _PARTS.items()]
    result_table(("on disk", "bytes", "what"), [*rows, ("all", f"{total:,}", "")])
    result(f"\n{total / size:,.0f} bytes per entry")


def _count(reader: Reader, size: int) -> tuple[Counter[str], Counter[str]]:
    """Entries by kind, and chains by the kind that they begin with, without decoding leaves."""
    kinds: Counter[int] = Counter()
    firsts: Counter[int] = Counter()
    with progress() as advance:
        for index, leaf in enumerate(reader.store.leaves(0, size), 1):
            kind = claim_bytes(leaf)[1]
            kinds[kind] += 1
            if leaf[SEQ_AT] == bytes(8):
                firsts[kind] += 1
            if index % 4096 == 0:
                advance("leaves", index, size)
    return _named(kinds, {}), _named(firsts, _FIRST)


_FIRST: Final = {
    Kind.GENESIS: "log",
    Kind.ACTOR: "actors",
    Kind.OPEN: "records",
    Kind.RECORD: "directories",
    Kind.BATCH: "batches",
    Kind.EPOCH: "epochs",
}


def _named(counts: Counter[int], names: dict[Kind, str]) -> Counter[str]:
    return Counter(
        {
            names.get(Kind(kind), Kind(kind).name.lower()): count
            for kind, count in sorted(counts.items())
        }
    )


def _disk_bytes(path: Path) -> int:
    """What a directory's files take, as the file system counts it: LMDB's file has holes."""
    return sum(
        os.stat(os.path.join(folder, name)).st_blocks * 512
        for folder, _, names in os.walk(path)
        for name in names
    )
