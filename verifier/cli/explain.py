"""`explain`: any object in readable form."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from verifier.cli.arguments import Commands, add_command, must_read
from verifier.cli.outcome import finish
from verifier.errors import NotVerified
from verifier.evidence.container import MAX_EVIDENCE_BYTES
from verifier.explain import KINDS, explain
from verifier.explain.fields import Field
from verifier.verdicts.report import problem_lines

EXAMPLES = """\
  counterfoil-verify explain mine.evidence
  counterfoil-verify explain export/checkpoint
  counterfoil-verify explain export/tile/0/000 --as tile
"""


def add(commands: Commands) -> None:
    summary = "show any object of a log in readable form, with byte offsets; verifies nothing"
    parser = add_command(commands, "explain", summary, EXAMPLES)
    parser.add_argument("file", metavar="FILE", help="a file")
    parser.add_argument(
        "--as", dest="kind", choices=tuple(KINDS), help="what it is; found out when not given"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    raw = must_read(options.file, MAX_EVIDENCE_BYTES)
    try:
        kind, fields = explain(raw, options.kind)
    except NotVerified as error:
        said = f"false: this is no {options.kind}"
        if options.json:
            said = json.dumps({"verdict": "false", "kind": options.kind})
        return finish(said, problem_lines([error.problem]), verified=False)
    if options.json:
        shown = [field._asdict() for field in fields]
        said = json.dumps({"verdict": "not verified", "kind": kind, "fields": shown})
    else:
        said = "\n".join([f"not verified: {kind}, {len(raw)} bytes", *_lines(fields)])
    return finish(said, [], verified=True)


def _lines(fields: list[Field]) -> Iterator[str]:
    for field in fields:
        # Offsets in what base64 decodes to are marked: they are not the file's.
        start = f"+{field.start}" if field.decoded else str(field.start)
        value = f": {field.value}" if field.value else ""
        size = field.end - field.start
        yield f"{start:>9} {size:>7}  {'  ' * field.depth}{field.name}{value}"
