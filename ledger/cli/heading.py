"""The options of `append` that go into the sealed header, and approve and share."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Final

import typer

from ledger.author import CBOR, Draft
from ledger.cli import authors
from ledger.cli.session import AsJson, AsName, Directory, Place, append_one, writing
from ledger.cli.terminal import note, result, result_json
from ledger.errors import BadRequest
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.record.header import Header, RecordKind, Source, State
from ledger.record.standing import QUALIFIED
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, Position

_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Reason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why; needed for --amends and --retracts.",
        show_default=False,
    ),
]
OnBehalfOf = Annotated[
    str | None,
    typer.Option("--on-behalf-of", metavar="NAME", help="For whom NAME signs.", show_default=False),
]
Machine = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME",
        help="The software that wrote it; marked in every view.",
        show_default=False,
    ),
]
SourceOption = Annotated[
    Source | None,
    typer.Option("--source", help="Who observed it. [default: by role]", show_default=False),
]
KindOption = Annotated[
    RecordKind | None,
    typer.Option("--kind", help="The kind of record. [default: by source]", show_default=False),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="TEXT", help="May be repeated.", show_default=False),
]
StateOption = Annotated[
    State | None,
    typer.Option("--state", help="Of a document that is to be approved.", show_default=False),
]
ApproveAfter = Annotated[
    str | None,
    typer.Option(
        "--approve-after",
        metavar="TIME",
        help="Approved by time after 30m, 24h, 7d …",
        show_default=False,
    ),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="A deliberation or communication for the person too.")
]


def add_to(app: typer.Typer) -> None:
    app.command("approve")(approve)
    app.command("share")(share)


def parse_duration(text: str) -> int:
    """Milliseconds of 30m, 24h, 7d. Raises BadRequest."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadRequest("--approve-after is no time", hint="like 30m, 24h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def actor_named(log: Log, name: str | None) -> ActorId | None:
    """An author that this machine knows. Raises BadRequest."""
    return None if name is None else authors.must_know(log.layout.directory, name)


def approve(
    directory: Directory,
    place: Place,
    name: AsName,
    reason: Reason = None,
    on_behalf_of: OnBehalfOf = None,
    as_json: AsJson = False,
) -> None:
    """Approve a version of a document; prints the index of the entry that does.

    The content stays that of the version. It counts when NAME is a practitioner, an organisation,
    or a gateway on behalf of one.

    \b
    counterfoil approve ledger 27 --as dr-mori
    """
    header = Header(CBOR, state=State.APPROVED, reason=reason)
    _change(directory, place, name, header, on_behalf_of, as_json)


def share(
    directory: Directory,
    place: Place,
    name: AsName,
    stop: Annotated[bool, typer.Option("--stop", help="Share it no more.")] = False,
    reason: Reason = None,
    on_behalf_of: OnBehalfOf = None,
    as_json: AsJson = False,
) -> None:
    """Share a deliberation or communication with the person it is about.

    \b
    counterfoil share ledger 27 --as clinic
    """
    header = Header(CBOR, shared=not stop, reason=reason)
    _change(directory, place, name, header, on_behalf_of, as_json)


def _change(
    directory: Directory,
    place: Position,
    name: str,
    header: Header,
    on_behalf_of: str | None,
    as_json: bool,
) -> None:
    with writing(directory) as log:
        author = authors.signer(log, name)
        principal = actor_named(log, on_behalf_of)
        header = replace(header, keeps_content=True, on_behalf_of=principal)
        entry = log.reader.entry(*place)
        draft = Draft(
            entry.leaf.claim.chain,
            b"",
            CBOR,
            Kind.AMEND,
            header.encode(),
            amended=leaf_hash(entry.raw),
            amends=entry.position,
        )
        appended = append_one(log, author, draft).index
        signer = log.reader.registry.actors[author.id].role
    if as_json:
        result_json({"index": appended})
    else:
        result(str(appended))
    if signer not in QUALIFIED and on_behalf_of is None and header.state is not None:
        note(f"an approval by a {signer} does not count: it is shown as what it is")
