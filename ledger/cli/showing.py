"""show, history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.cli import authors
from ledger.cli.contested import contested_since
from ledger.cli.describe import as_lines, as_object
from ledger.cli.session import (
    AsJson,
    Directory,
    Place,
    append_one,
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
from ledger.heads import ChainType
from ledger.linkage.opening import access_draft
from ledger.merkle import leaf_hash
from ledger.wire.ids import Position

_PURPOSE: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")

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
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who reads.", show_default=False),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            "--purpose",
            metavar="CODE",
            help="What for: a v3 PurposeOfUse code such as TREAT.",
            show_default=False,
        ),
    ] = None,
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
    if name is None or purpose is None:
        raise BadRequest(
            "content is released to somebody for a purpose",
            hint="add --as NAME and --purpose CODE, such as TREAT",
        )
    check_purpose(purpose)
    with writing(directory) as log:
        author, entry = authors.signer(log, name), log.reader.entry(*place)
        kind = log.reader.head(entry.leaf.claim.chain).type
        if not entry.leaf.claim.blob_size or kind not in (ChainType.PERSON, ChainType.DIRECTORY):
            raise BadRequest(
                f"entry {place} has no content to release",
                hint="`counterfoil show` tells its kind",
            )
        order = erased_by(log.reader.history(entry.leaf.claim.chain)).get(leaf_hash(entry.raw))
        if order is not None:
            raise BadRequest(
                f"this content was erased on order of entry {order}",
                hint="nobody can open it",
            )
        if kind is ChainType.DIRECTORY:
            released = log.vault.release_stream(place.at, None, place.back)
            note("an institution's own resource: no access entry is needed")
        else:
            draft = access_draft(entry.leaf.claim.chain, [entry], purpose)
            access = append_one(log, author, draft).index
            note(f"access entry {access}")
            released = log.vault.release_stream(place.at, log.reader.receipt(access), place.back)
        for piece in released.pieces:
            result_bytes(piece)


def check_purpose(purpose: str) -> None:
    """Raises BadRequest when it is no code of v3 PurposeOfUse."""
    if not _PURPOSE.fullmatch(purpose):
        raise BadRequest(
            "--purpose is no code", hint="v3 PurposeOfUse: TREAT, ETREAT, PATRQT, HOPERAT …"
        )


def history(directory: Directory, record: Record, as_json: AsJson = False) -> None:
    """List a record's entries, accesses too.

    \b
    counterfoil history ledger 0f3c9a…
    counterfoil history ledger 'urn:oid:1.2.392.100495.20.3.51.1310000001|POP-00261'
    counterfoil history ledger @patient.txt
    """
    directory = named(directory)
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
