"""import"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import authors
from ledger.cli.outcome import DONE, SOME_REFUSED
from ledger.cli.private import lines_of
from ledger.cli.session import AsJson, AsName, Directory, parse_record, writing
from ledger.cli.terminal import note, progress, result, result_json, result_table
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir import Identifier
from ledger.importing import Importer, Refusal, Summary
from ledger.store.files import OWNER_FILE
from ledger.wire.ids import ChainId

_SHOWN = 10
_FIELDS = {"source", "reason", "hint"}


def add_to(app: typer.Typer) -> None:
    app.command("import")(import_files)


def import_files(
    directory: Directory,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="FHIR R4 as NDJSON or Bundle, all of one sender.",
            show_default=False,
        ),
    ],
    name: AsName,
    create: Annotated[
        bool, typer.Option("--create", help="Open a record for each unknown patient.")
    ] = False,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person",
            metavar="SYSTEM|VALUE=RECORD",
            help="Link an unknown patient identifier to this record; may be repeated.",
            show_default=False,
        ),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(
            "--errors",
            metavar="FILE",
            help="Where refused lines are listed, as NDJSON without health data.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Import FHIR files into their patients' records.

    Each resource becomes one signed entry, byte for byte. Patients are told apart by identifier,
    never by name. A second run adds nothing, and completes a run that was cut short. Refused lines
    leave the others alone (exit code 4).

    \b
    counterfoil import ledger hospital.ndjson --as hospital --create
    counterfoil import ledger clinic.ndjson --as clinic --person 'urn:oid:1.2.3|C07002=RECORD'
    """
    declared = dict(_parse_person(line) for text in person or () for line in lines_of(text))
    with writing(directory) as log, _Refusals(errors) as refusals, progress() as advance:
        importer = Importer(
            log,
            authors.signer(log, name),
            create=create,
            declared=declared,
            refuse=refusals.add,
            advance=lambda done, total: advance("importing" if total else "reading", done, total),
        )
        try:
            summary = importer.run(files)
        except CounterfoilError:
            if importer.summary.added:
                note(f"{importer.summary.added} entries were added before this")
            raise
    refusals.show()
    if summary.unused:
        note(f"{summary.unused} identifier(s) given with --person stand in none of the files")
    if as_json:
        _print_json(summary)
    else:
        _print(summary)
    return SOME_REFUSED if summary.refused else DONE


def _print(summary: Summary) -> None:
    rows = [
        ("added", summary.added),
        ("known already", summary.known),
        ("refused", summary.refused),
        ("records opened", len(summary.opened)),
        ("identifiers linked", summary.linked),
    ]
    result_table(("resources and records", "number"), rows)
    for record, source in summary.opened[:_SHOWN]:
        result(f"record {record.hex()} opened for {source}")
    if len(summary.opened) > _SHOWN:
        result(f"and {len(summary.opened) - _SHOWN} more: --json lists all")


def _print_json(summary: Summary) -> None:
    result_json(
        {
            "read": summary.read,
            "added": summary.added,
            "known": summary.known,
            "refused": summary.refused,
            "linked": summary.linked,
            "opened": [
                {"record": record.hex(), "source": source} for record, source in summary.opened
            ],
        }
    )


def _parse_person(text: str) -> tuple[Identifier, ChainId]:
    pair, equals, record = text.rpartition("=")
    system, bar, value = pair.partition("|")
    if not equals or not bar or not system or not value:
        raise BadRequest(
            "--person is not of the form SYSTEM|VALUE=RECORD",
            hint="like 'urn:oid:1.2.392.100495.20.3.51.1310000001|12345=RECORD', in quotes",
        )
    return Identifier(system, value), parse_record(record)


class _Refusals:
    """Refused lines: the first few for the terminal, all of them for the file."""

    def __init__(self, path: Path | None) -> None:
        """Raises BadRequest when the file exists and is no list of refusals."""
        self._path = path
        self._first: list[Refusal] = []
        self._count = 0
        self._file = None
        if path is None:
            return
        _check_replaceable(path)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_FILE)
        except OSError as error:
            raise BadRequest(
                f"cannot write {path.name}: {(error.strerror or 'refused').lower()}",
                hint="name a file in a directory that can be written",
            ) from error
        self._file = os.fdopen(handle, "w", encoding="utf-8")

    def __enter__(self) -> _Refusals:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, refusal: Refusal) -> None:
        self._count += 1
        if len(self._first) < _SHOWN:
            self._first.append(refusal)
        if self._file is not None:
            row = {"source": refusal.source, "reason": refusal.reason, "hint": refusal.hint}
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def show(self) -> None:
        hint = ""
        for one in self._first:
            note(f"refused {one.source}: {one.reason}")
            if one.hint != hint:
                note(f"hint: {one.hint}")
            hint = one.hint
        rest = self._count - len(self._first)
        where = f"all are in {self._path.name}" if self._path else "--errors FILE lists all"
        if rest:
            note(f"and {rest} more: {where}")


def _check_replaceable(path: Path) -> None:
    """A file of the user's own is never overwritten by a slip of the hand."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            return
        with path.open(encoding="utf-8") as file:
            row = json.loads(file.readline(65_536))
        if isinstance(row, dict) and set(row) == _FIELDS:
            return
    except (OSError, ValueError):
        pass
    raise BadRequest(
        f"{path.name} exists and is no list of refused lines", hint="name another file"
    )
