"""`compare`: two views of one log."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from verifier.cli.arguments import Commands, add_command, add_policy, must_read, policy_of
from verifier.cli.credentials import add_credentials, credentials_of
from verifier.cli.outcome import finish
from verifier.evidence.container import MAX_EVIDENCE_BYTES
from verifier.fetch import NOBODY, open_source, same_server
from verifier.formats.tiles import Source
from verifier.states import verdict as words
from verifier.states.compare import Comparison, View, compare, view_of
from verifier.states.keeping import Recorded, keep_evidence
from verifier.verdicts.report import problem_lines

EXAMPLES = """\
  counterfoil-verify compare https://log.example.com/ ./mirror --policy F
  counterfoil-verify compare https://log.example.com/ https://mirror.example.net/ --policy F
  counterfoil-verify compare mine.checkpoint ./export --policy F --keep ./split-view
"""


def add(commands: Commands) -> None:
    summary = "compare two views of a log: is one the beginning of the other?"
    parser = add_command(commands, "compare", summary, EXAMPLES)
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(),
            metavar=name,
            help="directory or URL of a log in tlog-tiles layout, or a file: "
            "a checkpoint, receipt or evidence file",
        )
    parser.add_argument(
        "--source", metavar="PATH_OR_URL", help="tiles, where the larger one is a checkpoint alone"
    )
    parser.add_argument(
        "--keep", metavar="DIR", help="where to keep both checkpoints when they contradict"
    )
    add_policy(parser)
    add_credentials(parser, "to the server of A alone, over https")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    credentials = credentials_of(options)

    def reach(place: str) -> Source:
        """A token for one server is nothing that another should see."""
        return open_source(place, credentials if same_server(place, options.a) else NOBODY)

    tiles = None if options.source is None else Recorded(reach(options.source))
    views = [_view(place, reach) for place in (options.a, options.b)]
    result = compare(views[0], views[1], policy, tiles)
    problem = result.problem
    if options.keep is not None and result.forked:
        _keep(Path(options.keep), result, [*(view.tiles for view in views), tiles])
    if options.json:
        found = words.as_json(result.older, result.newer, problem, result.forked)
        verdict = json.dumps(found)
    elif problem is None and result.older is not None and result.newer is not None:
        verdict = words.continues(result.older, result.newer, policy)
    else:
        verdict = "" if problem is None else words.false(problem, policy, result.forked)
    return finish(verdict, problem_lines([problem] if problem else []), problem is None)


def _view(place: str, reach: Callable[[str], Source]) -> View:
    if "://" in place or Path(place).is_dir():
        return view_of(reach(place))
    return View(must_read(place, MAX_EVIDENCE_BYTES), None)


def _keep(directory: Path, result: Comparison, tiles: list[Recorded | None]) -> None:
    """The checkpoints, and the tiles of the larger one that were read."""
    if result.older is None or result.newer is None:
        return
    answers = {
        path: raw
        for one in tiles
        if one is not None and one.answers.get("checkpoint") in (None, result.newer.note)
        for path, raw in one.answers.items()
    }
    keep_evidence(directory, result.older.note, result.newer.note, answers)
