"""append, show, history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.author import CBOR, FHIR_JSON, Author, Draft
from ledger.cli import authors
from ledger.cli.describe import as_lines, as_object
from ledger.cli.session import (
    AsJson,
    AsName,
    Directory,
    Index,
    find_record,
    named,
    read_input,
    reading,
    writing,
)
from ledger.cli.terminal import (
    note,
    result,
    result_bytes,
    result_json,
    result_table,
    when,
    write_file,
)
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir import Directory as BelongsToNobody
from ledger.fhir import IsPatient, route, validate
from ledger.heads import ChainType
from ledger.importing import SOURCE, authored_ms
from ledger.linkage import Linkage, check_record
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.sequencer import Appended
from ledger.vault.door import ENTRIES_FIELD
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId
from ledger.wire.sealed import MAX_CONTENT

PURPOSE_FIELD: Final = "purpose"
_PURPOSE: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")

Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="A record's id, or a patient identifier SYSTEM|VALUE linked to it.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("append")(append)
    app.command("show")(show)
    app.command("history")(history)


def append(
    directory: Directory,
    name: AsName,
    record: Annotated[
        str,
        typer.Option(
            "--record",
            metavar="RECORD",
            help="The record's id, or SYSTEM|VALUE.",
            show_default=False,
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The content, up to 16 MiB.", show_default=False),
    ] = None,
    media_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="The content's media type.")
    ] = FHIR_JSON,
    amends: Annotated[
        int | None,
        typer.Option(
            "--amends", metavar="INDEX", help="The entry that this replaces.", show_default=False
        ),
    ] = None,
    retracts: Annotated[
        int | None,
        typer.Option(
            "--retracts",
            metavar="INDEX",
            help="The entry that is taken back; takes no FILE.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Append, amend or retract an entry; prints its index.

    Nothing is overwritten: the amended entry stays, and the history shows both.

    \b
    counterfoil append ledger --as clinic --record RECORD result.json
    counterfoil append ledger --as clinic --record RECORD scan.pdf --type application/pdf
    counterfoil append ledger --as clinic --record RECORD corrected.json --amends 27
    counterfoil append ledger --as clinic --record RECORD --retracts 27
    """
    if (file is None) == (retracts is None) or (amends is not None and retracts is not None):
        raise BadRequest(
            "give a FILE (with --amends INDEX or without), or --retracts INDEX alone",
            hint="see `counterfoil append --help`",
        )
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise BadRequest("--type is no media type", hint="like application/pdf or text/plain")
    content = b"" if file is None else read_input(file, MAX_CONTENT, "send it in parts")
    with writing(directory) as log:
        author = authors.signer(log, name)
        chain = find_record(log.reader, log.vault.tag, record)
        check_record(log.reader, chain)
        if retracts is not None:
            draft = _changing(log, Draft(chain, b"", CBOR, Kind.RETRACT), retracts)
        else:
            draft = _record(log, author, chain, content, media_type)
            if amends is not None:
                draft = _changing(log, draft, amends, Kind.AMEND)
        known = _known(log, draft) if draft.kind is Kind.RECORD else None
        index = _append(log, author, draft).index if known is None else known
    if as_json:
        result_json({"index": index, "known": known is not None, "record": chain.hex()})
    else:
        result(str(index))
    if known is not None:
        note("these bytes were there already: nothing was added")


def _record(log: Log, author: Author, chain: ChainId, content: bytes, media_type: str) -> Draft:
    if media_type != FHIR_JSON:
        return Draft(chain, content, media_type)
    resource = validate(content)
    subject = route(resource)
    if not isinstance(subject, BelongsToNobody):
        linkage = Linkage(log.reader, log.vault.tag)
        if linkage.record_of(subject.identifiers) not in (None, chain):
            what = "is" if isinstance(subject, IsPatient) else "is about"
            raise BadRequest(
                f"the resource {what} a patient of another record", hint="name that record"
            )
    tag = log.vault.tag(SOURCE, author.id, content)
    return Draft(chain, content, authored_ms=authored_ms(resource.parsed), tags=(tag,))


def _changing(log: Log, draft: Draft, index: int, kind: Kind = Kind.RETRACT) -> Draft:
    hash_ = leaf_hash(log.reader.entry(index).raw)
    return Draft(
        draft.chain,
        draft.content,
        draft.media_type,
        kind,
        authored_ms=draft.authored_ms,
        amended=hash_,
        amends=index,
        tags=draft.tags,
    )


def _known(log: Log, draft: Draft) -> int | None:
    """Where this author's same bytes stand in the same record."""
    for tag in draft.tags:
        index = log.reader.tags.get(tag)
        if index is not None and log.reader.entry(index).leaf.claim.chain == draft.chain:
            return index
    return None


def _append(log: Log, author: Author, draft: Draft) -> Appended:
    (outcome,) = log.append([author.entry(draft)])
    if isinstance(outcome, CounterfoilError):
        raise outcome
    return outcome


def show(
    directory: Directory,
    index: Index,
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
        _release(directory, index, name, purpose)
        return
    if name is not None or purpose is not None:
        raise BadRequest("--as and --purpose go with --content", hint="leave them out, or add it")
    directory = named(directory)
    with reading(directory) as reader:
        entry = reader.entry(index)
        kind = reader.head(entry.leaf.claim.chain).type
        known = authors.known_authors(directory, reader.registry)
    if leaf is not None:
        write_file(leaf, entry.raw)
        note(f"{leaf.name} holds the leaf: who, when and which record are personal data")
    if as_json:
        result_json({**as_object(entry, known), "chain_type": kind.name.lower()})
    else:
        result("\n".join(as_lines(entry, kind, known)))


def _release(directory: Path, index: int, name: str | None, purpose: str | None) -> None:
    if name is None or purpose is None:
        raise BadRequest(
            "content is released to somebody for a purpose",
            hint="add --as NAME and --purpose CODE, such as TREAT",
        )
    if not _PURPOSE.fullmatch(purpose):
        raise BadRequest(
            "--purpose is no code", hint="v3 PurposeOfUse: TREAT, ETREAT, PATRQT, HOPERAT …"
        )
    with writing(directory) as log:
        author, entry = authors.signer(log, name), log.reader.entry(index)
        kind = log.reader.head(entry.leaf.claim.chain).type
        if not entry.leaf.claim.blob_size or kind not in (ChainType.PERSON, ChainType.DIRECTORY):
            raise BadRequest(
                f"entry {index} has no content to release", hint="`counterfoil show` tells its kind"
            )
        if kind is ChainType.DIRECTORY:
            released = log.vault.release(index, None)
            note("an institution's own resource: no access entry is needed")
        else:
            access = _append(log, author, _access(entry, purpose)).index
            note(f"access entry {access}")
            released = log.vault.release(index, log.reader.receipt(access))
    result_bytes(released.content)


def _access(entry: Entry, purpose: str) -> Draft:
    header: dict[str, cbor.Value] = {ENTRIES_FIELD: [leaf_hash(entry.raw)], PURPOSE_FIELD: purpose}
    return Draft(entry.leaf.claim.chain, b"", CBOR, Kind.ACCESS, header)


def history(directory: Directory, record: Record, as_json: AsJson = False) -> None:
    """List a record's entries, accesses too.

    \b
    counterfoil history ledger 0f3c9a…
    counterfoil history ledger 'urn:oid:1.2.392.100495.20.3.51.1310000001|POP-00261'
    """
    directory = named(directory)
    with reading(directory) as reader:
        chain = find_record(reader, None, record)
        entries = list(reader.history(chain))[::-1]
        known = authors.known_authors(directory, reader.registry)
    if as_json:
        objects = [as_object(entry, known) for entry in entries]
        result_json({"record": chain.hex(), "length": len(entries), "entries": objects})
        return
    rows = [
        (
            entry.index,
            entry.leaf.seq,
            entry.leaf.claim.kind.name.lower(),
            when(entry.leaf.received_ms),
            known.get(entry.leaf.claim.author, entry.leaf.claim.author.hex()),
            entry.leaf.claim.blob_size,
        )
        for entry in entries
    ]
    result_table(("index", "seq", "kind", "received", "author", "sealed bytes"), rows)
    note(f"record {chain.hex()}: {len(entries)} entries, as the log has them under this id")
