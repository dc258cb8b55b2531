"""append"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.author import CBOR, FHIR_JSON, Author, Draft
from ledger.cli import authors, heading
from ledger.cli.describe import place_fields
from ledger.cli.session import (
    AsJson,
    AsName,
    Directory,
    append_one,
    find_record,
    parse_place,
    read_input,
    submit,
    writing,
)
from ledger.cli.terminal import note, progress, result, result_json
from ledger.errors import BadRequest
from ledger.importing import authored_ms
from ledger.linkage import check_record
from ledger.linkage.subjects import checked
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.record.header import Header
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position
from ledger.wire.sealed import MAX_CONTENT

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


def add_to(app: typer.Typer) -> None:
    app.command("append")(append)


def append(
    directory: Directory,
    name: AsName,
    record: Annotated[
        str,
        typer.Option(
            "--record",
            metavar="RECORD",
            help="The record's id, or SYSTEM|VALUE; @FILE or - to read it there.",
            show_default=False,
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="The content; FHIR up to 16 MiB.", show_default=False
        ),
    ] = None,
    media_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="The content's media type.")
    ] = FHIR_JSON,
    amends: Annotated[
        Position | None,
        typer.Option(
            "--amends",
            metavar="INDEX",
            help="The entry that this replaces; 34~1 stands one log back.",
            parser=parse_place,
            show_default=False,
        ),
    ] = None,
    retracts: Annotated[
        Position | None,
        typer.Option(
            "--retracts",
            metavar="INDEX",
            help="The entry that is taken back; takes no FILE.",
            parser=parse_place,
            show_default=False,
        ),
    ] = None,
    reason: heading.Reason = None,
    on_behalf_of: heading.OnBehalfOf = None,
    machine: heading.Machine = None,
    source: heading.SourceOption = None,
    kind: heading.KindOption = None,
    label: heading.Labels = None,
    state: heading.StateOption = None,
    approve_after: heading.ApproveAfter = None,
    shared: heading.Shared = False,
    as_json: AsJson = False,
) -> None:
    """Append, amend or retract an entry; prints its index.

    Nothing is overwritten: the amended entry stays, and the history shows both.

    \b
    counterfoil append ledger --as clinic --record RECORD result.json
    counterfoil append ledger --as clinic --record RECORD scan.pdf --type application/pdf
    counterfoil append ledger --as clinic --record RECORD corrected.json --amends 27 \\
        --reason 'unit was wrong'
    counterfoil append ledger --as clinic --record RECORD --retracts 27 --reason 'entered twice'
    counterfoil append ledger --as clinic --record RECORD letter.pdf --type application/pdf \\
        --state unapproved --approve-after 24h
    """
    if (file is None) == (retracts is None) or (amends is not None and retracts is not None):
        raise BadRequest(
            "give a FILE (with --amends INDEX or without), or --retracts INDEX alone",
            hint="see `counterfoil append --help`",
        )
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise BadRequest("--type is no media type", hint="like application/pdf or text/plain")
    if reason is None and (amends is not None or retracts is not None):
        raise BadRequest(
            "an amendment or a retraction needs its reason", hint="add --reason TEXT; it is sealed"
        )
    header = Header(
        media_type if file is not None else CBOR,
        reason=reason,
        machine=machine,
        source=source,
        kind=kind,
        labels=tuple(label or ()),
        state=state,
        approve_after_ms=None if approve_after is None else heading.parse_duration(approve_after),
        shared=True if shared else None,
    )
    header.encode()
    large = file is not None and media_type != FHIR_JSON and _size(file) > MAX_CONTENT
    content = b""
    if file is not None and not large:
        content = read_input(file, MAX_CONTENT, "name its --type, unless it is FHIR")
    with writing(directory) as log:
        author = authors.signer(log, name)
        chain = find_record(log.reader, log.vault.tag, record)
        check_record(log.reader, chain)
        fields = replace(header, on_behalf_of=heading.actor_named(log, on_behalf_of)).encode()
        if retracts is not None:
            draft = _changing(log, Draft(chain, b"", CBOR, Kind.RETRACT, fields), retracts)
        else:
            draft = replace(_record(log, author, chain, content, media_type), header=fields)
            if amends is not None:
                draft = _changing(log, draft, amends, Kind.AMEND)
        known = _known(log, draft) if draft.kind is Kind.RECORD else None
        if known is not None:
            place = known
        elif large and file is not None:
            place = _append_large(log, author, draft, file)
        else:
            place = Position(append_one(log, author, draft).index)
    if as_json:
        result_json({**place_fields(place), "known": known is not None, "record": chain.hex()})
    else:
        result(str(place))
    if known is not None:
        note("these bytes were there already: nothing was added")


def _size(path: Path) -> int:
    """Bytes of a file; 0 when that is not known, as of a pipe."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _append_large(log: Log, author: Author, draft: Draft, path: Path) -> Position:
    total = _size(path)
    try:
        with path.open("rb") as source, progress() as advance:
            submission = author.large(
                draft,
                source,
                log.reader.store.large,
                lambda done: advance("MiB sealed", done >> 20, total >> 20),
            )
    except PermissionError as error:
        raise BadRequest(
            f"cannot read {path.name}: {(error.strerror or 'refused').lower()}",
            hint="check the path and its permissions",
        ) from error
    return Position(submit(log, submission).index)


def _record(log: Log, author: Author, chain: ChainId, content: bytes, media_type: str) -> Draft:
    if media_type != FHIR_JSON:
        return Draft(chain, content, media_type)
    resource, tag = checked(log.reader, log.vault.tag, author.id, chain, content)
    return Draft(chain, content, authored_ms=authored_ms(resource.parsed), tags=(tag,))


def _changing(log: Log, draft: Draft, place: Position, kind: Kind = Kind.RETRACT) -> Draft:
    hash_ = leaf_hash(log.reader.entry(*place).raw)
    return replace(draft, kind=kind, amended=hash_, amends=place)


def _known(log: Log, draft: Draft) -> Position | None:
    """Where this author's same bytes stand in the same record."""
    for tag in draft.tags:
        position = log.reader.find_tag(tag)
        if position is not None and log.reader.entry(*position).leaf.claim.chain == draft.chain:
            return position
    return None
