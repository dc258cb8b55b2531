"""timeline"""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Annotated

import typer

from ledger.cli import authors
from ledger.cli.releasing import check_purpose
from ledger.cli.session import AsJson, Directory, find_record, named, writing
from ledger.cli.showing import Record
from ledger.cli.terminal import note, result_json, result_table
from ledger.cli.viewing import Sight, as_json
from ledger.cli.words import Language, language_of
from ledger.errors import BadRequest
from ledger.linkage import check_record
from ledger.linkage.opening import gather
from ledger.linkage.standing import RegistryStanding
from ledger.record.model import Viewer
from ledger.record.views import timeline as view_of


def add_to(app: typer.Typer) -> None:
    app.command("timeline")(timeline)


def timeline(
    directory: Directory,
    record: Record,
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who reads.", show_default=False)
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            "--purpose",
            metavar="CODE",
            help="What for: a v3 PurposeOfUse code such as TREAT or PATRQT.",
            show_default=False,
        ),
    ] = None,
    view: Annotated[Viewer, typer.Option("--view", help="Whose sight of it.")] = Viewer.INSTITUTION,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="As it was then, like 2026-01-31T12:00:00Z. [default: now]",
            show_default=False,
        ),
    ] = None,
    accesses: Annotated[
        bool, typer.Option("--accesses", help="Open access entries too: what they were for.")
    ] = False,
    lang: Annotated[
        Language | None, typer.Option("--lang", help="[default: of LANG]", show_default=False)
    ] = None,
    as_json_: AsJson = False,
) -> None:
    """Show a record in time, with the records joined with it.

    What entries say about themselves is sealed with their content, so this is a reading: access
    entries name what was read.

    \b
    counterfoil timeline ledger RECORD --as clinic --purpose TREAT
    counterfoil timeline ledger RECORD --as clinic --purpose PATRQT --view person --lang ja
    """
    if name is None or purpose is None:
        raise BadRequest(
            "a timeline is shown to somebody for a purpose",
            hint="add --as NAME and --purpose CODE, such as TREAT",
        )
    check_purpose(purpose)
    at = None if as_of is None else _parse_time(as_of)
    with writing(directory) as log:
        author = authors.signer(log, name)
        chain = find_record(log.reader, log.vault.tag, record)
        check_record(log.reader, chain)
        if at is None:
            newest = log.reader.entry(log.reader.checkpoint.size - 1).leaf.received_ms
            at = max(time.time_ns() // 1_000_000, newest)
        gathered = gather(log, author, chain, purpose, at, with_accesses=accesses)
        names = authors.known_authors(named(directory), log.reader.registry)
        shown = view_of(chain, gathered.entries, RegistryStanding(log.reader), view, at)
    language = lang or language_of(os.environ.get("LC_ALL") or os.environ.get("LANG", ""))
    sight = Sight(shown, language, names, gathered.titles)
    if as_json_:
        result_json({**as_json(sight), "access_entries": gathered.accesses})
    else:
        result_table(sight.columns(), sight.rows())
    if gathered.accesses:
        note("access entry " + " ".join(map(str, gathered.accesses)))


def _parse_time(text: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or parsed.timestamp() < 0:
        raise BadRequest(
            "--as-of is no time with a zone", hint="like 2026-01-31T12:00:00Z or …+09:00"
        )
    return int(parsed.timestamp() * 1000)
