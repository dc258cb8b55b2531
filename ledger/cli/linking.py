"""link, unlink, join, part, move: whose record it is."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.cli import authors
from ledger.cli.describe import place_fields
from ledger.cli.releasing import check_purpose
from ledger.cli.session import (
    AsJson,
    AsName,
    Directory,
    append_one,
    find_record,
    parse_place,
    writing,
)
from ledger.cli.terminal import note, result, result_json
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir import Identifier
from ledger.linkage import Linkage
from ledger.linkage.joining import join as join_records
from ledger.linkage.joining import part as part_records
from ledger.linkage.moving import PURPOSE, Mover
from ledger.wire.ids import Position

Alias = Annotated[
    str,
    typer.Argument(
        metavar="SYSTEM|VALUE", help="A patient identifier, in quotes.", show_default=False
    ),
]
Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD", help="A record's id, or SYSTEM|VALUE linked to it.", show_default=False
    ),
]
OtherRecord = Annotated[
    str, typer.Argument(metavar="RECORD", help="The other record.", show_default=False)
]
Reason = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help="Why; it is sealed.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    for command in (link, unlink, join, part, move):
        app.command(command.__name__)(command)


def parse_identifier(text: str) -> Identifier:
    """Raises BadRequest."""
    system, bar, value = text.partition("|")
    if not bar or not system or not value:
        raise BadRequest(
            "the patient identifier is not of the form SYSTEM|VALUE",
            hint="like 'urn:oid:1.2.392.100495.20.3.51.1310000001|12345', in quotes",
        )
    return Identifier(system, value)


def link(
    directory: Directory, alias: Alias, record: Record, name: AsName, as_json: AsJson = False
) -> None:
    """Link a patient identifier to a record; prints the link's index.

    \b
    counterfoil link ledger 'urn:oid:1.2.3|C07002' RECORD --as clinic
    """
    identifier = parse_identifier(alias)
    with writing(directory) as log:
        author = authors.signer(log, name)
        linkage = Linkage(log.reader, log.vault.tag)
        chain = find_record(log.reader, log.vault.tag, record)
        linkage.check_free(identifier, chain)
        known = linkage.find(identifier) is not None
        place = log.reader.find_tag(linkage.tag(identifier)) if known else None
        if place is None:
            place = Position(append_one(log, author, linkage.link(identifier, chain)).index)
    if as_json:
        result_json({**place_fields(place), "known": known, "record": chain.hex()})
    else:
        result(str(place))
    if known:
        note("it is linked to that record already: nothing was added")


def unlink(
    directory: Directory, alias: Alias, name: AsName, reason: Reason, as_json: AsJson = False
) -> None:
    """End the link of a patient identifier; prints the index of the entry that does.

    The identifier is then linked to no record, and can be linked to another. What was appended
    meanwhile stays where it is: `counterfoil move` puts it right.

    \b
    counterfoil unlink ledger 'urn:oid:1.2.3|C07002' --as clinic --reason 'another patient'
    """
    identifier = parse_identifier(alias)
    with writing(directory) as log:
        author = authors.signer(log, name)
        draft = Linkage(log.reader, log.vault.tag).unlink(identifier, reason)
        index = append_one(log, author, draft).index
    if as_json:
        result_json({"index": index, "record": draft.chain.hex()})
    else:
        result(str(index))
    note(f"it is linked to no record now; it was to {draft.chain.hex()}")


def join(
    directory: Directory, one: Record, other: OtherRecord, name: AsName, as_json: AsJson = False
) -> None:
    """Join two records of one person; prints the indexes of the two links.

    Both stay as they are, each with its own proofs of completeness. Timelines show them as one.

    \b
    counterfoil join ledger RECORD RECORD --as clinic
    """
    with writing(directory) as log:
        author = authors.signer(log, name)
        first, second = (find_record(log.reader, log.vault.tag, text) for text in (one, other))
        indexes = join_records(log, author, first, second)
    if as_json:
        result_json({"indexes": indexes})
    else:
        result(" ".join(map(str, indexes)))
    if not indexes:
        note("they are joined already: nothing was added")


def part(
    directory: Directory,
    one: Record,
    other: OtherRecord,
    name: AsName,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Undo the joining of two records; prints the indexes of the entries that do.

    \b
    counterfoil part ledger RECORD RECORD --as clinic --reason 'two people after all'
    """
    with writing(directory) as log:
        author = authors.signer(log, name)
        first, second = (find_record(log.reader, log.vault.tag, text) for text in (one, other))
        indexes = part_records(log, author, first, second, reason)
    if as_json:
        result_json({"indexes": indexes})
    else:
        result(" ".join(map(str, indexes)))


def move(
    directory: Directory,
    places: Annotated[
        list[Position],
        typer.Argument(
            metavar="INDEX...",
            help="Entries of the documents; 34~1 is entry 34 of the log before this one.",
            parser=parse_place,
            show_default=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="RECORD", help="The right record.", show_default=False),
    ],
    name: AsName,
    reason: Reason,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="CODE", help="What the reading is for.")
    ] = PURPOSE,
    as_json: AsJson = False,
) -> None:
    """Move documents that stand in the wrong person's record.

    Each is appended again, byte for byte, in the right record, and retracted where it was; the
    entries stay, and accesses are known in both. Run again, it completes a move that was cut short.

    \b
    counterfoil move ledger 27 31 --to RECORD --as clinic --reason 'filed for another patient'
    """
    check_purpose(purpose)
    with writing(directory) as log:
        author = authors.signer(log, name)
        chain = find_record(log.reader, log.vault.tag, to)
        mover = Mover(log, author, places, chain, reason, purpose)
        moved = mover.moved
        try:
            mover.run()
        except CounterfoilError:
            note(
                f"{moved.appended} entries were appended and {moved.retracted} of "
                f"{moved.documents} documents retracted before this: the same command goes on"
            )
            raise
    if as_json:
        result_json(
            {
                "documents": moved.documents,
                "appended": moved.appended,
                "retracted": moved.retracted,
                "accesses": moved.told,
            }
        )
        return
    result(
        f"{moved.documents} documents: {moved.appended} entries appended, "
        f"{moved.retracted} retracted, {moved.told} accesses told"
    )
    if not moved.appended and not moved.retracted:
        note("they were moved already: nothing was added but accesses that were not known there")
