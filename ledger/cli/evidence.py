"""receipt, prove, checkpoint, export-tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import releasing
from ledger.cli.evidence_files import write_evidence
from ledger.cli.session import (
    AsJson,
    Directory,
    Index,
    Output,
    find_record,
    named,
    parse_place,
    place_json,
    read_input,
    reading,
    writing,
)
from ledger.cli.terminal import (
    note,
    progress,
    result,
    result_bytes,
    result_json,
    write_file,
)
from ledger.errors import BadRequest
from ledger.evidence import prove_absence, prove_entry
from ledger.export import export_tiles
from ledger.wire.evidence import Disclosure
from ledger.wire.ids import Position
from ledger.wire.note import MAX_NOTE_SIZE
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
        published = reader.published_over(index)
        data = render_receipt(reader.receipt(index, published))
    write_file(output, data)
    if as_json:
        result_json({"index": index, "file": output.name, "provisional": published is None})
    else:
        result(f"entry {index}: {output.name}")
    if published is None:
        note("provisional: not published yet, so the checkpoint has the Ed25519 signature only")
    note(f"{output.name} holds the leaf: who, when and which record are personal data")


def prove(
    directory: Directory,
    output: Output,
    entry: Annotated[
        Position | None,
        typer.Option(
            "--entry",
            metavar="INDEX",
            help="That this entry is in the log and its author might sign it; 34~1 is entry 34 of "
            "the log before this one.",
            parser=parse_place,
            show_default=False,
        ),
    ] = None,
    absent: Annotated[
        str | None,
        typer.Option(
            "--absent",
            metavar="RECORD",
            help="That this record has no entry: its id, SYSTEM|VALUE, @FILE or -.",
            show_default=False,
        ),
    ] = None,
    disclose: Annotated[
        bool,
        typer.Option(
            "--disclose",
            help="With --entry: put its content and the key to it into the file, behind an access "
            "entry. Whoever holds the file can then read it, for good. Needs --as and --purpose.",
        ),
    ] = False,
    name: releasing.ReleasedTo = None,
    purpose: releasing.Purpose = None,
    as_json: AsJson = False,
) -> None:
    """Prove an entry, or that a record has none.

    The evidence file is checked offline, with the verifier keys alone: it holds the leaves, the
    proofs and the registry as far as it matters. For all entries of a record see `history
    --evidence`; a receipt of one leaf is `receipt`.

    \b
    counterfoil prove ledger --entry 27 -o 27.evidence
    counterfoil prove ledger --entry 27 --disclose --as clinic --purpose PATRQT -o 27.evidence
    counterfoil prove ledger --absent 0f3c9a… -o none.evidence
    counterfoil-verify evidence 27.evidence --policy policy.txt
    """
    if (entry is None) == (absent is None):
        raise BadRequest("prove one thing", hint="give either --entry or --absent")
    if not disclose and (name is not None or purpose is not None):
        raise BadRequest("--as and --purpose go with --disclose", hint="leave them out, or add it")
    if disclose and entry is None:
        raise BadRequest("--disclose goes with --entry", hint="an absence has no content")
    if entry is None:
        assert absent is not None
        with reading(directory) as reader:
            chain = find_record(reader, None, absent)
            proved = prove_absence(reader, chain)
        write_evidence(proved, output, as_json, {"absent": chain.hex()})
        return
    disclosure = _disclosed(directory, entry, name, purpose) if disclose else None
    with reading(directory) as reader:
        proved = prove_entry(reader, entry, disclosure)
    write_evidence(proved, output, as_json, {"entry": place_json(entry)})
    if disclosure is not None:
        note(f"whoever holds {output.name} can read this one entry's content, for good")


def _disclosed(
    directory: Path, entry: Position, name: str | None, purpose: str | None
) -> Disclosure:
    reason = releasing.reason_of(name, purpose)
    with writing(directory) as log:
        # Before an access entry says that it was released.
        prove_entry(log.reader, entry)
        log.vault.check_disclosable(entry)
        return log.vault.disclose(entry, releasing.admitted(log, entry, reason))


def checkpoint(
    directory: Directory,
    cosignature: Annotated[
        list[Path] | None,
        typer.Option(
            "--cosignature",
            metavar="F",
            help="Put this custodian's or witness's signature on the published checkpoint; may be "
            "repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Sign the newest checkpoint and print it.

    With both keys of the log, behind an epoch over every entry: this is what evidence and
    `export-tiles` go by. With --cosignature nothing new is published: the signature goes on the
    checkpoint that is there.

    \b
    counterfoil checkpoint ledger
    counterfoil checkpoint ledger --cosignature prefecture.cosignature
    """
    files = [
        read_input(path, MAX_NOTE_SIZE, "a cosignature is small") for path in cosignature or ()
    ]
    with writing(directory) as log:
        published = log.add_cosignatures(files) if files else log.publish()
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
