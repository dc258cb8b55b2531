"""show, history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import authors, releasing
from ledger.cli.contested import contested_since
from ledger.cli.describe import as_lines, as_object
from ledger.cli.evidence_files import write_evidence
from ledger.cli.session import (
    AsJson,
    Directory,
    Place,
    find_record,
    named,
    place_json,
    reading,
    writing,
)
from ledger.cli.terminal import (
    Json,
    note,
    result,
    result_bytes,
    result_json,
    result_table,
    when,
    write_file,
)
from ledger.erasing import erased_by
from ledger.errors import BadRequest
from ledger.evidence import prove_history
from ledger.merkle import leaf_hash
from ledger.wire.ids import Position

Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="A record's id, or a patient identifier SYSTEM|VALUE linked to it; @FILE or - to read "
        "it there, unseen by others on this machine.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("show")(show)
    app.command("history")(history)


def show(
    directory: Directory,
    place: Place,
    as_json: AsJson = False,
    leaf: Annotated[
        Path | None,
        typer.Option(
            "--leaf", metavar="FILE", help="Write the leaf's bytes there.", show_default=False
        ),
    ] = None,
    content: Annotated[
        bool,
        typer.Option("--content", help="Release the content; leaves an access entry. Needs --as."),
    ] = False,
    name: releasing.ReleasedTo = None,
    purpose: releasing.Purpose = None,
) -> None:
    """Show an entry; its content only with --content.

    Content of a record is released after an access entry in that record is durable: the person
    sees who read what, when and for what purpose.

    \b
    counterfoil show ledger 27
    counterfoil show ledger 27 --content --as clinic --purpose TREAT > result.json
    """
    if content:
        if as_json or leaf is not None:
            raise BadRequest(
                "--content goes with neither --json nor --leaf", hint="run the command twice"
            )
        _release(directory, place, name, purpose)
        return
    if name is not None or purpose is not None:
        raise BadRequest("--as and --purpose go with --content", hint="leave them out, or add it")
    directory = named(directory)
    with reading(directory) as reader:
        entry = reader.entry(*place)
        kind = reader.head(entry.leaf.claim.chain).type
        known = authors.known_authors(directory, reader.registry)
        order = erased_by(reader.history(entry.leaf.claim.chain)).get(leaf_hash(entry.raw))
        since = contested_since(reader, entry)
    if leaf is not None:
        write_file(leaf, entry.raw)
        note(f"{leaf.name} holds the leaf: who, when and which record are personal data")
    if as_json:
        result_json(
            {
                **as_object(entry, known),
                "chain_type": kind.name.lower(),
                "erased_by": place_json(order),
                "contested_since": place_json(since),
            }
        )
    else:
        result("\n".join(as_lines(entry, kind, known, since)))
        if order is not None:
            result(f"this content was erased on order of entry {order}")


def _release(directory: Path, place: Position, name: str | None, purpose: str | None) -> None:
    reason = releasing.reason_of(name, purpose)
    with writing(directory) as log:
        access = releasing.admitted(log, place, reason)
        for piece in log.vault.release_stream(place.at, access, place.back).pieces:
            result_bytes(piece)


def history(
    directory: Directory,
    record: Record,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            metavar="F",
            help="Write a proof that these are all entries up to the published epoch, in place of "
            "the list.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List a record's entries, accesses too; or prove that they are all.

    \b
    counterfoil history ledger 0f3c9a…
    counterfoil history ledger 'urn:oid:1.2.392.100495.20.3.51.1310000001|POP-00261'
    counterfoil history ledger @patient.txt --evidence patient.evidence
    counterfoil-verify evidence patient.evidence --policy policy.txt
    """
    directory = named(directory)
    if evidence is not None:
        with reading(directory) as reader:
            chain = find_record(reader, None, record)
            proved = prove_history(reader, chain)
        write_evidence(proved, evidence, as_json, {"record": chain.hex()})
        return
    with reading(directory) as reader:
        chain = find_record(reader, None, record)
        entries = list(reader.history(chain))[::-1]
        erased = erased_by(entries[::-1])
        known = authors.known_authors(directory, reader.registry)
        doubts = [contested_since(reader, entry) for entry in entries]
    if as_json:
        objects: list[Json] = [
            {
                **as_object(entry, known),
                "erased_by": place_json(erased.get(leaf_hash(entry.raw))),
                "contested_since": place_json(since),
            }
            for entry, since in zip(entries, doubts, strict=True)
        ]
        result_json({"record": chain.hex(), "length": len(entries), "entries": objects})
        return
    any_doubt = any(since is not None for since in doubts)
    rows = [
        (
            str(entry.position),
            entry.leaf.seq,
            entry.leaf.claim.kind.name.lower(),
            when(entry.leaf.received_ms),
            known.get(entry.leaf.claim.author, entry.leaf.claim.author.hex()),
            "erased" if leaf_hash(entry.raw) in erased else entry.leaf.claim.blob_size,
            *(("" if since is None else f"since entry {since}",) if any_doubt else ()),
        )
        for entry, since in zip(entries, doubts, strict=True)
    ]
    columns = ("index", "seq", "kind", "received", "author", "sealed bytes")
    result_table((*columns, *(("contested",) if any_doubt else ())), rows)
    note(f"record {chain.hex()}: {len(entries)} entries, as the log has them under this id")
