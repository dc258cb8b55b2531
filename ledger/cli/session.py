"""Opening a ledger for one command, and the arguments that most commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ledger.admission import Submission
from ledger.author import Author, Draft
from ledger.cli.private import line_of
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir import Identifier
from ledger.linkage import Linkage, Tagger
from ledger.log import Log
from ledger.reader import Reader, open_reader
from ledger.sequencer import Appended
from ledger.vault.opening import open_vault
from ledger.wire.ids import ID_SIZE, ChainId, Position

_PLACE = re.compile(r"([0-9]{1,15})(?:~([0-9]{1,3}))?", re.ASCII)

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="The ledger's directory.", show_default=False)
]
Index = Annotated[
    int, typer.Argument(metavar="INDEX", help="The entry's index, from 0.", show_default=False)
]


def parse_place(text: str) -> Position:
    """INDEX, or INDEX~BACK for an entry of an earlier log. Raises typer.BadParameter."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise typer.BadParameter("like 34, or 34~1 for entry 34 of the log before this one")
    return Position(int(match[1]), int(match[2] or 0))


def place_json(place: Position | None) -> int | str | None:
    """The same for a program: a number in this log."""
    if place is None:
        return None
    return str(place) if place.back else place.at


Place = Annotated[
    Position,
    typer.Argument(
        metavar="INDEX",
        help="The entry's index; 34~1 is entry 34 of the log before this one.",
        parser=parse_place,
        show_default=False,
    ),
]
AsName = Annotated[
    str,
    typer.Option("--as", metavar="NAME", help="The enrolled author who signs.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="F", help="The file to write or replace.", show_default=False
    ),
]


@contextmanager
def writing(directory: Path, *, ended: bool = False) -> Iterator[Log]:
    """The open ledger; everything handed in is durable when this ends. ``ended``: also one that
    another took over from, for what is done to its vault.
    """
    with Log.open(named(directory), unlock=current_unlock(), ended=ended) as log:
        yield log


@contextmanager
def reading(directory: Path) -> Iterator[Reader]:
    """A reader beside the writer, if there is one."""
    reader = open_reader(named(directory))
    try:
        yield reader
    finally:
        reader.close()


def named(directory: Path) -> Path:
    """The directory by a path that ends in its own name and leads through no link of that name:
    messages use the name, and the guard lies beside the directory itself.
    """
    if directory.name in ("", "..") or directory.is_symlink():
        return Path(os.path.realpath(directory))
    return directory


def append_one(log: Log, author: Author, draft: Draft) -> Appended:
    """Append one entry durably. Raises what it is refused for."""
    return submit(log, author.entry(draft))


def submit(log: Log, submission: Submission) -> Appended:
    """Append one entry that is sealed and signed. Raises what it is refused for."""
    (outcome,) = log.append([submission])
    if isinstance(outcome, CounterfoilError):
        raise outcome
    return outcome


def parse_record(text: str) -> ChainId:
    """A record's id as it is printed. Raises BadRequest."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != ID_SIZE or len(text) != 2 * ID_SIZE:
        raise BadRequest(
            "a record's id is 32 hexadecimal digits",
            hint="`counterfoil import` prints the ids of the records that it opens",
        )
    return ChainId(raw)


def read_input(path: Path, limit: int, hint: str) -> bytes:
    """A file that the user named. Raises BadRequest when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadRequest(
            f"cannot read {path.name}: {(error.strerror or 'refused').lower()}",
            hint="check the path and its permissions",
        ) from error
    if len(data) > limit:
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
        raise BadRequest(f"{path.name} is larger than {size}", hint=hint)
    return data


def find_record(reader: Reader, tag: Tagger | None, text: str) -> ChainId:
    """A record by its id, or by a patient identifier that is linked to it.

    ``@FILE`` and ``-`` stand for either. Raises BadRequest.
    """
    text = line_of(text)
    if "|" not in text:
        return parse_record(text)
    system, _, value = text.partition("|")
    tagger = tag or _tagger(reader)
    record = Linkage(reader, tagger).find(Identifier(system, value))
    if record is None:
        raise BadRequest(
            "this patient identifier is linked to no record",
            hint="link it by an import with --create or --person",
        )
    return record


def _tagger(reader: Reader) -> Tagger:
    secrets = open_vault(reader.layout.vault, current_unlock())
    secrets.check_log(reader.registry.log)
    return secrets.tags.tag
