"""receipt, prove, checkpoint, export-tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.session import AsJson, Directory, Index, Output, named, reading, writing
from ledger.cli.terminal import (
    note,
    progress,
    result,
    result_bytes,
    result_json,
    write_file,
)
from ledger.errors import BadRequest
from ledger.export import export_tiles
from ledger.reader import Reader
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.note import parse_note
from ledger.wire.proof import render_proof
from ledger.wire.receipt import render_receipt


def add_to(app: typer.Typer) -> None:
    app.command("receipt")(receipt)
    app.command("prove")(prove)
    app.command("checkpoint")(checkpoint)
    app.command("export-tiles")(export)


def receipt(directory: Directory, index: Index, output: Output, as_json: AsJson = False) -> None:
    """Write an entry's receipt: leaf and proof.

    \b
    counterfoil receipt ledger 27 -o 27.receipt
    counterfoil-verify proof 27.receipt --vkey "$(head -n 1 vkeys)"
    """
    with reading(directory) as reader:
        published = _published_over(reader, index)
        data = render_receipt(reader.receipt(index, published))
    write_file(output, data)
    _say_written(output, index, as_json, provisional=published is None)
    if published is None:
        note("provisional: not published yet, so the checkpoint has the Ed25519 signature only")
    note(f"{output.name} holds the leaf: who, when and which record are personal data")


def prove(
    directory: Directory,
    index: Index,
    output: Output,
    leaf: Annotated[
        Path | None,
        typer.Option(
            "--leaf", metavar="F", help="Write the leaf's bytes there too.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a proof that an entry is published.

    The file is a C2SP tlog-proof.

    \b
    counterfoil prove ledger 27 -o 27.tlog-proof --leaf 27.leaf
    counterfoil-verify proof 27.tlog-proof --entry 27.leaf --vkey "$(head -n 1 vkeys)"
    """
    with reading(directory) as reader:
        entry = reader.entry(index)
        published = _published_over(reader, index)
        if published is None:
            raise BadRequest(
                f"entry {index} is not in the published checkpoint yet",
                hint="run `counterfoil checkpoint DIR` first, or take a receipt",
            )
        data = render_proof(reader.proof(index, published))
    write_file(output, data)
    if leaf is not None:
        write_file(leaf, entry.raw)
        note(f"{leaf.name} holds the leaf: who, when and which record are personal data")
    _say_written(output, index, as_json, provisional=False)


def _say_written(output: Path, index: int, as_json: bool, *, provisional: bool) -> None:
    if as_json:
        result_json({"index": index, "file": output.name, "provisional": provisional})
    else:
        result(f"entry {index}: {output.name}")


def _published_over(reader: Reader, index: int) -> bytes | None:
    """The published checkpoint, if it covers an entry."""
    published = reader.store.published()
    if published is None or parse_checkpoint(parse_note(published).text).size <= index:
        return None
    return published


def checkpoint(directory: Directory) -> None:
    """Sign the newest checkpoint and print it.

    With both keys of the log: this is what `prove` and `export-tiles` go by.

    \b
    counterfoil checkpoint ledger
    """
    with writing(directory) as log:
        published = log.publish()
    result_bytes(published)


def export(
    directory: Directory,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="A new directory, or an earlier export.", show_default=False
        ),
    ],
    with_entries: Annotated[
        bool,
        typer.Option("--with-entries", help="The leaves too: pseudonymous personal data."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export the published log as static files.

    The layout is C2SP tlog-tiles, for any web server. Without --with-entries only hashes leave.
    Into an earlier export only what is new is written.

    \b
    counterfoil checkpoint ledger
    counterfoil export-tiles ledger export --with-entries
    counterfoil-verify log export --vkey "$(sed -n 1p vkeys)" --vkey "$(sed -n 2p vkeys)"
    """
    out = named(out)
    with reading(directory) as reader, progress() as advance:
        exported = export_tiles(
            reader,
            out,
            with_entries=with_entries,
            advance=lambda done, total: advance("tiles", done, total),
        )
        unpublished = reader.checkpoint.size - exported.size
    if as_json:
        result_json({"size": exported.size, "before": exported.before, "written": exported.written})
    else:
        result(f"{out.name}: {exported.size} entries, {exported.written} files written")
    if unpublished:
        note(f"{unpublished} more are not published yet: `counterfoil checkpoint` first")
    if with_entries:
        note("leaves are personal data (who, when, which record): give them to custodians only")
    elif exported.has_older_bundles:
        note("this export has bundles of before: add --with-entries to extend them")
